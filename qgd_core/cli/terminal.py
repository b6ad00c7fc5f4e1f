"""What the commands share: the console they print to, and the packages they may ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from qgd_core.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100  # of tables that go to a file or a pipe
EXTRAS = {"learn": ("torch", "sklearn"), "report": ("matplotlib", "jinja2")}


def open_console() -> Console:
    """Standard output, wide enough for the tables where it is not a terminal."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under their heads."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*row)
    open_console().print(table)


def require(*extras: str) -> None:
    """Refuse to go on without the packages of these extras."""
    missing = [name for extra in extras for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"This command needs {', '.join(missing)}, not installed here.",
            subject=missing,
            remedy=f"Run pip install 'qgd-core[{','.join(extras)}]'.",
        )
