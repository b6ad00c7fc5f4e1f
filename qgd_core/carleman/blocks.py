"""Sparse assembly of Carleman blocks: the continuous form, and the joins both forms share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.monomials import (
    Csr,
    IndexArray,
    collect,
    expand,
    row_of_entries,
    sort_digits,
    split_columns,
)
from qgd_core.dynamics.polynomial import PolynomialField

CHUNK = 1 << 21


def terms(field: PolynomialField, basis: Basis) -> dict[int, Csr]:
    """The F_k of degree up to the order, with equal monomials added where the basis is symmetric."""
    matrices = field.monomials if basis.kind == "symmetric" else field.coefficients
    return {k: matrix for k, matrix in matrices.items() if k <= basis.order and matrix.nnz}


def row_chunks(counts: IndexArray) -> Iterator[slice]:
    """Split rows into consecutive slices of about CHUNK entries in all, so that scratch memory stays bounded."""
    ends = np.cumsum(counts)
    first = 0
    while first < counts.size:
        before = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, before + CHUNK, side="right")), first + 1)
        yield slice(first, last)
        first = last


def place(basis: Basis, digits: IndexArray) -> IndexArray:
    """Position within its degree of each product of variables `digits`, shape (degree, count), in any order."""
    return basis.rank(sort_digits(digits) if basis.kind == "symmetric" else digits)


def continuous_blocks(
    field: PolynomialField, basis: Basis, rows: int | None = None
) -> dict[tuple[int, int], Csr]:
    """Return the blocks (j, d) of dz_j/dt = sum_d A_jd z_d in bare monomials, degree d = 0 being the source.

    Arguments: field in n variables; basis, whose order limits d; rows, the largest j, the order by default.
    Result: CSR blocks of shape (size(j), size(d)), exact.
    Raises: nothing.
    Source: Eq 3.2 of Liu et al., arXiv 2011.03185; symmetric form by the product rule on monomials.
    """
    blocks: dict[tuple[int, int], Csr] = {}
    for k, matrix in terms(field, basis).items():
        digits = split_columns(matrix.indices.astype(np.int64), field.n, k)
        for j in range(1, (rows or basis.order) + 1):
            if j - 1 + k <= basis.order:
                blocks[j, j - 1 + k] = _derivative_block(basis, matrix, digits, j)
    return blocks


def _derivative_block(basis: Basis, matrix: Csr, digits: IndexArray, j: int) -> Csr:
    degree = j - 1 + digits.shape[0]
    variables = basis.digits(j)
    lengths = np.diff(matrix.indptr).astype(np.int64)
    pieces = []
    for chunk in row_chunks(lengths[variables].sum(axis=0)):
        here = variables[:, chunk]
        rows, columns, values = [], [], []
        for slot in range(j):
            owner, entry = expand(matrix.indptr[here[slot]].astype(np.int64), lengths[here[slot]])
            product = np.concatenate([here[:slot, owner], digits[:, entry], here[slot + 1 :, owner]])
            rows.append(owner)
            columns.append(place(basis, product))
            values.append(matrix.data[entry])
        shape = (here.shape[1], basis.size(degree))
        pieces.append(collect(np.concatenate(rows), np.concatenate(columns), np.concatenate(values), shape))
    return sparse.csr_array(sparse.vstack(pieces, format="csr"))


def assemble(basis: Basis, blocks: dict[tuple[int, int], Csr]) -> tuple[Csr, RealArray]:
    """Return the weighted D x D matrix and the source (D,) from blocks of bare monomials.

    Arguments: basis; blocks by (row degree, column degree), column degree 0 for the source; consumed.
    Result: CSR matrix with entries w(a)/w(m) times the bare ones, and w(a) times the degree-0 block.
    Raises: nothing.
    Source: z_a = w(a) u^a, w = g^|a| sqrt(multinomial).
    """
    degrees = range(1, basis.order + 1)
    source = np.zeros(basis.dimension)
    for j in degrees:
        if (j, 0) in blocks:
            source[basis.block(j)] = basis.weights(j) * blocks.pop((j, 0)).toarray()[:, 0]
    return join_blocks(basis, blocks, degrees, degrees), source


def join_blocks(basis: Basis, blocks: dict[tuple[int, int], Csr], rows: range, columns: range) -> Csr:
    """Return the weighted matrix of the blocks with the given row and column degrees, which are consumed."""
    weights = {j: basis.weights(j) for j in {*rows, *columns}}
    stacked = []
    for j in rows:
        row = []
        for d in columns:
            block = blocks.pop((j, d), None)
            if block is None:
                block = sparse.csr_array((basis.size(j), basis.size(d)), dtype=np.float64)
            block.data *= weights[j][row_of_entries(block)]
            block.data /= weights[d][block.indices]
            row.append(block)
        stacked.append(sparse.hstack(row, format="csr"))
    matrix: Csr = sparse.csr_array(sparse.vstack(stacked, format="csr"))
    matrix.sort_indices()
    return matrix
