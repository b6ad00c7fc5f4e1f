"""The report of `qgd spectrum`: densities, proxy and accuracy in the layout of arXiv 2303.03428, Figs 2 and 3."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qgd_core.reports.figures import CLASSICAL, CONTROL, QUANTUM, STYLE
from qgd_core.reports.run import write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from qgd_core.learn.dissipation import DissipationReport, Snapshot

_FLOOR = 1e-6  # of the density axis, relative to the peak
_CEILING = 10.0  # of the proxy's axis: how far it runs away past 1 says little


def write_spectrum_report(report: DissipationReport, folder: Path, name: str = "spectrum") -> None:
    """Write spectrum.json, the figures (SVG and PNG) and report.html into `folder`.

    Arguments: report; folder, which exists; name, of the title.
    Result: none; the same report gives the same files.
    Raises: nothing.
    Source: the figures of arXiv 2303.03428.
    """
    import matplotlib
    from jinja2 import Environment, PackageLoader, StrictUndefined

    write(folder / "spectrum.json", json.dumps(collect(report), indent=1))
    drawn = {}
    for key, draw in _FIGURES.items():
        with matplotlib.rc_context({**STYLE, "svg.hashsalt": key}):
            figure = draw(report)
            for suffix in ("svg", "png"):
                stream = io.BytesIO()
                metadata = {"Date": None} if suffix == "svg" else None
                figure.savefig(stream, format=suffix, dpi=150, metadata=metadata)
                write(folder / f"{key}.{suffix}", stream.getvalue())
                if suffix == "svg":
                    text = stream.getvalue().decode("utf-8")
                    drawn[key] = text[text.index("<svg") :]
    environment = Environment(
        loader=PackageLoader("qgd_core", "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page = environment.get_template("spectrum.html.j2").render(
        name=name, report=collect(report), settings=report.settings.model_dump(), figures=drawn
    )
    write(folder / "report.html", page)


def collect(report: DissipationReport) -> dict[str, Any]:
    """Return the numbers of a report as JSON values; None stands for an error bar or a window without end."""
    return {
        "settings": report.settings.model_dump(),
        "snapshots": [_describe(shot) for shot in report.snapshots],
        "uploads": [
            {
                "step": upload.step,
                "proxy": upload.proxy.tolist(),
                "exact": upload.exact.tolist(),
                "window": _finite(upload.stretch.window),
                "crossing": _finite(upload.stretch.end),
                "best": upload.stretch.best,
                "sensitivity": [
                    {key: _finite(value) for key, value in row.items()} for row in upload.sensitivity
                ],
            }
            for upload in report.uploads
        ],
        "history": [list(row) for row in report.history],
    }


def draw_densities(report: DissipationReport) -> Figure:
    """Draw log density against eigenvalue for every step (the paper's Fig 2a)."""
    figure, axes = _frame("Hessian eigenvalue", "density")
    _draw_densities(axes, list(report.snapshots))
    axes.set_title("Hessian spectrum along training")
    return figure


def draw_pruned(report: DissipationReport) -> Figure:
    """Draw log density against eigenvalue right after the first pruning (the paper's Fig 3)."""
    figure, axes = _frame("Hessian eigenvalue", "density")
    _draw_densities(axes, [shot for shot in report.snapshots if shot.stage == "pruned"][:1])
    axes.set_title("Right after pruning")
    return figure


def draw_proxy(report: DissipationReport) -> Figure:
    """Draw the proxy against the step, flat in the classical steps, its stretch below 1 shaded (the paper's Fig 2b)."""
    figure, axes = _frame("step", "error proxy")
    before = 0.0
    for i, upload in enumerate(report.uploads):
        steps = upload.step + upload.t
        last = (
            report.uploads[i + 1].step - report.settings.classical_steps
            if i + 1 < len(report.uploads)
            else np.inf
        )
        shown = steps <= last
        axes.plot([before, upload.step], [1, 1], color=CLASSICAL, label=None if i else "classical steps")
        axes.plot(steps[shown], upload.proxy[shown], color=QUANTUM, label=None if i else "proxy")
        axes.plot(
            steps[shown],
            upload.exact[shown],
            color=CONTROL,
            linewidth=1,
            label=None if i else "no cut-off, no smoothing",
        )
        end = min(upload.step + upload.stretch.end, float(steps[shown][-1]))
        if end > upload.step:
            axes.axvspan(
                upload.step, end, color=QUANTUM, alpha=0.12, label=None if i else "possible speed-up"
            )
        before = float(steps[shown][-1])
    axes.axhline(1, color=CONTROL, linewidth=0.8, linestyle=":")
    lowest = min(float(values.min()) for upload in report.uploads for values in (upload.proxy, upload.exact))
    axes.set_ylim(min(0.8 * lowest, 0.8), _CEILING)
    axes.set_yscale("log")
    axes.set_title("Error proxy after each upload")
    axes.legend()
    return figure


def draw_accuracy(report: DissipationReport) -> Figure:
    """Draw training accuracy against the step, with test accuracy, uploads marked (the paper's Fig 2c)."""
    figure, axes = _frame("step", "accuracy")
    rows = np.array(report.history, dtype=float)
    axes.plot(rows[:, 0], rows[:, 1], color=QUANTUM, label="training")
    axes.plot(rows[:, 0], rows[:, 2], color=CONTROL, linewidth=1, label="test")
    dense = rows[:, 3] > 0
    axes.plot(rows[dense, 0], rows[dense, 1], ".", color=CLASSICAL, label="dense steps")
    for upload in report.uploads:
        axes.axvline(upload.step, color=CONTROL, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.02)
    axes.set_title("Accuracy; dotted lines are uploads")
    axes.legend()
    return figure


_FIGURES = {
    "densities": draw_densities,
    "proxy": draw_proxy,
    "accuracy": draw_accuracy,
    "pruned": draw_pruned,
}


def _frame(across: str, up: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    return figure, axes


def _draw_densities(axes: Axes, shots: list[Snapshot]) -> None:
    from matplotlib import colormaps

    peak = max(float(shot.spectrum.density.max()) for shot in shots)
    for i, shot in enumerate(shots):
        spectrum = shot.spectrum
        colour = colormaps["viridis"](i / max(len(shots) - 1, 1) * 0.9)
        label = f"step {shot.step}, {shot.stage}"
        shown = np.where(spectrum.density > 0, spectrum.density, np.nan)
        axes.plot(spectrum.eigenvalues, shown, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_ylim(_FLOOR * peak, 3 * peak)
    axes.legend(fontsize=7.5)


def _describe(shot: Snapshot) -> dict[str, Any]:
    spectrum = shot.spectrum
    return {
        "step": shot.step,
        "stage": shot.stage,
        "active": len(shot.active),
        "loss": shot.loss,
        "accuracy": shot.accuracy,
        "negative_mass": spectrum.negative_mass.value,
        "negative_mass_error": _finite(spectrum.negative_mass.error),
        "lambda_min": spectrum.lambda_min.value,
        "lambda_max": spectrum.lambda_max.value,
        "trace": spectrum.trace.value,
        "kernel": spectrum.width,
        "eigenvalues": spectrum.eigenvalues.tolist(),
        "density": spectrum.density.tolist(),
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
