"""The exact discrete Carleman map: every cross term of the products of u + eta F(u), up to degree N."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.carleman.blocks import RowWriter, place, row_chunks, terms
from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.monomials import Csr, IndexArray, collect, entries_of_rows, split_columns
from qgd_core.dynamics.polynomial import PolynomialField


def step_map(field: PolynomialField, step: float) -> PolynomialField:
    """Return u + step F(u) as polynomial coefficients around the same centre."""
    scaled = {k: matrix * step for k, matrix in field.coefficients.items()}
    scaled[1] = sparse.csr_array(field.coefficient(1) * step + sparse.eye_array(field.n, format="csr"))
    return PolynomialField(scaled, centre=field.centre)


def discrete_matrix(update: PolynomialField, basis: Basis, rows: int | None = None) -> Csr:
    """Return the matrix of z(t+1) = M z(t) + b, truncated at the order of the basis.

    Arguments: update, the polynomial map u(t+1) = update(u(t)); basis, whose order limits the columns; rows, the
    largest degree of a row, the order by default.
    Result: CSR in weighted coordinates: M[a, m] is the coefficient of u^m in prod_i update_i^(a_i), exact.
    Raises: nothing.
    Source: Eq 5 of arXiv 2303.03428, block row j of I + A being W^(x)j with W = [F0 | I+F1 | F2 | ...].
    """
    top = rows or basis.order
    factors = terms(update, basis)
    digits = {k: split_columns(w.indices.astype(np.int64), update.n, k) for k, w in factors.items()}
    tables = [basis.digits(degree) for degree in range(basis.order + 1)]
    constant = update.coefficient(0).toarray()[:, 0]
    below: dict[int, Csr] = {0: sparse.csr_array(np.ones((1, 1)))}
    writer = RowWriter(basis, top)
    for j in range(1, top + 1):
        first, parents = tables[j][0], basis.rank(tables[j][1:])
        pairs = [(d, k) for d in below for k in factors if 1 <= d + k <= basis.order]
        counts = np.zeros(first.size, dtype=np.int64)
        for d, k in pairs:
            counts += np.diff(below[d].indptr)[parents].astype(np.int64) * np.diff(factors[k].indptr)[first]
        writer.reserve(int(counts.sum()))
        kept = []
        for chunk in row_chunks(counts):
            none = np.zeros(0, dtype=np.int64)
            pieces: list[tuple[IndexArray, IndexArray, RealArray]] = [(none, none, np.zeros(0))]
            for d, k in pairs:
                owner, left = entries_of_rows(below[d], parents[chunk])
                pair, right = entries_of_rows(factors[k], first[chunk][owner])
                owner, left = owner[pair], left[pair]
                product = np.concatenate([digits[k][:, right], tables[d][:, below[d].indices[left]]])
                pieces.append((owner, place(basis, product), below[d].data[left] * factors[k].data[right]))
            row, column, value = (np.concatenate(part) for part in zip(*pieces, strict=True))
            kept.append(collect(row, column, value, (parents[chunk].size, basis.dimension)))
            writer.append(kept[-1])
            if j == top:
                kept.clear()
        if j < top:
            level = sparse.csr_array(sparse.vstack(kept, format="csr"))
            below = {d: sparse.csr_array(level[:, basis.block(d)]) for d in range(1, basis.order + 1)}
            below[0] = sparse.csr_array(constant[tables[j]].prod(axis=0)[:, np.newaxis])
    return writer.matrix()


def discrete_source(update: PolynomialField, basis: Basis) -> RealArray:
    """Return b of z(t+1) = M z(t) + b: the lift of the constant part of the map."""
    return basis.lift(update.coefficient(0).toarray()[:, 0])
