"""Rows brought to one length before encoding: the same solution at a smaller condition number, for free."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.choose import block_encode
from qgd_core.linear.classical import Matrix
from qgd_core.linear.system import LinearSystem

# Up to this size the condition of the scaled rows is computed for comparison.
_MOST_ROWS = 64


def encode_balanced(
    problem: LinearSystem, layout: Callable[[LinearSystem], Matrix], encoding: str
) -> tuple[LinearSystem, BlockEncoding]:
    """Encode a system as it stands or with rows of one length, whichever costs less per unit of condition.

    Arguments: problem; layout, the matrix that is encoded for a system; encoding, a name or "auto".
    Result: the system whose rows and right side are the encoded ones, with the solution, wanted entries, bounds
    and unit of `problem` in either case; and its encoding.
    Raises: as `block_encode`.
    Source: row equilibration, van der Sluis, Numer. Math. 14, 14 (1969); D A x = D b holds for every D.
    """
    encoded = [(one, block_encode(layout(one), encoding)) for one in (problem, *_scaled(problem))]
    return min(encoded, key=lambda pair: pair[1].merit / pair[0].smallest)


def _scaled(problem: LinearSystem) -> list[LinearSystem]:
    n = problem.b.size
    # A smallest singular value that the caller knows is that of the rows as they stand.
    if n > _MOST_ROWS or problem.knows_smallest:
        return []
    lengths = np.linalg.norm(problem.matrix.toarray(), axis=1)
    if not lengths.min() > 0 or np.ptp(lengths) <= 1e-12 * lengths.max():
        return []
    weights = lengths.max() / lengths
    return [
        LinearSystem(
            sp.csr_array(sp.diags_array(weights) @ problem.matrix),
            weights * problem.b,
            problem.wanted.tolist(),
            bound=problem.bound(),
            floor=problem.floor,
            unit=problem.unit,
        )
    ]
