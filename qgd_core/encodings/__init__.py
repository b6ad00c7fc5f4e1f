"""Block encodings: circuits that hold a matrix in their upper left block."""
