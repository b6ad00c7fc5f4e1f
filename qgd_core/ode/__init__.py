"""Linear recurrences and differential equations, one solver a file."""
