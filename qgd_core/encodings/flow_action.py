"""What the continuous Carleman matrix of a field of neighbours does to a vector: assembled while small."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.encodings.action import Action, operator
from qgd_core.encodings.base import Matrix
from qgd_core.encodings.flow_bands import Bands
from qgd_core.encodings.layouts import FlowLayout

# Rows past which it is not assembled.
_ASSEMBLED = 1 << 16


def act_by_bands(bands: Bands, layout: FlowLayout) -> Action:
    """[[F1, F2], [F0 (x) I + I (x) F0, F1 (x) I + I (x) F1]] in slots, the constant's column first where sourced.

    Slot A is the last factor, and the first one of a monomial stands in slot B. Past 2**16 rows an operator of about
    12 n^2 operations.
    """
    dimension = 2 * bands.size**2 * (1 + layout.sourced)
    if dimension <= _ASSEMBLED:
        return _assembled(bands, layout)
    n, size, flags = bands.n, bands.size, 1 + layout.sourced
    f, linear, quadratic = bands.offset[:n], bands.linear.matrix, bands.quadratic.matrix
    i, j = sp.coo_array(quadratic).coords
    values = sp.coo_array(quadratic).data
    back = sp.csr_array(linear.T)

    def forward(z: RealArray) -> RealArray:
        lifted, out = z.reshape(2, size, flags, size), np.zeros((2, size, flags, size), z.dtype)
        v, both = lifted[0, 0, -1, :n], lifted[1, :n, -1, :n]
        out[0, 0, -1, :n] = linear @ v + np.bincount(i, values * both[i, j], n)
        if layout.sourced:
            out[0, 0, -1, :n] += f * lifted[0, 0, 0, 0]
        out[1, :n, -1, :n] = linear @ both + (linear @ both.T).T + np.outer(f, v) + np.outer(v, f)
        return out.reshape(-1)

    def backward(z: RealArray) -> RealArray:
        lifted, out = z.reshape(2, size, flags, size), np.zeros((2, size, flags, size), z.dtype)
        v, both = lifted[0, 0, -1, :n], lifted[1, :n, -1, :n]
        if layout.sourced:
            out[0, 0, 0, 0] = f @ v
        out[0, 0, -1, :n] = back @ v + f @ both + both @ f
        out[1, :n, -1, :n] = back @ both + (back @ both.T).T
        out[1, i, -1, j] += values * v[i]
        return out.reshape(-1)

    return operator(dimension, forward, backward)


def _assembled(bands: Bands, layout: FlowLayout) -> Matrix:
    one, supported = sp.csr_array(sp.eye_array(bands.n)), layout.supported
    rows = sp.coo_array(bands.quadratic.matrix)
    i, j = rows.coords
    quadratic = sp.csr_array((rows.data, (i, i * bands.n + j)), shape=(bands.n, bands.n**2))
    column, linear = sp.csr_array(bands.offset[: bands.n, np.newaxis]), bands.linear.matrix
    source = sp.csr_array(sp.kron(column, one) + sp.kron(one, column))
    both = sp.csr_array(sp.kron(linear, one) + sp.kron(one, linear))
    whole = sp.csr_array(sp.block_array([[linear, quadratic], [source, both]]))
    if layout.sourced:
        entry = sp.csr_array(sp.vstack([column, sp.csr_array((bands.n**2, 1))]))
        whole = sp.csr_array(sp.block_array([[sp.csr_array((1, 1)), None], [entry, whole]], format="csr"))
    compact, places = sp.coo_array(whole), np.flatnonzero(supported)
    row, column_of = compact.coords
    found = sp.csr_array((compact.data, (places[row], places[column_of])), shape=(supported.size,) * 2)
    found.eliminate_zeros()
    return found
