"""Perron weights: positive vectors that make the row and column states of |A| nearly normalised."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from qgd_core.arrays import RealArray

_SWEEPS = 500
# Entries that a block's sweeps may touch altogether; every sweep leaves a valid alpha, and the first few gain most.
_WORK, _LEAST_SWEEPS = 2e8, 10
_FLOOR = 1e-7


def perron_weights(matrix: sp.csr_array) -> tuple[float, RealArray, RealArray]:
    """Positive u, v and the least alpha with |A| v <= alpha u and |A|^T u <= alpha v, entry by entry.

    Arguments: matrix, CSR, real or complex, shape (n, n); zero rows and columns get weight 1.
    Result: (alpha, u, v). Each connected component of the pattern has its own pair, so alpha is the largest
    component's || |A| ||_2 to 1e-12 where the power iteration converges before a weight falls below 1e-7 of
    the largest; where it does not (localised vectors, or blocks of more than 4e5 entries, which get fewer sweeps)
    alpha is larger, still valid, with no underflow.
    Raises: nothing.
    Source: the Collatz-Wielandt characterisation of the Perron root, applied to |A|^T |A|.
    """
    n = matrix.shape[0]
    sizes = np.abs(matrix.data)
    # A power of two leaves every digit, and products of entries in range.
    unit = 2.0 ** np.floor(np.log2(sizes.max(initial=0.0) or 1.0))
    sizes /= unit
    magnitude = sp.csr_array((sizes, matrix.indices, matrix.indptr), shape=matrix.shape)
    # Rows, then columns; connected components ask for an edge in one direction only.
    ends = np.concatenate([matrix.indptr, np.full(n, matrix.indptr[-1], matrix.indptr.dtype)])
    pattern = sp.csr_array((sizes, matrix.indices + n, ends), shape=(2 * n, 2 * n))
    n_parts, part = connected_components(pattern, directed=False)
    del pattern
    members = np.argsort(part, kind="stable")
    edges = np.searchsorted(part[members], np.arange(n_parts + 1))
    u, v, alpha = np.ones(n), np.ones(n), 0.0
    # Empty rows and columns of the padding stand alone.
    for i in np.flatnonzero(np.diff(edges) > 1):
        nodes = members[edges[i] : edges[i + 1]]
        rows, columns = nodes[nodes < n], nodes[nodes >= n] - n
        if rows.size == 0 or columns.size == 0:
            continue
        root, u[rows], v[columns] = _component(_block(magnitude, rows, columns))
        alpha = max(alpha, root)
    return float(alpha * unit), u, v


def _block(magnitude: sp.csr_array, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> sp.csr_array:
    """The entries of a component, whose rows and columns ascend: not copied where neither has gaps."""
    top, left, shape = rows[0], columns[0], (rows.size, columns.size)
    if rows[-1] - top + 1 > rows.size or columns[-1] - left + 1 > columns.size:
        return magnitude[rows][:, columns]
    ends = magnitude.indptr[top : rows[-1] + 2]
    here = slice(int(ends[0]), int(ends[-1]))
    indices = magnitude.indices[here] - left.astype(magnitude.indices.dtype)
    return sp.csr_array((magnitude.data[here], indices, ends - ends[0]), shape=shape)


def _component(block: sp.csr_array) -> tuple[float, RealArray, RealArray]:
    """Weights of one connected block by power iteration, stopped before a weight underflows."""
    turned, v = block.T, np.ones(block.shape[1])
    u = np.asarray(block @ v)
    back = np.asarray(turned @ u)
    best = _balanced(1.0, back, u, v)
    for _ in range(int(np.clip(_WORK / max(1, block.nnz), _LEAST_SWEEPS, _SWEEPS))):
        v = back / back.max()
        u = np.asarray(block @ v)
        largest = float(u.max())
        u /= largest
        if min(u.min(), v.min()) < _FLOOR:
            break
        back = np.asarray(turned @ u)
        trial = _balanced(largest, back, u, v)
        gain = best[0] - trial[0]
        if gain > 0:
            best = trial
        if gain <= 1e-15 * best[0]:
            break
    return best


def _balanced(
    by_row: float, back: RealArray, u: RealArray, v: RealArray
) -> tuple[float, RealArray, RealArray]:
    """The alpha that u and v allow once u is scaled so that rows, all asking for the same, and columns need the same."""
    by_column = float((back / v).max())
    return float(np.sqrt(by_row * by_column)), u * np.sqrt(by_row / by_column), v
