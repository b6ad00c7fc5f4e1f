"""qgd new-backend, qgd conformance: for those who write a backend, and those who want to know whether to trust one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qgd_core.errors import ConfigError


def new_backend(
    name: Annotated[str, typer.Argument(help="What the backend will be called, such as mysim.")],
    out: Annotated[Path, typer.Option(help="Folder that receives the package.")] = Path(),
) -> None:
    """Write the package of a new backend, which runs on a toy engine at once."""
    from qgd_core.cli.skeleton import write_skeleton

    project = write_skeleton(name, out)
    print(f"Wrote {project}. Next:\n    pip install -e {project}\n    qgd conformance {name}")


def conformance(
    name: Annotated[str, typer.Argument(help="A backend, such as qiskit:aer.")],
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the sheet as JSON too.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Give the backend an option; repeatable."),
    ] = None,
    gaps: Annotated[
        Path | None, typer.Option(metavar="FILE", help='Known gaps, as TOML: check = "reason".')
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="Run this check alone; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the checks.")] = 1,
    shots: Annotated[int, typer.Option(min=1, help="Shots of each sampling check.")] = 40_000,
) -> None:
    """Hold a backend to the conformance suite.

    Exits with 0 if the backend conforms, 1 if it does not, 2 if it cannot be tried.
    """
    from qgd_core.config import read_changes
    from qgd_core.conformance.gaps import read_gaps
    from qgd_core.conformance.runner import run

    options = read_changes(changes or [])
    known = read_gaps(gaps) if gaps else None
    sheet = run(name, options=options, gaps=known, only=only or None, seed=seed, shots=shots)
    print(sheet.to_table())
    if json:
        try:
            json.write_text(sheet.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{json} cannot be written: {error.strerror}.", subject=str(json)) from None
    raise typer.Exit(0 if sheet.passed else 1)
