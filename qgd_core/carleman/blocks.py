"""Sparse assembly of the continuous form: every variable of a monomial in turn replaced by its F_k."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.carleman.assemble import assemble_flow, is_compiled
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.rows import split_rows
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
    """The F_k of degree up to the order, of g u, with equal monomials added where the basis is symmetric."""
    matrices = field.monomials if basis.kind == "symmetric" else field.coefficients
    chosen = {
        k: sparse.csr_array(m * basis.scale ** (1 - k)) for k, m in matrices.items() if k <= basis.order
    }
    for matrix in chosen.values():
        matrix.eliminate_zeros()
    return {k: matrix for k, matrix in chosen.items() if matrix.nnz}


def continuous_matrix(field: PolynomialField, basis: Basis, rows: int | None = None) -> Csr:
    """Return the matrix of dz/dt = A z + b, truncated at the order of the basis.

    Arguments: field in n variables; basis, whose order limits the columns; rows, the largest degree of a row, the
    order by default.
    Result: CSR in weighted coordinates, exact; the columns of a row are distinct, sorted unless compiled.
    Raises: nothing.
    Source: Eq 3.2 of Liu et al., arXiv 2011.03185; symmetric form by the product rule on monomials.
    """
    if is_compiled(field, basis, discrete=False):
        return assemble_flow(terms(field, basis), basis, rows or basis.order)
    parts = [
        (matrix, split_columns(matrix.indices.astype(np.int64), field.n, k))
        for k, matrix in terms(field, basis).items()
    ]
    unit = Basis(basis.n, basis.order, basis.kind)
    weights = np.concatenate([unit.weights(j) for j in range(1, basis.order + 1)])
    written = []
    for j in range(1, (rows or basis.order) + 1):
        fitting = [(m, digits) for m, digits in parts if 1 <= j - 1 + digits.shape[0] <= basis.order]
        variables = basis.digits(j)
        lengths = sum((np.diff(m.indptr) for m, _ in fitting), np.zeros(basis.n, dtype=np.int64))
        for chunk in split_rows(lengths[variables].sum(axis=0), CHUNK):
            written.append(_derivatives(basis, fitting, variables[:, chunk]))
            own = weights[basis.starts[j - 1] :][chunk][row_of_entries(written[-1])]
            written[-1].data *= own / weights[written[-1].indices]
    return sparse.csr_array(sparse.vstack(written, format="csr"))


def continuous_source(field: PolynomialField, basis: Basis) -> RealArray:
    """Return b of dz/dt = A z + b: F_0 in the block of degree 1."""
    source = np.zeros(basis.dimension)
    source[: basis.n] = basis.scale * field.coefficient(0).toarray()[:, 0]
    return source


def _derivatives(basis: Basis, parts: list[tuple[Csr, IndexArray]], here: IndexArray) -> Csr:
    """The rows of the given monomials, in bare monomials of g u."""
    none = np.zeros(0, dtype=np.int64)
    rows, columns, values = [none], [none], [np.zeros(0)]
    for matrix, digits in parts:
        lengths = np.diff(matrix.indptr).astype(np.int64)
        for slot, variable in enumerate(here):
            owner, entry = expand(matrix.indptr[variable].astype(np.int64), lengths[variable])
            product = np.concatenate([here[:slot, owner], digits[:, entry], here[slot + 1 :, owner]])
            rows.append(owner)
            columns.append(_place(basis, product))
            values.append(matrix.data[entry])
    shape = (here.shape[1], basis.dimension)
    return collect(np.concatenate(rows), np.concatenate(columns), np.concatenate(values), shape)


def _place(basis: Basis, digits: IndexArray) -> IndexArray:
    """Coordinate of each product of variables `digits`, shape (degree, count), in any order."""
    start = int(basis.starts[digits.shape[0] - 1])
    return basis.rank(sort_digits(digits) if basis.kind == "symmetric" else digits) + start
