"""The smallest sums of cubes that stand for quadratic steps within a given drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.carleman.majorant import remainder_majorant
from qgd_core.dynamics.frame import rotate
from qgd_core.dynamics.low_rank import LowRankMap, approximate
from qgd_core.dynamics.low_rank_cubic import LowRankCubic, approximate_cubic
from qgd_core.dynamics.polynomial import PolynomialField

_LARGEST = 600
# What the residual may do, against what the whole quadratic part does: else order 1 would be nearly as good.
_SHARE = 0.1
# The same of order 3, against what the cubic part does; and most unknowns of one direction times directions.
_SHARE_CUBIC = 0.2
_LARGEST_CUBIC = 64
# Directions whose cubic terms cancel, by this much more than they leave, would only lower the success.
_CANCELLING = 30.0


@dataclass(frozen=True)
class Compressed:
    """Steps as sums of cubes.

    maps, each in the coordinates of its frame; frames, orthogonal (n, n) with the axes as columns, None where all are
    the common coordinates; updates, the maps in the common coordinates; drift, bound on what the change does to u_T.
    """

    maps: tuple[LowRankMap, ...]
    frames: tuple[RealArray, ...] | None
    updates: tuple[PolynomialField, ...]
    drift: float


def compress(
    update: PolynomialField, start: RealArray, steps: int, limit: float
) -> tuple[LowRankMap, float] | None:
    """Find the least rank, a power of two, for one map used at every step.

    Arguments: update, a quadratic map in its eigenframe (see `approximate`); start, steps and limit as in
    `compress_steps`.
    Result: (map, bound on the difference), or None as for `compress_steps`.
    Raises: ConfigError when the map is not a gradient step in its eigenframe.
    Source: as `compress_steps`.
    """
    found = compress_steps([update], None, start, steps, limit)
    return None if found is None else (found.maps[0], found.drift)


def compress_steps(
    updates: Sequence[PolynomialField],
    frames: Sequence[RealArray] | None,
    start: RealArray,
    steps: int,
    limit: float,
) -> Compressed | None:
    """Find the least rank, a power of two, whose maps stay within `limit`, and far within the quadratic part's effect.

    Arguments: updates, quadratic maps in common coordinates, one or one a step; frames, the eigenframe of each, or
    None where they are in it already; start, u_0 (n,); steps, T; limit, on the 2-norm of the difference of u_T,
    which is also kept below a tenth of the quadratic part's own effect.
    Result: the maps with a bound on that difference, or None where rank 2n does not do, or a fit would have more
    than 600 unknowns: each rank costs up to a few hundred factorisations of that size for every map.
    Raises: ConfigError when a map is not a gradient step in its eigenframe.
    Source: the majorant method on the fits' residuals.
    """
    n = start.size
    affine = [PolynomialField({k: one.coefficient(k) for k in (0, 1)}) for one in updates]
    quadratic = [PolynomialField({2: one.coefficient(2)}) for one in updates]
    whole = remainder_majorant(affine, quadratic, start, steps)
    limit = min(limit, _SHARE * float(np.linalg.norm(whole)))
    turned = updates if frames is None else [rotate(one, f) for one, f in zip(updates, frames, strict=True)]
    rank = 1
    while rank <= 2 * n and rank * n <= _LARGEST:
        maps = tuple(approximate(one, rank) for one in turned)
        common = _common([one.polynomial() for one in maps], frames)
        rests = _common([one.residual(own) for one, own in zip(maps, turned, strict=True)], frames)
        drift = float(np.linalg.norm(remainder_majorant(common, rests, start, steps)))
        if drift <= limit:
            return Compressed(maps, None if frames is None else tuple(frames), tuple(common), drift)
        rank *= 2
    return None


def compress_cubic(
    update: PolynomialField, start: RealArray, steps: int, limit: float
) -> tuple[LowRankCubic, float] | None:
    """Find the least number of common directions, a power of two, of both tensors of one map for all steps.

    Arguments: update, a map of degree 3 in its eigenframe with a quadratic part; start, steps and limit as in
    `compress_steps`, the limit being kept below a fifth of the cubic part's own effect.
    Result: (map, bound on the 2-norm of the difference of u_T), or None where no number of directions does whose fit
    has up to 64 unknowns besides its weights: at 8 variables, 8 directions.
    Raises: ConfigError when the map is not a gradient step in its eigenframe.
    Source: as `compress_steps`; the residual has a quadratic and a cubic part.
    """
    n = start.size
    below = PolynomialField({k: update.coefficient(k) for k in range(3)})
    whole = remainder_majorant(below, PolynomialField({3: update.coefficient(3)}), start, steps)
    limit = min(limit, _SHARE_CUBIC * float(np.linalg.norm(whole)))
    rank = 1
    while rank <= 4 * n and rank * n <= _LARGEST_CUBIC:
        map_ = approximate_cubic(update, rank, float(np.linalg.norm(start)))
        own = map_.polynomial()
        rest = PolynomialField({k: update.coefficient(k) - own.coefficient(k) for k in (2, 3)})
        drift = float(np.linalg.norm(remainder_majorant(own, rest, start, steps)))
        size = float(np.linalg.norm(update.coefficient(3).toarray()))
        if drift <= limit and np.abs(map_.weights).sum() <= _CANCELLING * size:
            return map_, drift
        rank *= 2
    return None


def _common(maps: Sequence[PolynomialField], frames: Sequence[RealArray] | None) -> Sequence[PolynomialField]:
    """The maps of the frames' coordinates in the common ones."""
    return maps if frames is None else [rotate(one, f.T) for one, f in zip(maps, frames, strict=True)]
