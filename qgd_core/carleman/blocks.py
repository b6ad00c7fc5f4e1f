"""Sparse assembly of Carleman rows: the continuous form, and the parts both forms share."""

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

CHUNK = 1 << 18


def terms(field: PolynomialField, basis: Basis) -> dict[int, Csr]:
    """The F_k of degree up to the order, with equal monomials added where the basis is symmetric."""
    matrices = field.monomials if basis.kind == "symmetric" else field.coefficients
    return {k: matrix for k, matrix in matrices.items() if k <= basis.order and matrix.nnz}


def row_chunks(counts: IndexArray) -> Iterator[slice]:
    """Split rows into consecutive slices of about CHUNK entries in all, so that scratch arrays stay in cache."""
    ends = np.cumsum(counts)
    first = 0
    while first < counts.size:
        before = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, before + CHUNK, side="right")), first + 1)
        yield slice(first, last)
        first = last


def place(basis: Basis, digits: IndexArray) -> IndexArray:
    """Coordinate of each product of variables `digits`, shape (degree, count), in any order."""
    start = int(basis.starts[digits.shape[0] - 1])
    return basis.rank(sort_digits(digits) if basis.kind == "symmetric" else digits) + start


class RowWriter:
    """Collects weighted CSR rows in place, so that a large matrix is written once and never copied."""

    def __init__(self, basis: Basis, rows: int) -> None:
        self._weights = np.concatenate([basis.weights(j) for j in range(1, basis.order + 1)])
        self._shape = (int(basis.starts[rows]), basis.dimension)
        self._starts = np.zeros(self._shape[0] + 1, dtype=np.int64)
        self._columns, self._values = np.empty(0, dtype=np.int32), np.empty(0)
        self._row = 0

    def reserve(self, entries: int) -> None:
        """Make room for that many more entries."""
        used = self._starts[self._row]
        wide = max(used + entries, self._shape[1]) > np.iinfo(np.int32).max
        columns = np.empty(used + entries, dtype=np.int64 if wide else np.int32)
        values = np.empty(used + entries)
        columns[:used], values[:used] = self._columns[:used], self._values[:used]
        self._columns, self._values = columns, values

    def append(self, rows: Csr) -> None:
        """Write the next rows, given in bare monomials, as w(a)/w(m) times their entries."""
        first, used, count = self._row, self._starts[self._row], rows.shape[0]
        here = slice(used, used + rows.nnz)
        self._columns[here] = rows.indices
        scale = self._weights[first : first + count][row_of_entries(rows)] / self._weights[rows.indices]
        np.multiply(rows.data, scale, out=self._values[here])
        self._starts[first + 1 : first + count + 1] = used + rows.indptr[1:]
        self._row += count

    def matrix(self) -> Csr:
        """The rows written, zero to the end."""
        used = self._starts[self._row]
        self._starts[self._row :] = used
        starts = self._starts.astype(self._columns.dtype)
        result: Csr = sparse.csr_array((self._values[:used], self._columns[:used], starts), shape=self._shape)
        return result


def continuous_matrix(field: PolynomialField, basis: Basis, rows: int | None = None) -> Csr:
    """Return the matrix of dz/dt = A z + b, truncated at the order of the basis.

    Arguments: field in n variables; basis, whose order limits the columns; rows, the largest degree of a row, the
    order by default.
    Result: CSR in weighted coordinates, exact.
    Raises: nothing.
    Source: Eq 3.2 of Liu et al., arXiv 2011.03185; symmetric form by the product rule on monomials.
    """
    top = rows or basis.order
    parts = [
        (matrix, split_columns(matrix.indices.astype(np.int64), field.n, k))
        for k, matrix in terms(field, basis).items()
    ]
    writer = RowWriter(basis, top)
    for j in range(1, top + 1):
        fitting = [(m, digits) for m, digits in parts if 1 <= j - 1 + digits.shape[0] <= basis.order]
        variables = basis.digits(j)
        lengths = sum((np.diff(m.indptr) for m, _ in fitting), np.zeros(basis.n, dtype=np.int64))
        counts = lengths[variables].sum(axis=0)
        writer.reserve(int(counts.sum()))
        for chunk in row_chunks(counts):
            writer.append(_derivatives(basis, fitting, variables[:, chunk]))
    return writer.matrix()


def continuous_source(field: PolynomialField, basis: Basis) -> RealArray:
    """Return b of dz/dt = A z + b: F_0 in the block of degree 1."""
    source = np.zeros(basis.dimension)
    source[: basis.n] = basis.scale * field.coefficient(0).toarray()[:, 0]
    return source


def _derivatives(basis: Basis, parts: list[tuple[Csr, IndexArray]], here: IndexArray) -> Csr:
    """The rows of the given monomials: each variable in turn replaced by its F_k."""
    none = np.zeros(0, dtype=np.int64)
    rows, columns, values = [none], [none], [np.zeros(0)]
    for matrix, digits in parts:
        lengths = np.diff(matrix.indptr).astype(np.int64)
        for slot, variable in enumerate(here):
            owner, entry = expand(matrix.indptr[variable].astype(np.int64), lengths[variable])
            product = np.concatenate([here[:slot, owner], digits[:, entry], here[slot + 1 :, owner]])
            rows.append(owner)
            columns.append(place(basis, product))
            values.append(matrix.data[entry])
    shape = (here.shape[1], basis.dimension)
    return collect(np.concatenate(rows), np.concatenate(columns), np.concatenate(values), shape)
