"""Best polynomials under a bound, by linear programming: for low degrees and odd shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import Target

_PER_DEGREE = 12
_MOST = 400


def fit(
    function: Callable[[RealArray], RealArray],
    degree: int,
    intervals: Sequence[tuple[float, float]],
    *,
    parity: int | None = None,
    bound: float = 1.0,
) -> Target:
    """Polynomial nearest to a real function on some intervals, at most `bound` in magnitude on [-1, 1].

    Arguments: function of a float64 array; degree, at most 400; intervals inside [-1, 1]; parity, 0, 1 or
    None; bound, positive.
    Result: a Target whose error is measured on a grid four times finer than the one it was fitted on.
    Raises: ConfigError for a bad degree, interval, bound or value; PrecisionUnreachable when the programme has no solution.
    Source: discretised minimax as a linear programme, solved by HiGHS.
    """
    if not 0 <= degree <= _MOST:
        raise ConfigError(f"degree is {degree}, it must be from 0 to {_MOST}.", value=degree)
    if any(not -1 <= low < high <= 1 for low, high in intervals) or not intervals:
        raise ConfigError(f"intervals {intervals} must lie in [-1, 1], low before high.", subject=intervals)
    if not (np.isfinite(bound) and bound > 0.0):
        raise ConfigError(f"bound is {bound}, it must be positive.", value=bound)
    powers = np.arange(degree + 1) if parity is None else np.arange(parity, degree + 1, 2)
    count = _PER_DEGREE * (degree + 1)
    x = _grid(intervals, count)
    everywhere = np.cos(np.linspace(0.0, np.pi, count))
    near, far = _basis(x, powers), _basis(everywhere, powers)
    wanted = function(x)
    if not np.isfinite(wanted).all():
        raise ConfigError("The function to fit has NaN or infinite values.", subject=function)
    slack = -np.ones((x.size, 1))
    none = np.zeros((count, 1))
    room = bound * np.cos(np.pi / (2 * _PER_DEGREE))  # what happens between grid points stays below bound
    found = linprog(
        np.append(np.zeros(powers.size), 1.0),
        A_ub=np.block([[near, slack], [-near, slack], [far, none], [-far, none]]),
        b_ub=np.concatenate([wanted, -wanted, np.full(2 * count, room)]),
        bounds=[(None, None)] * powers.size + [(0, None)],
    )
    if found.status != 0 or found.x is None:
        raise PrecisionUnreachable(f"No polynomial of degree {degree} found: {found.message}")
    coefficients = np.zeros(degree + 1)
    coefficients[powers] = found.x[:-1]
    polynomial = Chebyshev(coefficients)
    fine = _grid(intervals, 4 * count)
    return Target(polynomial, float(np.abs(polynomial(fine) - function(fine)).max()))


def _grid(intervals: Sequence[tuple[float, float]], count: int) -> RealArray:
    cosines = np.cos(np.linspace(0.0, np.pi, count))
    return np.concatenate([(low + high) / 2 + (high - low) / 2 * cosines for low, high in intervals])


def _basis(x: RealArray, powers: NDArray[np.integer[Any]]) -> RealArray:
    return np.asarray(np.cos(np.arccos(np.clip(x, -1.0, 1.0))[:, np.newaxis] * powers))
