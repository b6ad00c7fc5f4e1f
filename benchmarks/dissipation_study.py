"""The runs behind docs/studies/dissipation.md: three seeds, weight decay off and on, magnitude mask and random mask.

    python benchmarks/dissipation_study.py [--out study.json] [KEY=VALUE ...]

KEY=VALUE overrides a setting of qgd_core.learn.dissipation.Dissipation for every run. Finished runs found in the file are
not run again. Prints the table of the study; docs/figures/dissipation.py draws its figure from the file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qgd_core.learn.dissipation import Dissipation, Snapshot, dissipation_report
from qgd_core.learn.proxy import admissible_stretch, exact_proxy, proxy_sensitivity

SMALL = {
    "batch": 64,
    "dense_steps": 300,
    "dense_rate": 0.02,
    "sparse_rate": 0.005,
    "cycles": 1,
    "cycle_steps": 310,
    "every": 100,
    "looks": (5, 20, 50),
    "samples": 96,
    "probes": 3,
    "lanczos_steps": 16,
}
DECAYS = (0.0, 5e-3)
MASKS = ("magnitude", "random")


def run_one(settings: Dissipation) -> list[dict[str, Any]]:
    report = dissipation_report(settings, lambda text: print(" ", text, flush=True))
    return [describe(shot, settings.sparse_rate) for shot in report.snapshots]


def describe(shot: Snapshot, eta: float) -> dict[str, Any]:
    """Return what the study keeps of a snapshot; windows are of the proxy at rate `eta`, None where they do not end."""
    spectrum = shot.spectrum
    rows = proxy_sensitivity(spectrum, eta, cutoffs=(0.4,), factors=(1.0,))
    names = {None: "exact", 0.4: "paper"}
    return {
        "step": shot.step,
        "stage": shot.stage,
        "active": len(shot.active),
        "accuracy": shot.accuracy,
        "loss": shot.loss,
        "negative_mass": spectrum.negative_mass.value,
        "error": spectrum.negative_mass.error,
        "lambda_min": spectrum.lambda_min.value,
        "lambda_max": spectrum.lambda_max.value,
        "trace": spectrum.trace.value,
        "windows": {
            f"{names[row['cutoff']]}, momentum {row['momentum']:g}": row["window"]
            if row["window"] != float("inf")
            else None
            for row in rows
        },
        "nodes": [probe.nodes.tolist() for probe in spectrum.probes],
        "weights": [probe.weights.tolist() for probe in spectrum.probes],
    }


def print_table(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Print a row for each variant and step: means over the seeds, with the spread over them of the negative fraction."""
    print(
        "| weight decay, mask | stage | step | accuracy | negative fraction | negative / positive "
        "| lambda_min | lambda_max | window: cut-off 0.4 | exact, eta = 1 / lambda_max |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for variant in sorted({key.rsplit(" seed ", 1)[0] for key in rows}):
        runs = [found for key, found in rows.items() if key.rsplit(" seed ", 1)[0] == variant]
        for shots in zip(*runs, strict=True):
            masses = [shot["negative_mass"] for shot in shots]
            mean = {
                key: statistics.mean(shot[key] for shot in shots) for key in ("accuracy", "negative_mass")
            }
            spread = f" ± {statistics.stdev(masses):.2f}" if len(masses) > 1 else ""
            windows = [
                ", ".join(format_window(shot["windows"]["paper, momentum 0"]) for shot in shots),
                ", ".join(format_window(find_window(shot)) for shot in shots),
            ]
            print(
                f"| {variant} | {shots[0]['stage']} | {shots[0]['step']} | {mean['accuracy']:.2f} "
                f"| {mean['negative_mass']:.2f}{spread} "
                f"| {mean['negative_mass'] / (1 - mean['negative_mass']):.2f} "
                f"| {statistics.median(shot['lambda_min'] for shot in shots):.3g} "
                f"| {statistics.median(shot['lambda_max'] for shot in shots):.3g} "
                f"| {windows[0]} | {windows[1]} |"
            )


def find_window(shot: dict[str, Any]) -> float:
    """Return the window of the exact proxy at the rate 1 / lambda_max: what the negative modes alone allow."""
    nodes, weights = (np.concatenate(shot[key]) for key in ("nodes", "weights"))
    t = np.arange(2001)
    return admissible_stretch(t, exact_proxy(nodes, weights, 1 / shot["lambda_max"], t)).window


def format_window(steps: float | None) -> str:
    return "no end" if steps is None or steps == float("inf") else f"{steps:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("study.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("changes", nargs="*")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    changes = {key: json.loads(value) for key, _, value in (text.partition("=") for text in chosen.changes)}
    rows = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    for seed, decay, scorer in itertools.product(range(chosen.seeds), DECAYS, MASKS):
        key = f"{decay:g}, {scorer} seed {seed}"
        if key not in rows:
            print(key, flush=True)
            settings = {**SMALL, **changes, "seed": seed, "weight_decay": decay, "scorer": scorer}
            rows[key] = run_one(Dissipation(**settings))
            chosen.out.write_text(json.dumps(rows, indent=1))
    print_table(rows)


if __name__ == "__main__":
    main()
