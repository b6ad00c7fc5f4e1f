"""How much powers and products of truncated systems grow, at any size: an attained bound from below, and one from above."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.linalg import expm
from scipy.sparse.linalg import expm_multiply

from qgd_core.arrays import RealArray
from qgd_core.carleman.bounds import block_norms, comparison_matrix
from qgd_core.carleman.discrete import step_map
from qgd_core.dynamics.polynomial import PolynomialField

DENSE_LIMIT = 2000
ROUNDS = 6


class Step(Protocol):
    """What is read here of a CarlemanSystem, which stands above."""

    @property
    def field(self) -> PolynomialField:
        """The field that is linearised."""

    @property
    def form(self) -> str:
        """Discrete or continuous."""

    @property
    def step(self) -> float:
        """The learning rate of the discrete form."""

    @property
    def matrix(self) -> Any:
        """The step of a map or the generator of a flow."""

    @property
    def order(self) -> int:
        """N, the highest degree kept."""

    @property
    def dimension(self) -> int:
        """D, the number of coordinates."""

    @property
    def scale(self) -> float:
        """g: the coordinates are monomials of g u."""


@dataclass(frozen=True)
class Growth:
    """Bounds of max |M_t .. M_0|_2 over the steps, at least 1.

    lower is |M_t .. M_0 v| of a unit vector v that was found; upper holds for every vector; both equal if exact.
    """

    lower: float
    upper: float

    @property
    def exact(self) -> bool:
        """Whether the norm itself is known, to rounding."""
        return self.lower == self.upper


def dense_growth(run: Sequence[Step]) -> Growth:
    """The largest norm of a product, by multiplying dense matrices: D^3 operations a step; exact to rounding."""
    power, largest = np.eye(run[0].dimension) if run else np.eye(1), 1.0
    for one in _one_step(run, _dense_step):
        power = one @ power
        largest = max(largest, float(np.linalg.norm(power, 2)))
    return Growth(largest, largest)


def upper_growth(run: Sequence[Step]) -> float:
    """Bound max |M_t .. M_0|_2 from above without a product with any M.

    Arguments: run, the systems of the steps in turn, of any size, stored or not, in one basis.
    Result: an upper bound, rounding apart: the largest norm of a product of the N x N matrices of block norms; infinite
    where it overflows.
    Raises: nothing.
    Source: |(L M)_jd| <= sum_k |L_jk| |M_kd|; for a flow |exp(At)_jd| <= exp(Ct)_jd with mu on the diagonal.
    """
    power, largest = np.eye(run[0].order) if run else np.eye(1), 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        for one in _one_step(run, _block_step):
            power = one @ power
            if not np.isfinite(power).all():
                return float("inf")
            largest = max(largest, float(np.linalg.norm(power, 2)))
    return largest


def lower_growth(run: Sequence[Step], seed: int = 0) -> float:
    """Bound max |M_t .. M_0|_2 from below by power iteration from a random start.

    Arguments: run, as in upper_growth; seed of the start.
    Result: the largest |M_t .. M_0 v| / |v| seen over t, at least 1: never above the norm, rounding apart. It takes up
    to 24 products a step with M = matrix or M = exp(matrix), or with the transpose.
    Raises: nothing.
    Source: power iteration on P^T P, P the product of all steps, and again with those that lengthen most.
    """
    if not run:
        return 1.0
    return max(_power_iteration(run, seed, aim) for aim in ("all steps", "most growth"))


def _power_iteration(run: Sequence[Step], seed: int, aim: str) -> float:
    vector: RealArray = np.random.default_rng(seed).standard_normal(run[0].dimension)
    largest = 1.0
    for _ in range(ROUNDS):
        after, best, steps = vector / np.linalg.norm(vector), 0.0, 0
        for taken, system in enumerate(run, 1):
            after = _step(system, system.matrix, after)
            size = float(np.linalg.norm(after))
            largest = max(largest, size)
            if aim == "all steps" or size > best:
                best, steps, vector = size, taken, after
        for system in reversed(run[:steps]):
            vector = _step(system, system.matrix.T, vector)
        if not 0.0 < np.linalg.norm(vector) < np.inf:
            break
    return largest


def _one_step(run: Sequence[Step], make: Callable[[Step], RealArray]) -> Iterator[RealArray]:
    """What `make` makes of each system in turn, once for systems that share a matrix."""
    made: dict[int, RealArray] = {}
    for system in run:
        if id(system) not in made:
            made[id(system)] = make(system)
        yield made[id(system)]


def _dense_step(system: Step) -> RealArray:
    dense: RealArray = system.matrix.toarray()
    return dense if system.form == "discrete" else np.asarray(expm(dense), dtype=np.float64)


def _block_step(system: Step) -> RealArray:
    field, order = system.field.rescale(system.scale), system.order
    if system.form == "discrete":
        return block_norms(step_map(field, system.step), order)[0]
    return np.asarray(expm(comparison_matrix(field.norms(), field.log_norm(), order)), dtype=np.float64)


def _step(system: Step, matrix: Any, vector: RealArray) -> RealArray:
    after = matrix @ vector if system.form == "discrete" else expm_multiply(matrix, vector, traceA=0.0)
    return np.asarray(after, dtype=np.float64)
