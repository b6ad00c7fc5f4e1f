"""How much powers of a truncated system grow, at any size: a bound from below that is attained, and one from above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import expm
from scipy.sparse.linalg import expm_multiply

from qgd_core.arrays import RealArray
from qgd_core.carleman.bounds import block_norms, comparison_matrix
from qgd_core.carleman.discrete import step_map

if TYPE_CHECKING:
    from qgd_core.carleman.system import CarlemanSystem

DENSE_LIMIT = 2000
ROUNDS = 6


@dataclass(frozen=True)
class Growth:
    """Bounds of max |M^t|_2 over t = 0..steps.

    lower is |M^t v| of a unit vector v that was found; upper holds for every vector; both equal if exact.
    """

    lower: float
    upper: float

    @property
    def exact(self) -> bool:
        """Whether the norm itself is known, to rounding."""
        return self.lower == self.upper


def dense_growth(system: CarlemanSystem, steps: int) -> Growth:
    """The largest norm of a power, by multiplying dense matrices: D^3 operations a step; exact to rounding."""
    dense = system.matrix.toarray()
    one = dense if system.form == "discrete" else expm(dense)
    power, largest = np.eye(system.dimension), 1.0
    for _ in range(steps):
        power = power @ one
        largest = max(largest, float(np.linalg.norm(power, 2)))
    return Growth(largest, largest)


def upper_growth(system: CarlemanSystem, steps: int) -> float:
    """Bound max |M^t|_2 from above without a product with M.

    Arguments: system, of any size, stored or not; steps, the number of powers.
    Result: an upper bound, rounding apart: the largest norm of a power of the N x N matrix of block norms; infinite
    where it overflows.
    Raises: nothing.
    Source: |(M^t)_jd| <= (K^t)_jd for K_jd >= |M_jd|; for a flow |exp(At)_jd| <= exp(Ct)_jd with mu on the diagonal.
    """
    field, order = system.field.rescale(system.scale), system.order
    if system.form == "discrete":
        one = block_norms(step_map(field, system.step), order)[0]
    else:
        one = expm(comparison_matrix(field.norms(), field.log_norm(), order))
    power, largest = np.eye(order), 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            power = power @ one
            if not np.isfinite(power).all():
                return float("inf")
            largest = max(largest, float(np.linalg.norm(power, 2)))
    return largest


def lower_growth(system: CarlemanSystem, steps: int, seed: int = 0) -> float:
    """Bound max |M^t|_2 from below by power iteration on (M^t)^T M^t, t = steps, from a random start.

    Arguments: system, of any size, stored or not; steps; seed of the start.
    Result: the largest |M^t v| / |v| seen over t up to steps, at least 1: never above the norm, rounding apart. It
    takes 12 times `steps` products with M = matrix or M = exp(matrix), or with the transpose.
    Raises: nothing.
    Source: power iteration.
    """
    vector: RealArray = np.random.default_rng(seed).standard_normal(system.dimension)
    largest = 1.0
    for _ in range(ROUNDS):
        vector = vector / np.linalg.norm(vector)
        for _ in range(steps):
            vector = _step(system, system.matrix, vector)
            largest = max(largest, float(np.linalg.norm(vector)))
        for _ in range(steps):
            vector = _step(system, system.matrix.T, vector)
        if not 0.0 < np.linalg.norm(vector) < np.inf:
            break
    return largest


def _step(system: CarlemanSystem, matrix: Any, vector: RealArray) -> RealArray:
    after = matrix @ vector if system.form == "discrete" else expm_multiply(matrix, vector, traceA=0.0)
    return np.asarray(after, dtype=np.float64)
