"""qgd train: a configuration becomes a run folder, window by window."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qgd_core import __version__
from qgd_core.cli.reporting import show
from qgd_core.cli.terminal import open_console, require
from qgd_core.errors import ConfigError, ResultMissing

if TYPE_CHECKING:
    from qgd_core.config import Config
    from qgd_core.reports.run import Run

LAST = "last"  # what a bare --resume stands for


def train(
    file: Annotated[
        Path, typer.Argument(help="The run's configuration, such as examples/breast_cancer.toml.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override one value of FILE; repeatable."),
    ] = None,
    resume: Annotated[
        str,
        typer.Option(metavar="[RUN]", help="Continue an interrupted run of FILE, the last one unless named."),
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder that receives the run's folder.")] = Path("runs"),
) -> None:
    """Train the model that FILE describes, in quantum windows, and write a run folder with a report."""
    from qgd_core.backends.registry import get_backend
    from qgd_core.config import read_config
    from qgd_core.reports.run import check_writable

    config = read_config(file, changes or [])
    run = _reopen(resume, out, file, config) if resume else None
    require("learn", "report")
    check_writable(out)
    get_backend(config.backend, **config.backend_options)
    _train(config, file.stem, out, run)


def _train(config: Config, name: str, out: Path, run: Run | None) -> None:
    """Train with a progress bar; every finished window is kept, so that Ctrl-C loses at most one."""
    from contextlib import nullcontext

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from qgd_core.learn.trainer import train as run_training
    from qgd_core.reports.run import Run

    console = open_console()
    folder = [run] if run else []
    state = run.resume() if run else None
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )

    def keep(record: dict[str, Any], checkpoint: Any) -> None:
        if not folder:
            folder.append(Run.create(out, name, *_opening(config)))
        folder[0].add_window(record, checkpoint)
        bar.console.print(_line(record))

    def advance(stage: str, done: int, total: int) -> None:
        bar.update(task, description=stage, completed=done, total=total)

    try:
        with bar if console.is_terminal else nullcontext():
            task = bar.add_task("starting", total=None)
            result = run_training(config, on_window=keep, on_progress=advance, start=state)
    except KeyboardInterrupt:
        print(_interrupted(folder), file=sys.stderr)
        raise typer.Exit(130) from None
    folder[0].finish(result.summary)
    show(folder[0], console)


def _reopen(resume: str, out: Path, file: Path, config: Config) -> Run:
    """Open the run to continue: the one named, or the last unfinished one of FILE."""
    from qgd_core.config import read_config
    from qgd_core.reports.run import CONFIG, Run, list_runs

    if resume == LAST:
        unfinished = [run for run in map(Run.open, list_runs(out, file.stem)) if run.end is None]
        if not unfinished:
            raise ResultMissing(
                f"{out} holds no unfinished run of {file.stem}.",
                subject=str(out),
                remedy="Start one without --resume, or name a run's folder.",
            )
        run = unfinished[-1]
    else:
        run = Run.open(Path(resume) if Path(resume).exists() else out / resume)
    if run.end is not None:
        raise ConfigError(
            f"{run.path} is complete.",
            subject=str(run.path),
            remedy=f"Look at it with qgd report {run.path}.",
        )
    if read_config(run.path / CONFIG) != config:
        raise ConfigError(
            f"{run.path} was started with another configuration than {file} and its --set values give now.",
            subject=str(run.path),
            remedy=f"Resume it with qgd train {run.path / CONFIG} --resume {run.path}.",
        )
    return run


def _opening(config: Config) -> tuple[str, dict[str, Any]]:
    """The configuration as text, and the record that opens a run."""
    from datetime import UTC, datetime

    from qgd_core.config import write_toml

    windows = config.windows
    return write_toml(config), {
        "version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "backend": config.backend,
        "seed": config.seed,
        "windows": windows.count,
        "steps": windows.steps,
        "order": windows.order,
    }


def _line(record: dict[str, Any]) -> str:
    """One finished window in one line."""
    from qgd_core.reports.tables import count, number

    name = f"window {record['window']}"
    if record["status"] != "quantum":
        return f"{name}: done classically; {record['reason']}"
    error, budget = number("errors.vs_gd")(record), number("errors.vs_gd_budget")(record)
    return (
        f"{name}: {count('resources.qubits')(record)} qubits, {count('resources.two_qubit')(record)} two-qubit "
        f"gates, error {error} of the move (budget {budget}), loss {number('loss.quantum')(record)}"
    )


def _interrupted(folder: list[Run]) -> str:
    if not folder:
        return "qgd: interrupted before the first window was finished; nothing was kept."
    run = folder[0]
    return (
        f"qgd: interrupted; finished windows kept in {run.path}: {len(run.windows)}. "
        "Continue with the same command and --resume."
    )
