"""What a constant-coefficient Carleman step does to a vector: assembled while small."""

from __future__ import annotations

import string
from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.encodings.action import Action, operator, transposed
from qgd_core.encodings.layouts import StencilLayout
from qgd_core.encodings.toeplitz import act_by_diagonals

# Qubits past which the step is not assembled.
_ASSEMBLED = 15


def act_by_stencil(
    diagonals: Mapping[int, float], lowering: float, layout: StencilLayout, *, periodic: bool
) -> Action:
    """Blocks (d, d) with W on every slot, and (d - 1, d) with (d - 1) * lowering, the last slot merged with the first."""
    linear = act_by_diagonals(diagonals, layout.n_slot, periodic=periodic)
    back, size = transposed(linear), 2**layout.n_slot
    # Slots by name, the last one first: merged, that one carries the index of slot A.
    names = string.ascii_lowercase[: layout.order][::-1]
    dimension = 2**layout.n_system

    def moved(matrix: Action, tensor: RealArray, slots: range) -> RealArray:
        """The matrix on some slots, counted from A."""
        for slot in slots:
            axis = tensor.ndim - 1 - slot
            front = np.moveaxis(tensor, axis, 0)
            applied = np.asarray(matrix @ front.reshape(size, -1)).reshape(front.shape)
            tensor = np.moveaxis(applied, 0, axis)
        return tensor

    def forward(x: RealArray) -> RealArray:
        given, out = layout.degrees(x), np.zeros(dimension, x.dtype)
        found = layout.degrees(out)
        for d, tensor in given.items():
            found[d][...] += moved(linear, tensor, range(d))
            if d > 1 and lowering:
                inner = names[-d + 1 :]
                merged = np.einsum(f"a{inner}->{inner}", tensor)
                found[d - 1][...] += (d - 1) * lowering * moved(linear, merged, range(1, d - 1))
        return out

    def backward(x: RealArray) -> RealArray:
        given, out = layout.degrees(x), np.zeros(dimension, x.dtype)
        found = layout.degrees(out)
        for d, tensor in given.items():
            found[d][...] += moved(back, tensor, range(d))
            if d < layout.order and lowering:
                spread = d * lowering * moved(back, tensor, range(1, d))
                inner = names[-d:]
                np.einsum(f"a{inner}->{inner}", found[d + 1])[...] += spread
        return out

    if layout.n_system > _ASSEMBLED:
        return operator(dimension, forward, backward)
    columns = np.flatnonzero(layout.supported)
    blocks = [sp.csc_array(forward(_unit(j, dimension))[:, np.newaxis]) for j in columns.tolist()]
    found = sp.coo_array(sp.hstack(blocks, format="coo"))
    rows, places = found.coords
    return sp.csr_array((found.data, (rows, columns[places])), shape=(dimension, dimension))


def _unit(j: int, size: int) -> RealArray:
    unit = np.zeros(size)
    unit[j] = 1.0
    return unit
