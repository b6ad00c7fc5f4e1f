"""Cubic maps of gradient steps in the Hessian eigenframe: both tensors by the same few directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from qgd_core.arrays import RealArray
from qgd_core.dynamics.low_rank import LowRankMap, approximate
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

_MOST_VALUES = 400


@dataclass(frozen=True, eq=False)
class LowRankCubic:
    """The map u -> quadratic(u) + sum_q weights_q y_q (y_q . u)^3, y_q the directions of the quadratic map.

    weights has shape (R,) and either sign.
    """

    quadratic: LowRankMap
    weights: RealArray

    @property
    def n(self) -> int:
        """The number of variables."""
        return self.quadratic.n

    def polynomial(self) -> PolynomialField:
        """The same map as polynomial coefficients, exact to rounding."""
        y, below = self.quadratic.directions, self.quadratic.polynomial()
        cubic = np.einsum("q,qi,qj,qk,ql->ijkl", self.weights, y, y, y, y).reshape(self.n, -1)
        return PolynomialField({**{k: below.coefficient(k) for k in range(3)}, 3: cubic})

    def field(self, step: float) -> PolynomialField:
        """The field F with u + step F(u) this map."""
        update = self.polynomial()
        rest = {k: update.coefficient(k) / step for k in (0, 2, 3)}
        return PolynomialField({**rest, 1: np.diag(self.quadratic.multipliers - 1.0) / step})


def approximate_cubic(update: PolynomialField, rank: int, size: float, seed: int = 0) -> LowRankCubic:
    """Approximate the quadratic and cubic parts of a gradient step in its eigenframe by powers of common directions.

    Arguments: update, a map of degree 3 whose linear part is diagonal and whose higher parts are symmetric tensors;
    rank, R >= 1; size, the |u| at which the two misfits are weighed against each other; seed of the first fit.
    Result: a least-squares fit in the Frobenius norm, from `approximate` for the quadratic part on.
    Raises: ConfigError when the linear part is not diagonal, a tensor is not symmetric, or the cubic one is too large.
    Source: symmetric tensor decomposition; gradients of generalised linear losses are sums of powers.
    """
    n = update.n
    if n**4 * rank > _MOST_VALUES**2:
        raise ConfigError(f"A fit of {rank} directions to {n} variables is too large.", value=n)
    first = approximate(PolynomialField({k: update.coefficient(k) for k in range(3)}), rank, seed)
    tensors = [np.asarray(update.coefficient(k).toarray()).ravel() * size**k for k in (2, 3)]
    count = first.rank
    if not count:
        raise ConfigError("The quadratic part is zero.", subject=update, remedy="Use order 1.")
    powers = np.einsum("qi,qj,qk,ql->qijkl", *[first.directions] * 4).reshape(count, -1)
    start = np.linalg.lstsq(powers.T, tensors[1] / size**3, rcond=None)[0]

    def misfit(values: RealArray) -> RealArray:
        x, d = values[: count * n].reshape(count, n), values[count * n :]
        quadratic = np.einsum("qi,qj,qk->ijk", x, x, x).ravel() * size**2
        cubic = np.einsum("q,qi,qj,qk,ql->ijkl", d, x, x, x, x).ravel() * size**3
        return np.concatenate([quadratic - tensors[0], cubic - tensors[1]])

    roots = np.cbrt(first.weights)
    guess = np.concatenate([(roots[:, np.newaxis] * first.directions).ravel(), start / roots**4])
    found = least_squares(misfit, guess).x
    x, d = found[: count * n].reshape(count, n), found[count * n :]
    lengths = np.linalg.norm(x, axis=1)
    quadratic = LowRankMap(first.offset, first.multipliers, lengths**3, x / lengths[:, np.newaxis])
    return LowRankCubic(quadratic, np.asarray(d * lengths**4))
