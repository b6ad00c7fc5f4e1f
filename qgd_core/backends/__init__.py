"""Backends: what every one promises, how plugins are found, and the two built in."""
