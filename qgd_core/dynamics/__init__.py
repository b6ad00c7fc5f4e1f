"""Polynomial vector fields and what makes them dissipative."""
