"""QSVT phases for 1/x to 1e-2, magnitude 0.9, beside every other package installed: python benchmarks/phases.py

The others come with `pip install -e .[benchmarks]`; one that is missing is left out, and one is asked no further than
the degree it was measured to reach. Seconds are processor time, on one thread with OMP_NUM_THREADS=1; the error is
the largest distance from the polynomial at five points, each by multiplying the 2 x 2 matrices out. For degrees
nobody else reaches the product takes too long, and what is printed is the residual the phases were certified with.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import inverse

KAPPAS = (5.0, 20.0, 85.0, 480.0, 1_850.0, 7_400.0, 63_000.0)  # degrees 31 to 987,321
POINTS = np.random.default_rng(0).uniform(-1.0, 1.0, 5)
PRODUCT = 30_000
Response = Callable[[float], float]


def product(phases: np.ndarray, x: float, *, reflection: bool = False) -> complex:
    """Upper left entry of Z rotations between signals, W = e^(i arccos(x) X) or a reflection."""
    s = np.sqrt(1.0 - x * x)
    signal = np.array([[x, s], [s, -x]]) if reflection else np.array([[x, 1j * s], [1j * s, x]])
    left = np.exp(1j * phases)
    row = np.array([left[0], 0.0])
    for phase in left[1:]:
        row = row @ signal * [phase, phase.conjugate()]
    return complex(row[0])


def ours(polynomial: Chebyshev) -> Response:
    angles = qsvt_angles(polynomial)
    if angles.degree > PRODUCT:
        return lambda x: float(polynomial(x)) + angles.residual
    return lambda x: product(angles.symmetric, x).imag


def by_nlft(polynomial: Chebyshev) -> Response:
    from nlft_qsp import ChebyshevQSPPhaseFactors, ChebyshevTExpansion

    found = ChebyshevQSPPhaseFactors.solve(ChebyshevTExpansion(list(polynomial.coefficients)))
    phases = np.array([float(np.real(phase)) for phase in found.phi])
    return lambda x: product(phases, x).real


def by_pyqsp(polynomial: Chebyshev) -> Response:
    from pyqsp.angle_sequence import QuantumSignalProcessingPhases

    found = QuantumSignalProcessingPhases(
        polynomial.coefficients, signal_operator="Wx", method="sym_qsp", chebyshev_basis=True
    )
    return lambda x: product(np.asarray(found[0]), x).imag


def by_qrisp(polynomial: Chebyshev) -> Response:
    from qrisp.algorithms.gqsp import qsp_angles

    phases, factor = qsp_angles(polynomial.coefficients, "odd", "X")
    return lambda x: float(factor) * product(np.asarray(phases, dtype=float), x).real


def by_pennylane(polynomial: Chebyshev) -> Response:
    from pennylane import poly_to_angles

    phases = poly_to_angles(cheb2poly(polynomial.coefficients), "QSVT", angle_solver="iterative")
    return lambda x: product(np.asarray(phases), x, reflection=True).real


# Package to import, and the largest degree it is asked for.
SOLVERS: dict[str, tuple[str, int, Callable[[Chebyshev], Response]]] = {
    "qgd": ("qgd_core", 10**7, ours),
    "nlft-qsp": ("nlft_qsp", 30_000, by_nlft),
    "pyqsp": ("pyqsp", 800, by_pyqsp),
    "Qrisp": ("qrisp", 6_000, by_qrisp),
    "PennyLane": ("pennylane", 160, by_pennylane),
}


def cell(solve: Callable[[Chebyshev], Response], polynomial: Chebyshev) -> str:
    """Seconds and error, or the name of what it raised."""
    began = time.process_time()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            response = solve(polynomial)
            seconds = time.process_time() - began
            error = max(abs(response(float(x)) - float(polynomial(x))) for x in POINTS)
    except Exception as raised:  # what a peer raises is a result here
        return type(raised).__name__
    return f"{seconds:.3f} s, {error:.0e}"


def main() -> None:
    """Print one row a degree."""
    warnings.simplefilter("ignore")
    used = {name: row for name, row in SOLVERS.items() if find_spec(row[0])}
    print("| degree |", " | ".join(used), "|")
    print("|---" * (len(used) + 1) + "|")
    warm = inverse(3.0, 1e-2).scaled(0.9).polynomial
    for name in used:
        cell(used[name][2], warm)
    for kappa in KAPPAS:
        polynomial = inverse(kappa, 1e-2).scaled(0.9).polynomial
        found = [
            cell(solve, polynomial) if polynomial.degree <= most else "" for _, most, solve in used.values()
        ]
        print(f"| {polynomial.degree} |", " | ".join(found), "|", flush=True)


if __name__ == "__main__":
    main()
