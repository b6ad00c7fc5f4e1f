"""Linear systems of equations, one solver a file."""
