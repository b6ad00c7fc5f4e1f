"""The smallest sum of cubes that stands for a quadratic step within a given drift."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.carleman.majorant import remainder_majorant
from qgd_core.dynamics.low_rank import LowRankMap, approximate
from qgd_core.dynamics.polynomial import PolynomialField

_LARGEST = 600
# What the residual may do, against what the whole quadratic part does: else order 1 would be nearly as good.
_SHARE = 0.1


def compress(
    update: PolynomialField, start: RealArray, steps: int, limit: float
) -> tuple[LowRankMap, float] | None:
    """Find the least rank, a power of two, whose map stays within `limit`, and far within the quadratic part's effect.

    Arguments: update, a quadratic map in its eigenframe (see `approximate`); start, u_0 (n,); steps, T; limit, on
    the 2-norm of the difference of u_T, which is also kept below a tenth of the quadratic part's own effect.
    Result: (map, bound on that difference), or None where rank 2n does not do, or a fit would have more than 600
    unknowns: each rank costs up to a few hundred factorisations of that size.
    Raises: ConfigError when the map is not a gradient step in its eigenframe.
    Source: the majorant method on the fit's residual.
    """
    affine = PolynomialField({k: update.coefficient(k) for k in (0, 1)})
    whole = remainder_majorant(affine, PolynomialField({2: update.coefficient(2)}), start, steps)
    limit = min(limit, _SHARE * float(np.linalg.norm(whole)))
    rank = 1
    while rank <= 2 * update.n and rank * update.n <= _LARGEST:
        step = approximate(update, rank)
        drift = float(
            np.linalg.norm(remainder_majorant(step.polynomial(), step.residual(update), start, steps))
        )
        if drift <= limit:
            return step, drift
        rank *= 2
    return None
