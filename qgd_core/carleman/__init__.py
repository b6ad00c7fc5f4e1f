"""Carleman linearisation: polynomial maps and flows as sparse linear ones."""
