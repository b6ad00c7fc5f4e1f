"""Polynomials in Chebyshev form, and the rotation angles that make a circuit apply them."""
