"""The trapezoid's and Euler's rule: what their steps miss at most, and how many of them cost least."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.sparse as sp

from qgd_core.budget import easier, in_sight
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.classical import upper_norm
from qgd_core.ode.flow import LinearODE

# The part of an error that steps may take at most, and the most steps.
_MOST_SHARE, _MOST_STEPS = 0.9, 10**6
# Numbers of steps that are compared.
_TRIED = 24


@dataclass(frozen=True)
class Growth:
    """How a trapezoid step grows: `rest` bounds |(1 - hA/2)^-1|, `ratio` the whole step, from the log-norm."""

    rest: float
    ratio: float

    @classmethod
    def of(cls, rate: float) -> Growth:
        """From h times the logarithmic norm, below 2: von Neumann's theorem on a half-plane."""
        rest = 1.0 / (1.0 - rate / 2.0)
        return cls(rest, max(1.0, (1.0 + rate / 2.0) * rest))


def trapezoid_errors(problem: LinearODE) -> Callable[[int], float]:
    """Upper limits on what so many trapezoid steps miss of z(T), in the unit of z; inf where a step may be singular."""
    third = upper_norm(sp.csr_array(problem.matrix @ problem.matrix)) * _slope(problem)

    def error(steps: int) -> float:
        h = problem.time / steps
        if h * problem.log_norm >= 2.0:
            return math.inf
        growth = Growth.of(h * problem.log_norm)
        return growth.rest * powers(growth.ratio, steps) * h**3 / 12.0 * third

    return error


def euler_errors(problem: LinearODE) -> Callable[[int], float]:
    """The same for explicit Euler steps."""
    second = upper_norm(problem.matrix) * _slope(problem)

    @cache
    def error(steps: int) -> float:
        h = problem.time / steps
        ratio = upper_norm(sp.csr_array(sp.eye_array(problem.z0.size) + h * problem.matrix))
        return powers(ratio, steps) * h**2 / 2.0 * second

    return error


def _slope(problem: LinearODE) -> float:
    """Upper limit on |z'| all the way: z' obeys the equation without its source."""
    problem.check_growth()
    first = float(np.linalg.norm(problem.matrix @ problem.z0 + problem.b))
    return first * math.exp(max(0.0, problem.log_norm) * problem.time)


def powers(ratio: float, steps: int) -> float:
    """1 + ratio + ... + ratio**(steps - 1), inf where that overflows."""
    if abs(ratio - 1.0) < 1e-12:
        return float(steps)
    growth = steps * math.log(ratio) if ratio > 0.0 else -math.inf
    return math.inf if growth > 700.0 else math.expm1(growth) / (ratio - 1.0)


@dataclass(frozen=True)
class Rule:
    """A rule with a bound on the error of so many steps, in the unit of z, as a source of the error `eps`."""

    problem: LinearODE
    eps: float
    error: Callable[[int], float]

    def share(self, steps: int) -> float:
        """The part of eps that so many steps take."""
        return self.error(steps) / (self.eps * self.problem.unit)

    @property
    def least(self) -> int:
        """The fewest steps that leave something of eps, by bisection: the bounds fall with the steps."""
        high = 1
        while not self.share(high) <= _MOST_SHARE:
            if high == _MOST_STEPS:
                reachable = in_sight(self.share(_MOST_STEPS) / _MOST_SHARE * self.eps)
                raise PrecisionUnreachable(
                    f"An error of {self.eps:.1e} needs more than {_MOST_STEPS:.0e} steps.",
                    subject=self.problem,
                    value=reachable,
                    remedy=easier(
                        reachable, f"{_MOST_STEPS:.0e} steps", "shorten the time, or use Taylor steps"
                    ),
                )
            high = min(2 * high, _MOST_STEPS)
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.share(middle) <= _MOST_SHARE else (middle, high)
        return high

    def cheapest(self, least: int, most: int, price: Callable[[int], float]) -> tuple[float, int]:
        """Of some numbers of steps from least to most, the one of least price times shots; that comes first."""
        tried = {int(steps) for steps in np.geomspace(least, most, _TRIED).round()}
        return min((price(steps) / (1.0 - self.share(steps)) ** 2, steps) for steps in tried)
