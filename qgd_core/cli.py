"""The shell: qgd train, qgd backends, qgd report. Heavy libraries are loaded only by the command that needs them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qgd_core import __version__
from qgd_core.errors import ConfigError, QgdError, ResultMissing

if TYPE_CHECKING:
    from rich.console import Console

    from qgd_core.config import Config
    from qgd_core.reports.run import Run

WIDTH = 100  # of tables that go to a file or a pipe
EXTRAS = {"learn": ("torch", "sklearn"), "report": ("matplotlib", "jinja2")}
LAST = "last"  # what a bare --resume stands for

app = typer.Typer(
    name="qgd",
    help="Train classical models with fault-tolerant quantum algorithms.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)


def main() -> None:
    """Run the shell; an error of ours becomes one sentence on stderr and exit code 2."""
    try:
        app(args=_complete(sys.argv[1:]), prog_name="qgd")
    except QgdError as error:
        print(f"qgd: {error}", file=sys.stderr)
        raise SystemExit(2) from None


@app.callback(invoke_without_command=True)
def start(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Train classical models with fault-tolerant quantum algorithms."""
    if version:
        print(f"qgd {__version__}")
        raise typer.Exit


@app.command()
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
    _require("learn", "report")
    check_writable(out)
    get_backend(config.backend, **config.backend_options)
    _train(config, file.stem, out, run)


@app.command()
def backends() -> None:
    """List the installed backends, the broken ones with their reason."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from qgd_core.backends.registry import list_backends

    table = Table(box=SIMPLE_HEAD)
    for head in ("backend", "targets", "from", "status"):
        table.add_column(head)
    for row in list_backends():
        status = ": ".join(filter(None, (row.status, row.reason)))
        table.add_row(row.name, ", ".join(row.targets) or "-", f"{row.distribution} {row.version}", status)
    _console().print(table)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run, such as runs/breast_cancer-001.")],
) -> None:
    """Print a run's tables and write its figures and report again."""
    from qgd_core.reports.run import Run

    _require("report")
    _show(Run.open(run), _console())


def _train(config: Config, name: str, out: Path, run: Run | None) -> None:
    """Train with a progress bar; every finished window is kept, so that Ctrl-C loses at most one."""
    from contextlib import nullcontext

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from qgd_core.learn.trainer import train as run_training
    from qgd_core.reports.run import Run

    console = _console()
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
    _show(folder[0], console)


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


def _show(run: Run, console: Console) -> None:
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


def _require(*extras: str) -> None:
    """Refuse to go on without the packages of these extras."""
    missing = [name for extra in extras for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"This command needs {', '.join(missing)}, not installed here.",
            subject=missing,
            remedy=f"Run pip install 'qgd-core[{','.join(extras)}]'.",
        )


def _complete(arguments: list[str]) -> list[str]:
    """Give a bare --resume its value."""
    completed = []
    for argument, following in pairwise([*arguments, "-"]):
        completed.append(argument)
        if argument == "--resume" and (following.startswith("-") or following.endswith(".toml")):
            completed.append(LAST)
    return completed


def _console() -> Console:
    """Standard output, wide enough for the tables where it is not a terminal."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console
