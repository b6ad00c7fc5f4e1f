"""What one query of each encoding costs on the reference systems and by structure: `python benchmarks/encodings.py`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.toeplitz import toeplitz

CASES = Path(__file__).parents[1] / "tests" / "data" / "linear_systems.json"
STENCILS = {
    "three-point": {-1: -1.0, 0: 2.0, 1: -1.0},
    "five-point": {-2: 0.1, -1: -1.0, 0: 2.0, 1: -1.0, 2: 0.1},
}


def main() -> None:
    """Print every method that suits each system, then stencils by size."""
    for case in json.loads(CASES.read_text())["cases"]:
        chosen = block_encode(np.array(case["A"]))
        print(f"{case['n']} x {case['n']}, kappa {case['kappa']}")
        for one in (chosen, *chosen.losers):
            cx = one.cost().two_qubit
            print(f"  {one.method:<14} alpha {one.alpha:8.4f}  CX {cx:>6}  alpha * CX {one.alpha * cx:10.1f}")
    for name, diagonals in STENCILS.items():
        for q in (3, 10, 20, 40):
            one = toeplitz(diagonals, q)
            print(f"{name:<12} n = 2^{q:<3} alpha {one.alpha:.2f}  CX {one.cost().two_qubit}")


if __name__ == "__main__":
    main()
