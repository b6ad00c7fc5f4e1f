"""Quadratic maps of gradient steps in the Hessian eigenframe, with a cubic tensor of low rank."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.optimize import least_squares

from qgd_core.arrays import RealArray
from qgd_core.dynamics.monomials import IndexArray, count_orderings
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

_SYMMETRY = 1e-9
_STARTS = 6


@dataclass(frozen=True, eq=False)
class LowRankMap:
    """The map u -> offset + multipliers * u + sum_q weights_q directions_q (directions_q . u)^2.

    offset and multipliers have shape (n,), weights (R,) are not negative, directions (R, n) have unit rows.
    """

    offset: RealArray
    multipliers: RealArray
    weights: RealArray
    directions: RealArray

    @property
    def n(self) -> int:
        """The number of variables."""
        return self.multipliers.size

    @property
    def rank(self) -> int:
        """R, the number of directions."""
        return self.weights.size

    def polynomial(self) -> PolynomialField:
        """The same map as polynomial coefficients, exact to rounding."""
        y = self.directions
        quadratic = np.einsum("q,qi,qj,qk->ijk", self.weights, y, y, y).reshape(self.n, -1)
        return PolynomialField({0: self.offset, 1: np.diag(self.multipliers), 2: quadratic})

    def residual(self, update: PolynomialField) -> PolynomialField:
        """What `update` adds to this map in degree 2."""
        return PolynomialField({2: update.coefficient(2) - self.polynomial().coefficient(2)})


def approximate(update: PolynomialField, rank: int, seed: int = 0) -> LowRankMap:
    """Approximate the quadratic part of a gradient step in its eigenframe by a sum of cubes.

    Arguments: update, a map of degree at most 2 whose linear part is diagonal and whose quadratic part is a
    symmetric tensor; rank, R >= 1; seed of the fit's starts.
    Result: the best of a few least-squares fits in the Frobenius norm; its error is in `residual`.
    Raises: ConfigError when the linear part is not diagonal or the tensor not symmetric, to a relative 1e-9.
    Source: symmetric tensor decomposition; gradients of generalised linear losses are sums of cubes.
    """
    n = update.n
    linear = update.coefficient(1).toarray()
    given = update.coefficient(2).toarray().reshape(n, n, n)
    tensor = (given + np.swapaxes(given, 1, 2)) / 2
    multipliers = np.diag(linear).copy()
    size = max(1.0, float(np.abs(linear).max()))
    if not np.abs(linear - np.diag(multipliers)).max() <= _SYMMETRY * size:
        raise ConfigError(
            "The map's linear part is not diagonal.", remedy="Write the field in its eigenframe."
        )
    if not np.abs(tensor - np.swapaxes(tensor, 0, 1)).max() <= _SYMMETRY * max(
        size, float(np.abs(tensor).max())
    ):
        raise ConfigError("The map's quadratic part is not a symmetric tensor: it is not a gradient step.")
    cubes = _fit(tensor, min(rank, n * (n + 1) // 2), np.random.default_rng(seed))
    lengths = np.linalg.norm(cubes, axis=1)
    kept = lengths > 0.0
    directions = cubes[kept] / lengths[kept, np.newaxis]
    return LowRankMap(update.coefficient(0).toarray().ravel(), multipliers, lengths[kept] ** 3, directions)


def _fit(tensor: RealArray, rank: int, rng: np.random.Generator) -> RealArray:
    """Vectors x_q, shape (rank, n), that minimise |tensor - sum_q x_q^(x)3|."""
    n = tensor.shape[0]
    size = float(np.linalg.norm(tensor))
    if size == 0.0:
        return np.zeros((0, n))
    i, j, k = digits = np.array(list(combinations_with_replacement(range(n), 3)), dtype=np.int64).T
    weights = np.sqrt(count_orderings(digits))
    # Scaled to norm 1, so that the solver's own tolerances are relative.
    wanted = tensor[i, j, k] * weights / size
    entries = np.arange(wanted.size)

    def defect(flat: RealArray) -> RealArray:
        x = flat.reshape(rank, n)
        return np.asarray((x[:, i] * x[:, j] * x[:, k]).sum(axis=0) * weights - wanted)

    def slope(flat: RealArray) -> RealArray:
        x = flat.reshape(rank, n)
        jacobian = np.zeros((wanted.size, rank, n))
        for q in range(rank):
            for a, b, c in _turns(i, j, k):
                np.add.at(jacobian[:, q], (entries, a), x[q, b] * x[q, c] * weights)
        return jacobian.reshape(wanted.size, -1)

    fits = [
        least_squares(defect, rng.normal(size=rank * n) / np.sqrt(n), slope, max_nfev=200)
        for _ in range(_STARTS)
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    return np.asarray(best.x.reshape(rank, n) * np.cbrt(size))


def _turns(
    i: IndexArray, j: IndexArray, k: IndexArray
) -> tuple[tuple[IndexArray, IndexArray, IndexArray], ...]:
    return (i, j, k), (j, i, k), (k, i, j)
