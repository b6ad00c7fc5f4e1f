"""The one error budget: where a requested accuracy is spent, share by share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from qgd_core.errors import ConfigError

_LEAST_SHARE, _MOST_SHARE = 1e-3, 0.9
# What another round over all shares must gain to be worth it.
_GAIN = 1e-3
# Errors past this tell nothing.
_MOST_ERROR = 1e3


@dataclass(frozen=True)
class ErrorBudget:
    """Upper limits on each source of error, all in the same unit (stated by whoever makes the budget).

    model: the polynomial field against the true gradient; truncation: the Carleman order; discretisation:
    time steps or quadrature; polynomial: approximation of a matrix function; synthesis: rotations in
    Clifford+T; shots: sampling. `total` is what the user asked for; the observed error stays below it.
    """

    model: float = 0.0
    truncation: float = 0.0
    discretisation: float = 0.0
    polynomial: float = 0.0
    synthesis: float = 0.0
    shots: float = 0.0

    def __post_init__(self) -> None:
        for name, share in self.shares().items():
            if not share >= 0.0:
                raise ConfigError(
                    f"The budget share {name!r} is {share}, which is not a number >= 0.", value=share
                )

    @property
    def total(self) -> float:
        """Sum of the shares."""
        return sum(self.shares().values())

    @property
    def solver(self) -> float:
        """What the quantum solver may add to the answer of its own linear problem."""
        return self.discretisation + self.polynomial + self.synthesis + self.shots

    def shares(self) -> dict[str, float]:
        """The shares by name."""
        return asdict(self)

    def scaled(self, factor: float) -> ErrorBudget:
        """The same budget in another unit."""
        return ErrorBudget(**{name: share * factor for name, share in self.shares().items()})


def best_shares(cost: Callable[[tuple[float, ...]], float], sources: int) -> tuple[float, ...]:
    """The parts of an error that several sources should get, one more (the sampling) getting the rest.

    Arguments: cost of the shares, in any unit, inf where they cannot be met; it is asked only where they leave a
    rest; sources, how many, at least 1.
    Result: one share a source, each between 0.001 and 0.9: of least cost along every share in turn, in rounds until none
    improves, from large equal ones.
    Raises: nothing.
    Source: descent along coordinates.
    """
    shares, least = (_MOST_SHARE / sources,) * sources, math.inf
    while True:
        for i in range(sources):
            found = _best_along(cost, shares, i)
            shares = found if cost(found) < cost(shares) else shares
        now = cost(shares)
        if sources == 1 or not now < least * (1.0 - _GAIN):
            return shares
        least = now


def best_share(cost: Callable[[float], float]) -> float:
    """The part that one source should get: `best_shares` of one, by trial of 60 even in their logarithm and twice 9."""
    return best_shares(lambda shares: cost(shares[0]), 1)[0]


def _best_along(
    cost: Callable[[tuple[float, ...]], float], shares: tuple[float, ...], i: int
) -> tuple[float, ...]:
    """The shares with the i-th one at its best, by trial."""

    def moved(log: float) -> tuple[float, ...]:
        return (*shares[:i], math.exp(log), *shares[i + 1 :])

    def price(log: float) -> float:
        return cost(moved(log)) if sum(moved(log)) < 1.0 else math.inf

    low, high = math.log(_LEAST_SHARE), math.log(_MOST_SHARE)
    for points in (60, 9, 9):
        grid = np.linspace(low, high, points)
        best = int(np.argmin([price(log) for log in grid]))
        low, high = float(grid[max(0, best - 1)]), float(grid[min(points - 1, best + 1)])
    return moved(float(grid[best]))


def least_error(reached: Callable[[float], bool], eps: float, within: float = 1.01) -> float | None:
    """The least error above eps that can be reached, within a factor; None where none up to 1000 can.

    Arguments: reached, whether an error can be, never again false above one that can; eps, one that cannot; within,
    larger where it takes long to tell.
    Result: an error that can be reached, less than `within` times one that cannot.
    Raises: nothing.
    Source: bisection of the logarithm.
    """
    high = eps
    factor = max(2.0, within)
    while not reached(high):
        high *= factor
        if high > _MOST_ERROR:
            return None
    low = high / factor
    while high > within * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def in_sight(error: float) -> float | None:
    """The error, or None where it is past 1000 and tells nothing."""
    return error if error <= _MOST_ERROR else None


def easier(reachable: float | None, takes: str, otherwise: str) -> str:
    """What to do where an error is out of reach: ask for what can be reached, at what it takes, if any; or else."""
    if reachable is None:
        return f"{otherwise[0].upper()}{otherwise[1:]}."
    return f"Ask for {rounded_up(1.01 * reachable):.1e} or more, which takes {takes}, or {otherwise}."


def rounded_up(error: float) -> float:
    """The error at two digits, never below it: what is printed can be asked for."""
    nearest = float(f"{error:.1e}")
    return (
        nearest if nearest >= error else float(f"{nearest + 10.0 ** (math.floor(math.log10(error)) - 1):.1e}")
    )


def check_share(share: float) -> float:
    """The share as it is, or ConfigError unless it lies between 0 and 1: the budget would not fit."""
    if not 0.0 < share < 1.0:
        raise ConfigError(
            f"A share of {share} leaves nothing to one of the errors.",
            value=share,
            remedy="Give a number between 0 and 1, or leave it out.",
        )
    return share
