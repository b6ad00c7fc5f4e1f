"""qgd spectrum: how dissipative is sparse training, from Hessian spectra of the active weights."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from qgd_core.cli.terminal import open_console, require


def spectrum(
    file: Annotated[
        Path, typer.Argument(help="What is measured and how, such as examples/digits_spectrum.toml.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override one value of FILE; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that receives the report's folder.")] = Path("runs"),
) -> None:
    """Train, prune and retrain a residual network, measuring its Hessian's spectrum, and write a report."""
    require("learn", "report")
    from qgd_core.config import read_table, write_toml
    from qgd_core.learn.dissipation import Dissipation, dissipation_report
    from qgd_core.learn.proxy import admissible_stretch
    from qgd_core.reports.run import check_writable, place, write
    from qgd_core.reports.spectrum import write_spectrum_report

    settings = read_table(file, changes or [], Dissipation)
    check_writable(out)
    console = open_console()
    with console.status("starting") as status:
        report = dissipation_report(settings, lambda text: status.update(text))
    out.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{file.stem}-", dir=out))
    try:
        write(draft / "config.toml", write_toml(settings))
        write_spectrum_report(report, draft, file.stem)
        draft.chmod(0o755)
        folder = place(draft, out, file.stem)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    for upload in report.uploads:
        stretch, exact = upload.stretch, admissible_stretch(upload.t, upload.exact)
        console.print(
            f"upload at step {upload.step}: the error proxy stays below 1 for {_say(stretch.window)} after it, its least"
            f" value is {stretch.lowest:.3g}; without cut-off and smoothing for {_say(exact.window)}"
        )
    console.print(f"Report: {folder / 'report.html'}", soft_wrap=True)


def _say(window: float) -> str:
    return f"{window:.0f} steps" if math.isfinite(window) else "the whole cycle"
