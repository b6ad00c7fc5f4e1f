"""The shell, one file for each family of commands; `qgd_core.cli:main` is the entry point."""

from __future__ import annotations

from qgd_core.cli.app import main

__all__ = ["main"]
