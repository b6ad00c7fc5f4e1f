"""Cubic maps of gradient steps in the Hessian eigenframe: both tensors by the same few directions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from qgd_core.arrays import RealArray
from qgd_core.dynamics.low_rank import LowRankMap, approximate
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

_MOST_VALUES = 400
_STARTS = 2
_ITERATIONS = 100
# Weight of the weights' length beside the misfit: it keeps directions from cancelling.
_PRICE = 1e-3


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
    rank, R >= 1; size, the |u| at which the two misfits are weighed against each other; seed of the starts.
    Result: the best of a few least-squares fits in the Frobenius norm: of the directions, the weights being those that
    fit them best and cancel little; the first fit starts from `approximate` for the quadratic part.
    Raises: ConfigError when the linear part is not diagonal, a tensor is not symmetric, or the cubic one is too large.
    Source: symmetric tensor decomposition by variable projection, Golub, Pereyra, SIAM J. Numer. Anal. 10, 413 (1973);
    gradients of generalised linear losses are sums of powers.
    """
    n = update.n
    if n**4 * rank > _MOST_VALUES**2:
        raise ConfigError(f"A fit of {rank} directions to {n} variables is too large.", value=n)
    below = PolynomialField({k: update.coefficient(k) for k in range(3)})
    first = approximate(below, rank, seed)
    if not first.rank:
        raise ConfigError("The quadratic part is zero.", subject=update, remedy="Use order 1.")
    entries = [_distinct(n, degree) for degree in (3, 4)]
    tensors = [
        np.asarray(update.coefficient(k + 2).toarray()).ravel()[places] * often
        for k, (_, places, often) in enumerate(entries)
    ]

    def fit(values: RealArray) -> list[tuple[RealArray, RealArray]]:
        """The weights of both parts for these directions, with what they miss and cost."""
        x = values.reshape(rank, n)
        y = x / np.linalg.norm(x, axis=1)[:, np.newaxis]
        found = []
        for (indices, _, often), tensor in zip(entries, tensors, strict=True):
            powers = np.concatenate([(y[:, indices].prod(axis=2) * often).T, _PRICE * np.eye(rank)])
            wanted = np.append(tensor, np.zeros(rank))
            weights = np.linalg.lstsq(powers, wanted)[0]
            found.append((weights, powers @ weights - wanted))
        return found

    def misfit(values: RealArray) -> RealArray:
        return np.concatenate([missed * size**k for k, (_, missed) in enumerate(fit(values))])

    rng = np.random.default_rng(seed)
    starts = [rng.standard_normal((rank, n)) for _ in range(_STARTS)]
    starts[0][: first.rank] = first.directions
    fits = [least_squares(misfit, start.ravel(), max_nfev=_ITERATIONS) for start in starts]
    x = min(fits, key=lambda one: float(one.cost)).x
    (quadratic, _), (cubic, _) = fit(x)
    # The direction of a term with a negative weight is turned round: its cube has the other sign, its fourth power not.
    y = x.reshape(rank, n) / np.linalg.norm(x.reshape(rank, n), axis=1)[:, np.newaxis]
    directions = y * np.where(quadratic < 0.0, -1.0, 1.0)[:, np.newaxis]
    return LowRankCubic(LowRankMap(first.offset, first.multipliers, np.abs(quadratic), directions), cubic)


def _distinct(n: int, degree: int) -> tuple[NDArray[np.int64], NDArray[np.int64], RealArray]:
    """Distinct entries of a symmetric tensor: their indices, places, and root of how often each stands there."""
    indices = np.array(list(combinations_with_replacement(range(n), degree)), dtype=np.int64)
    places = np.asarray(indices @ n ** np.arange(degree)[::-1])
    everywhere = np.sort(np.indices((n,) * degree).reshape(degree, -1), axis=0)
    counts = np.bincount(n ** np.arange(degree)[::-1] @ everywhere, minlength=n**degree)
    return indices, places, np.sqrt(counts[places])
