"""The one error budget: where a requested accuracy is spent, share by share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from qgd_core.errors import ConfigError

_LEAST_SHARE, _MOST_SHARE = 1e-3, 0.9


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


def best_share(cost: Callable[[float], float]) -> float:
    """The part of an error that one of two sources should get, the other one getting the rest.

    Arguments: cost of a share between 0.001 and 0.9, in any unit, inf where it cannot be met.
    Result: the share of least cost among 60 even in its logarithm, bettered by two rounds between its neighbours.
    Raises: nothing.
    Source: none.
    """
    low, high = math.log(_LEAST_SHARE), math.log(_MOST_SHARE)
    for points in (60, 9, 9):
        grid = np.linspace(low, high, points)
        best = int(np.argmin([cost(math.exp(x)) for x in grid]))
        low, high = float(grid[max(0, best - 1)]), float(grid[min(points - 1, best + 1)])
    return math.exp(float(grid[best]))


def check_share(share: float) -> float:
    """The share as it is, or ConfigError unless it lies between 0 and 1: the budget would not fit."""
    if not 0.0 < share < 1.0:
        raise ConfigError(
            f"A share of {share} leaves nothing to one of the errors.",
            value=share,
            remedy="Give a number between 0 and 1, or leave it out.",
        )
    return share
