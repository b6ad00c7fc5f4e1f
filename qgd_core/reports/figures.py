"""The figures of a run: loss and accuracy against step, and the error of each window against its budget."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qgd_core.reports.run import Record, Run, write
from qgd_core.reports.tables import find

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stay apart for colour-blind readers and in print.
QUANTUM, CLASSICAL, CONTROL = "#0072b2", "#e69f00", "#8a8a8a"
STYLE: Any = {
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "svg.fonttype": "path",
}
# Error of a window -> the name of what it is measured against, and its colour.
ERRORS = {
    "errors.vs_carleman": ("the Carleman model", "#56b4e9"),
    "errors.vs_gd": ("gradient descent", QUANTUM),
}
CONTROLS = {
    "controls.centre_alone": ("centre alone", "s"),
    "controls.affine": ("affine model (N = 1)", "^"),
    "controls.carleman": ("Carleman model, classical", "v"),
    "controls.newton_only": ("Newton steps only", "D"),
}


def draw_figures(run: Run) -> dict[str, str]:
    """Draw a run's figures into its folder, as SVG and as PNG.

    Arguments: run, with at least one finished window.
    Result: the SVG text of each figure by name; the same run gives the same text.
    Raises: nothing.
    Source: none.
    """
    import matplotlib

    (run.path / "figures").mkdir(exist_ok=True)
    drawn = {}
    for name, draw in {"training": draw_training, "errors": draw_errors}.items():
        with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
            figure = draw(run.windows)
            for suffix in ("svg", "png"):
                stream = io.BytesIO()
                metadata = {"Date": None} if suffix == "svg" else None
                figure.savefig(stream, format=suffix, dpi=150, metadata=metadata)
                write(run.path / "figures" / f"{name}.{suffix}", stream.getvalue())
                if suffix == "svg":
                    drawn[name] = stream.getvalue().decode("utf-8")
    return drawn


def draw_training(windows: Sequence[Record]) -> Figure:
    """Draw loss and test accuracy against the step, quantum and classical side by side in each."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _canvas(2, (9.0, 3.5))
    for axis, (key, title) in zip(
        axes, {"loss": "Training loss", "accuracy": "Test accuracy"}.items(), strict=True
    ):
        for window in windows:
            _shade(axis, window)
        steps, values = _curve(windows, f"{key}_classical")
        axis.plot(steps, values, color=CLASSICAL, linewidth=5, alpha=0.55, label="classical gradient descent")
        steps, values = _curve(windows, f"{key}_quantum")
        axis.plot(steps, values, "o", color=QUANTUM, markersize=5, label="quantum windows, read out")
        axis.set(title=title, xlabel="gradient-descent step")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend()
    return figure


def draw_errors(windows: Sequence[Record]) -> Figure:
    """Draw each window's errors, its budgets and the classical controls, relative to the move, on a log scale."""
    figure, (axis,) = _canvas(1, (9.0, 3.7))
    legend: dict[str, Any] = {}

    def mark(label: str, x: float, value: float | None, marker: str, **style: Any) -> None:
        if value is not None:
            (legend[label],) = axis.plot(x, value, marker, **style)

    for position, window in enumerate(windows):
        for offset, (key, (target, colour)) in zip((-0.25, 0.0), ERRORS.items(), strict=True):
            x = position + offset
            mark(f"error against {target}", x, find(window, key), "o", color=colour, markersize=7)
            budget = find(window, f"{key}_budget")
            mark("budget of that error", x, budget, "_", color="black", markersize=26, markeredgewidth=2)
        for key, (name, marker) in CONTROLS.items():
            mark(
                f"control: {name}",
                position + 0.25,
                find(window, key),
                marker,
                color=CONTROL,
                fillstyle="none",
            )
    axis.set_yscale("log")
    axis.set(title="Error of the weights, relative to the distance they move", ylabel="relative error")
    axis.set_xlim(-0.5, len(windows) - 0.5)
    axis.set_xticks(range(len(windows)), [_name(window) for window in windows])
    axis.grid(axis="y", alpha=0.3)
    axis.legend(legend.values(), legend, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _canvas(columns: int, size: tuple[float, float]) -> tuple[Figure, Sequence[Axes]]:
    """Make a figure with its axes in one row, tied to no window system."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, [figure.add_subplot(1, columns, column + 1) for column in range(columns)]


def _curve(windows: Sequence[Record], key: str) -> tuple[list[int], list[float]]:
    """Join the windows' values of one curve; steps without a value are left out."""
    points: dict[int, Any] = {}
    for window in windows:
        trajectory = window.get("trajectory") or {}
        points |= dict(zip(trajectory.get("steps", []), trajectory.get(key, []), strict=False))
    known = {step: value for step, value in points.items() if value is not None}
    return list(known), list(known.values())


def _shade(axis: Axes, window: Record) -> None:
    """Mark where a window begins, and grey out one that was refused."""
    steps = (window.get("trajectory") or {}).get("steps") or []
    if not steps:
        return
    axis.axvline(steps[0], color="black", alpha=0.15, linewidth=0.8)
    if window.get("status") != "quantum":
        axis.axvspan(steps[0], steps[-1], color="black", alpha=0.08, linewidth=0)


def _name(window: Record) -> str:
    return f"window {window.get('window')}" + ("" if window.get("status") == "quantum" else "\n(classical)")
