"""A recurrence laid out from its entries: a constant coordinate, then the wanted entries, then the others."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

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
    places = _places(problem)
    different = max(len(problem.matrices), len(problem.sources))
    encodings = tuple(
        block_encode(_augment(problem.matrix_at(t), problem.source_at(t), constant, places), encoding)
        for t in range(different)
    )
    start = np.zeros(2 ** encodings[0].n_system)
    start[0], start[places] = constant, problem.z0
    return Realisation(
        method=encodings[0].method,
        encodings=encodings,
        start=start,
        prepare=lambda: prepare(start, "start"),
        prepare_cost=start.size - 2,
        readout=SimplexReadout(len(problem.wanted), constant),
    )


def _places(problem: LinearRecurrence) -> NDArray[np.int32]:
    """Where each coordinate stands: after the constant, the wanted ones first, so that the frame acts on the lowest."""
    n, wanted = problem.z0.size, list(problem.wanted)
    others = np.ones(n, dtype=bool)
    others[wanted] = False
    places = np.zeros(n, dtype=np.int32)
    places[wanted] = np.arange(1, len(wanted) + 1)
    places[others] = np.arange(len(wanted) + 1, n + 1)
    return places


def _augment(matrix: Matrix, b: RealArray, constant: float, places: NDArray[np.int32]) -> Matrix:
    """The step on (constant, z): the source is a column, and the constant keeps itself."""
    entries, source = sp.coo_array(matrix), np.flatnonzero(b)
    zero = np.zeros(1 + source.size, dtype=np.int32)
    rows = np.concatenate([zero[:1], places[source], places[entries.coords[0]]])
    columns = np.concatenate([zero, places[entries.coords[1]]])
    values = np.concatenate([[1.0], b[source] / constant, entries.data])
    return sp.csr_array((values, (rows, columns)), shape=(places.size + 1,) * 2)
