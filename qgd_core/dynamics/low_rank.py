"""Quadratic maps of gradient steps in the Hessian eigenframe, with a cubic tensor of low rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

_SYMMETRY = 1e-9
_STARTS = 6
_ITERATIONS = 150
_SETTLED = 1e-9
# What a unit of the cubes' weights costs against half the squared relative misfit: it keeps them from cancelling.
_PRICE = 1e-5


@dataclass(frozen=True, eq=False)
class LowRankMap:
    """The map u -> offset + multipliers * u + sum_q weights_q images_q (directions_q . u)^2.

    offset and multipliers have shape (n,), weights (R,) are not negative, directions and images (R, n) have unit rows;
    in a gradient step they are the same, which `given_images` None stands for.
    """

    offset: RealArray
    multipliers: RealArray
    weights: RealArray
    directions: RealArray
    given_images: RealArray | None = None

    @property
    def images(self) -> RealArray:
        """Where the squares go, shape (R, n)."""
        return self.directions if self.given_images is None else self.given_images

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
        squares = sparse.csr_array(np.einsum("qj,qk->qjk", y, y).reshape(self.rank, self.n**2))
        quadratic = sparse.csr_array(self.images.T * self.weights) @ squares
        return PolynomialField({0: self.offset, 1: sparse.diags_array(self.multipliers), 2: quadratic})

    def field(self, step: float) -> PolynomialField:
        """The field F with u + step F(u) this map."""
        update = self.polynomial()
        linear = sparse.diags_array(self.multipliers - 1.0)
        return PolynomialField({0: self.offset / step, 1: linear / step, 2: update.coefficient(2) / step})

    def residual(self, update: PolynomialField) -> PolynomialField:
        """What `update` adds to this map in degree 2."""
        return PolynomialField({2: update.coefficient(2) - self.polynomial().coefficient(2)})


def approximate(update: PolynomialField, rank: int, seed: int = 0) -> LowRankMap:
    """Approximate the quadratic part of a gradient step in its eigenframe by a sum of cubes.

    Arguments: update, a map of degree at most 2 whose linear part is diagonal and whose quadratic part is a
    symmetric tensor; rank, R >= 1; seed of the fit's starts.
    Result: the best of a few least-squares fits in the Frobenius norm, with a price of 1e-5 on the weights; its
    error is in `residual`. An iteration costs (R n)^3 operations.
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
    """Vectors x_q, shape (rank, n), that nearly minimise |tensor - sum_q x_q^(x)3|, without cancelling cubes."""
    n = tensor.shape[0]
    size = float(np.linalg.norm(tensor))
    if size == 0.0:
        return np.zeros((0, n))
    starts = rng.normal(size=(_STARTS, rank, n)) / np.sqrt(n)
    costs, cubes = _descend(tensor / size, starts)
    return np.asarray(cubes[int(np.argmin(costs))] * np.cbrt(size))


def _descend(tensor: RealArray, x: RealArray) -> tuple[RealArray, RealArray]:
    """Levenberg-Marquardt on |tensor - sum_q x_q^(x)3|^2 / 2 + _PRICE sum_q |x_q|^3, for every start at once.

    x has shape (starts, rank, n); the result is the costs (starts,) and where they are reached.
    """
    damping = np.ones(x.shape[0])
    cost, defect = _cost(tensor, x)
    unit = np.eye(x.shape[1] * x.shape[2])
    for _ in range(_ITERATIONS):
        gradient, hessian = _slopes(defect, x)
        step = np.linalg.solve(hessian + damping[:, np.newaxis, np.newaxis] * unit, gradient)
        trial = x - step.reshape(x.shape)
        trial_cost, trial_defect = _cost(tensor, trial)
        gain = cost - trial_cost
        better = gain > 0.0
        settled = np.where(better, gain <= _SETTLED * cost, damping > 1e9)
        damping = np.where(better, damping / 4, 3 * damping)
        cost = np.where(better, trial_cost, cost)
        x = np.where(better[:, np.newaxis, np.newaxis], trial, x)
        defect = np.where(better[:, np.newaxis, np.newaxis, np.newaxis], trial_defect, defect)
        if settled.all():
            break
    return cost, x


def _cost(tensor: RealArray, x: RealArray) -> tuple[RealArray, RealArray]:
    n = x.shape[-1]
    squares = (x[..., :, np.newaxis] * x[..., np.newaxis, :]).reshape(*x.shape[:2], n * n)
    defect = (np.swapaxes(x, 1, 2) @ squares).reshape(-1, n, n, n) - tensor
    price = _PRICE * np.sum(np.linalg.norm(x, axis=2) ** 3, axis=1)
    return np.sum(defect**2, axis=(1, 2, 3)) / 2 + price, defect


def _slopes(defect: RealArray, x: RealArray) -> tuple[RealArray, RealArray]:
    """Gradients (starts, rank n, 1) and Gauss-Newton Hessians (starts, rank n, rank n) of the costs."""
    starts, rank, n = x.shape
    lengths = np.linalg.norm(x, axis=2)
    applied = (x @ defect.reshape(starts, n, n * n)).reshape(starts, rank, n, n) @ x[..., np.newaxis]
    gradient = 3 * applied[..., 0] + 3 * _PRICE * lengths[..., np.newaxis] * x
    products = x @ np.swapaxes(x, 1, 2)
    blocks = 6 * np.einsum("sqr,sri,sqj->sqirj", products, x, x)
    own, terms = np.arange(n), np.arange(rank)
    blocks[:, :, own, :, own] += 3 * products**2
    blocks[:, terms[:, np.newaxis], own, terms[:, np.newaxis], own] += 3 * _PRICE * lengths[..., np.newaxis]
    return gradient.reshape(starts, -1, 1), blocks.reshape(starts, rank * n, rank * n)
