"""Seconds and certified residual of QSVT phases for 1/x to 1e-2, magnitude 0.9: `python benchmarks/phases.py`."""

from __future__ import annotations

import time

from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.targets import inverse

KAPPAS = (5.0, 20.0, 85.0, 480.0, 7_400.0, 63_000.0)  # degrees near 50, 300, 800, 5e3, 1e5 and 1e6


def main() -> None:
    """Print one row a condition number."""
    print(f"{'kappa':>8} {'degree':>9} {'target s':>9} {'phases s':>9} {'residual':>10}")
    for kappa in KAPPAS:
        began = time.perf_counter()
        polynomial = inverse(kappa, 1e-2).scaled(0.9).polynomial
        middle = time.perf_counter()
        angles = qsvt_angles(polynomial)
        seconds = f"{middle - began:>9.3f} {time.perf_counter() - middle:>9.3f}"
        print(f"{kappa:>8.0f} {angles.degree:>9} {seconds} {angles.residual:>10.1e}", flush=True)


if __name__ == "__main__":
    main()
