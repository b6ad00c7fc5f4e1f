"""Degree-level weights of a quadratic Carleman step: how the norm is shared among degrees 0, 1 and 2.

The step is append(f) o contract, after a diagonal change of the degrees' lengths by (1, first, second):
contract keeps the degree, or lowers 2 to 1, and has norm 1; append adds up to two factors f and has norm alpha.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.errors import PrecisionUnreachable

_GRID = 200
_BISECTIONS = 30
_ABSENT = 1e-12


@dataclass(frozen=True)
class Levels:
    """Amplitudes of the labels, named after what they select; `alpha` is the norm that results.

    contract: `lower_in` and `lower_out` are the amplitudes of the label "lower the degree" on columns of degree
    2 and rows of degree 1, `fill` the factor left over. append: `first_in` on columns of degree 0, `second_in`
    on columns of degree 1, `second_out` on rows of degree 2, `first_out` on rows of degree 1 and
    `both_out` on rows of degree 2 that have a second factor.
    """

    alpha: float
    lower_in: float
    lower_out: float
    fill: float
    first_in: float = 0.0
    second_in: float = 0.0
    second_out: float = 0.0
    first_out: float = 0.0
    both_out: float = 0.0


def weigh(multiplier: float, cubic: float, offset: float, balance: float) -> Levels:
    """Choose the least alpha for a step with these block weights.

    Arguments: multiplier, the largest |w_i|; cubic, the sum of the cubes' weights; offset, |f|; all >= 0, in the
    coordinates of the encoded vector; balance b > 0, the weight of degree 2 in it.
    Result: Levels that reproduce the step exactly; alpha is within 1e-3 of the 2-norm of the matrix of block
    weights [[1, 0, 0], [f, w, c], [b f^2, 2 b f w, w^2 + 2 b f c]] in the cases measured, and 1 where f = 0 and
    c <= sqrt((1 - w^2)(1 - w^4)).
    Raises: PrecisionUnreachable when no alpha below 1e3 does.
    Source: row and column states with Perron weights, arXiv:0810.0312, on degrees; derived here.
    """
    if offset <= _ABSENT:
        length = _least_length(multiplier, cubic)
        return Levels(length, *_contract(multiplier, cubic, length, length))
    low, high = 0.0, min(offset, 0.5)
    while _best(high, multiplier, cubic, offset, balance)[0] < 0.0:
        low, high = high, (1.0 + high) / 2 if high > 0.4 else 2 * high
        if 1.0 - high < 5e-7:
            raise PrecisionUnreachable(
                "The step's offset or cubic part is too large to be encoded.",
                value=max(offset, cubic),
                remedy="Use a centre closer to the minimum, or another scale.",
            )
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if _best(middle, multiplier, cubic, offset, balance)[0] >= 0.0 else (middle, high)
        )
    _, first = _best(high, multiplier, cubic, offset, balance)
    return _levels(high, first, multiplier, cubic, offset, balance)


def _contract(multiplier: float, cubic: float, first: float, second: float) -> tuple[float, float, float]:
    """Label amplitudes of contract with degrees of length (1, first, second), and the factor left over."""
    lower_in = math.sqrt(max(0.0, 1.0 - (multiplier**2 / second) ** 2))
    lower_out = math.sqrt(max(0.0, 1.0 - (multiplier / first) ** 2))
    if cubic == 0.0:
        return lower_in, lower_out, 0.0
    return lower_in, lower_out, min(1.0, cubic / (first * lower_in * lower_out))


def _least_length(multiplier: float, cubic: float) -> float:
    """The least length >= 1 of both degrees at which contract has norm 1."""

    def fits(length: float) -> bool:
        room = (1.0 - min(1.0, multiplier**2 / length) ** 2) * max(0.0, length**2 - multiplier**2)
        return multiplier <= length and multiplier**2 <= length and room >= cubic**2

    low, high = 1.0, 1.0
    while not fits(high):
        low, high = high, 2 * high
    for _ in range(_BISECTIONS if high > 1.0 else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def _append(
    first_in: float, first: RealArray, offset: float, balance: float
) -> tuple[float, RealArray, RealArray, RealArray]:
    """alpha, cos of second_in, second_out and what append leaves to degree 2, for lengths `first` of degree 1."""
    alpha = 1.0 / math.sqrt(1.0 - first_in**2)
    keep = np.hypot(first, offset / first_in) / alpha
    second_in = np.sqrt(np.clip(1.0 - keep**2, 0.0, None))
    with np.errstate(divide="ignore"):
        second_out = balance * offset * np.hypot(2 * first, offset / first_in) / (alpha * second_in)
    return alpha, keep, second_out, alpha * np.sqrt(np.clip(1.0 - second_out**2, 0.0, None))


def _best(
    first_in: float, multiplier: float, cubic: float, offset: float, balance: float
) -> tuple[float, float]:
    """The best margin over lengths of degree 1, and that length; a margin below 0 means that none fits.

    The margin is how far the length that append leaves to degree 2 exceeds what contract needs.
    """
    low = math.hypot(multiplier, cubic)
    square = 1.0 / (1.0 - first_in**2) - (offset / first_in) ** 2 if first_in > 0.0 else 0.0
    if square <= low**2:
        return -1.0, low
    first = np.linspace(low, math.sqrt(square), _GRID)[1:-1]
    second = _append(first_in, first, offset, balance)[-1]
    room = first**2 - multiplier**2
    margins = second - multiplier**2 / np.sqrt(1.0 - cubic**2 / room)
    margins[second <= 0.0] = -1.0
    best = int(np.argmax(margins))
    return float(margins[best]), float(first[best])


def _levels(
    first_in: float, first: float, multiplier: float, cubic: float, offset: float, balance: float
) -> Levels:
    alpha, keep, second_out, second = _append(first_in, np.array(first), offset, balance)
    ratio = offset / (first * first_in)
    return Levels(
        alpha,
        *_contract(multiplier, cubic, first, float(second)),
        first_in=first_in,
        second_in=math.sqrt(1.0 - float(keep) ** 2),
        second_out=float(second_out),
        first_out=ratio / math.hypot(1.0, ratio),
        both_out=ratio / math.hypot(2.0, ratio),
    )
