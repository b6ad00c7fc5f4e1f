"""PennyLane on the system that stdin gives: python by_pennylane.py < problem.json, with pip install pennylane.

A x = b by `qml.qsvt` of `BlockEncode`, which is a matrix and no circuit: no gates to count. The polynomial is the user's
to bring: here of least degree on the Chebyshev nodes of the singular values, which are given to it; its phases are
PennyLane's own. Success and error of its matrix, the error relative to |x|.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import pennylane as qml
from numpy.polynomial import chebyshev


def odd_inverse(least: float, eps: float) -> np.ndarray:
    """Chebyshev coefficients of an odd polynomial within eps of least / (2 x) on [least, 1], relative."""
    grid = np.cos(np.linspace(0.0, np.arccos(least), 2000))
    for degree in range(1, 400, 2):
        odd = chebyshev.chebvander(grid, degree)[:, 1::2] * grid[:, None]
        found = np.linalg.lstsq(odd, np.full(grid.size, least / 2.0), rcond=None)[0]
        if np.abs(odd @ found * 2.0 / least - 1.0).max() <= eps:
            coefficients = np.zeros(degree + 1)
            coefficients[1::2] = found
            return coefficients
    raise ValueError("No polynomial of degree below 400.")


def main() -> None:
    task = json.load(sys.stdin)
    a, b, eps = np.array(task["A"]), np.array(task["b"]), task["eps"]
    began, n = time.process_time(), len(b)
    x = np.linalg.solve(a, b)
    # BlockEncode divides by the root of the product of the 1- and infinity-norms where that is above 1.
    wires = range(1 + (n - 1).bit_length())
    alpha = max(1.0, float(np.sqrt(np.linalg.norm(a, 1) * np.linalg.norm(a, np.inf))))
    least = float(np.linalg.svd(a, compute_uv=False)[-1]) / alpha
    coefficients = odd_inverse(least, eps)
    peak = float(np.abs(chebyshev.chebval(np.linspace(-1, 1, 4001), coefficients)).max()) / 0.9
    monomials = chebyshev.cheb2poly(coefficients / peak)
    # Its default solver of phases fails at these degrees.
    operator = qml.qsvt(a.T / alpha, monomials, encoding_wires=wires, angle_solver="iterative")
    whole = np.asarray(qml.matrix(operator, wire_order=wires))
    found = whole[:n, :n].real @ b / np.linalg.norm(b)
    answer = found * np.linalg.norm(b) * peak * 2.0 / (least * alpha)
    print(
        json.dumps(
            {
                "name": f"PennyLane {version('pennylane')}",
                "how": f"BlockEncode, degree {coefficients.size - 1}",
                "qubits": len(wires) + 1,
                "success": float(found @ found),
                "error": float(np.linalg.norm(answer - x) / np.linalg.norm(x)),
                "seconds": time.process_time() - began,
            }
        )
    )


if __name__ == "__main__":
    main()
