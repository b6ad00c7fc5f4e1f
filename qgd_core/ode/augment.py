"""A recurrence laid out from its entries: a constant coordinate, then the wanted entries, then the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.realisation import Realisation
from qgd_core.ode.base import LinearRecurrence, Matrix
from qgd_core.readout.frame import constant_for
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare


def realise_augmented(problem: LinearRecurrence, encoding: str, constant: float | None = None) -> Realisation:
    """Encode every padded step matrix by a method of `list_encodings`.

    Arguments: problem; encoding, a method or "auto"; constant, in the unit of z, by default the least that can be read.
    Result: an exact realisation on (constant, z), the constant carrying the source and the scale.
    Raises: ConfigError for an unknown method.
    Source: none.
    """
    constant = constant or constant_for(problem.bound(), len(problem.wanted)) or 1.0
    order = _order(problem)
    different = max(len(problem.matrices), len(problem.sources))
    augmented = [
        _augment(problem.matrix_at(t), problem.source_at(t), constant, order) for t in range(different)
    ]
    encodings = tuple(block_encode(matrix, encoding) for matrix in augmented)
    start = np.zeros(2 ** encodings[0].n_system)
    start[: len(order) + 1] = np.concatenate([[constant], problem.z0[order]])
    return Realisation(
        method=encodings[0].method,
        encodings=encodings,
        start=start,
        prepare=lambda: prepare(start, "start"),
        prepare_cost=start.size - 2,
        readout=SimplexReadout(len(problem.wanted), constant),
    )


def _order(problem: LinearRecurrence) -> list[int]:
    """Wanted entries first, so that the frame acts on the lowest basis states."""
    wanted = set(problem.wanted)
    return [*problem.wanted, *(i for i in range(problem.z0.size) if i not in wanted)]


def _augment(matrix: Matrix, b: RealArray, constant: float, order: Sequence[int]) -> Matrix:
    """The step on (constant, z): the source is a column, and the constant keeps itself."""
    reordered = sp.csr_array(matrix)[order][:, order]
    column = sp.csr_array(b[order][:, np.newaxis] / constant)
    return sp.csr_array(sp.block_array([[sp.csr_array([[1.0]]), None], [column, reordered]], format="csr"))
