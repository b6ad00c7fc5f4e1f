"""Draw docs/figures/dissipation.svg: python docs/figures/dissipation.py [FILE of benchmarks/dissipation_study.py]

Left: the trace-weighted negative fraction along sparse training, the mean over the seeds as a line, each seed as a dot with
its error over probes. Middle: the test accuracy. Right: the smallest and the largest Ritz value.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
matplotlib.rcParams |= {
    "svg.hashsalt": "qgd",
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
from matplotlib import pyplot as plt  # noqa: E402

LOOKS = {
    "0, magnitude": ("C0", "-", "magnitude mask"),
    "0.005, magnitude": ("C0", "--", "magnitude mask, weight decay 0.005"),
    "0, random": ("C1", "-", "random mask"),
    "0.005, random": ("C1", "--", "random mask, weight decay 0.005"),
}


def main() -> None:
    """Draw the three panels and write the figure beside this file."""
    here = Path(__file__)
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else here.with_suffix(".json")
    runs: dict[str, list[dict[str, Any]]] = json.loads(given.read_text())
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for shift, (variant, (colour, line, label)) in enumerate(LOOKS.items()):
        chosen = [shots for key, shots in runs.items() if key.rsplit(" seed ", 1)[0] == variant]
        if not chosen:
            continue
        steps = np.array([shot["step"] for shot in chosen[0]], dtype=float)
        places = np.arange(len(steps)) + 0.1 * (shift - 1.5)

        def mean(key: str, over: list[list[dict[str, Any]]] = chosen) -> Any:
            return np.array([[shot[key] for shot in shots] for shots in over])

        fractions, errors = mean("negative_mass"), mean("error")
        for values, bars in zip(fractions, errors, strict=True):
            left.errorbar(places, values, bars, fmt=".", color=colour, alpha=0.3, markersize=3, linewidth=0.7)
        left.plot(places, fractions.mean(axis=0), line, color=colour, label=label)
        middle.plot(places, mean("accuracy").mean(axis=0), line, color=colour, label=label)
        right.plot(places, np.median(mean("lambda_max"), axis=0), line, color=colour, label=label)
        right.plot(places, np.median(mean("lambda_min"), axis=0), line, color=colour)
        for axes in (left, middle, right):
            axes.set_xticks(
                range(len(steps)), ["dense", "pruned", *(f"{step - steps[1]:g}" for step in steps[2:])]
            )
            axes.tick_params(axis="x", labelsize=7)
            axes.set_xlabel("sparse steps since pruning")
    left.set(ylabel="negative / all of sum |eigenvalue|", ylim=(0, 0.7), title="Never strictly dissipative")
    left.axhline(0.5, color="0.7", linewidth=0.8, linestyle=":")
    middle.set(ylabel="test accuracy", ylim=(0, 1), title="Accuracy")
    right.set(ylabel="eigenvalue", title="Extreme Ritz values (medians)")
    right.set_yscale("symlog", linthresh=10)
    left.legend(fontsize=7, frameon=False, loc="upper left")
    figure.savefig(here.with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
