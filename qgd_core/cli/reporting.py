"""qgd report: the tables and the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qgd_core.cli.terminal import open_console, require
from qgd_core.errors import ResultMissing

if TYPE_CHECKING:
    from rich.console import Console

    from qgd_core.reports.run import Run


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run, such as runs/breast_cancer-001.")],
) -> None:
    """Print a run's tables and write its figures and report again."""
    from qgd_core.reports.run import Run

    require("report")
    show(Run.open(run), open_console())


def show(run: Run, console: Console) -> None:
    """Write a run's report and print its tables."""
    from qgd_core.reports.html import write_report
    from qgd_core.reports.tables import end_table, for_terminal, refusals, verdict, window_tables

    if not run.windows:
        raise ResultMissing(
            f"{run.path} has no finished window yet.",
            subject=str(run.path),
            remedy="Continue it with --resume.",
        )
    write_report(run)
    for table in [*window_tables(run.windows), *([end_table(run.end)] if run.end else [])]:
        console.print(for_terminal(table))
    console.print("\n".join([verdict(run.windows), *refusals(run.windows)]))
    console.print(f"Report: {run.path / 'report.html'}", soft_wrap=True)
