"""The command `qgd` itself: its table of commands, and what becomes of an error."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Annotated

import typer

from qgd_core import __version__
from qgd_core.cli.authoring import conformance, new_backend
from qgd_core.cli.listing import backends, encodings, solvers
from qgd_core.cli.reporting import report
from qgd_core.cli.spectrum import spectrum
from qgd_core.cli.training import LAST, train
from qgd_core.errors import QgdError

COMMANDS = (train, spectrum, report, backends, solvers, encodings, conformance, new_backend)

app = typer.Typer(
    name="qgd",
    help="Train classical models with fault-tolerant quantum algorithms.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)
for command in COMMANDS:
    app.command()(command)


@app.callback(invoke_without_command=True)
def start(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Train classical models with fault-tolerant quantum algorithms."""
    if version:
        print(f"qgd {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the shell; an error of ours becomes one sentence on stderr and exit code 2."""
    try:
        app(args=_complete(sys.argv[1:]), prog_name="qgd")
    except QgdError as error:
        print(f"qgd: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _complete(arguments: list[str]) -> list[str]:
    """Give a bare --resume its value."""
    completed = []
    for argument, following in pairwise([*arguments, "-"]):
        completed.append(argument)
        if argument == "--resume" and (following.startswith("-") or following.endswith(".toml")):
            completed.append(LAST)
    return completed
