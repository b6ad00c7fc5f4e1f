"""The exact discrete Carleman map: every cross term of the products of u + eta F(u), up to degree N."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from qgd_core.carleman.blocks import place, row_chunks, terms
from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.monomials import Csr, IndexArray, collect, entries_of_rows, split_columns
from qgd_core.dynamics.polynomial import PolynomialField


def step_map(field: PolynomialField, step: float) -> PolynomialField:
    """Return u + step F(u) as polynomial coefficients around the same centre."""
    scaled = {k: matrix * step for k, matrix in field.coefficients.items()}
    scaled[1] = sparse.csr_array(field.coefficient(1) * step + sparse.eye_array(field.n, format="csr"))
    return PolynomialField(scaled, centre=field.centre)


def discrete_blocks(
    update: PolynomialField, basis: Basis, rows: int | None = None
) -> dict[tuple[int, int], Csr]:
    """Return the blocks (j, d) of z_j(t+1) = sum_d M_jd z_d(t) in bare monomials, d = 0 being the source.

    Arguments: update, the polynomial map u(t+1) = update(u(t)); basis, whose order limits d; rows, the largest
    j, the order by default.
    Result: CSR blocks (size(j), size(d)): M[a, m] is the coefficient of u^m in prod_i update_i^(a_i), exact.
    Raises: nothing.
    Source: Eq 5 of arXiv 2303.03428, block row j of I + A being W^(x)j with W = [F0 | I+F1 | F2 | ...].
    """
    factors = terms(update, basis)
    digits = {k: split_columns(w.indices.astype(np.int64), update.n, k) for k, w in factors.items()}
    below: dict[int, Csr] = {0: sparse.csr_array(np.ones((1, 1)))}
    blocks: dict[tuple[int, int], Csr] = {}
    tables = [basis.digits(degree) for degree in range(basis.order + 1)]
    for j in range(1, (rows or basis.order) + 1):
        variables = tables[j]
        parents = basis.rank(variables[1:])
        level: dict[int, Csr] = {}
        for degree in range(basis.order + 1):
            pairs = [(below[degree - k], factors[k], digits[k]) for k in factors if degree - k in below]
            if pairs:
                level[degree] = _product_block(basis, tables, degree, variables[0], parents, pairs)
        blocks.update({(j, degree): block for degree, block in level.items()})
        below = level
    return blocks


def _product_block(
    basis: Basis,
    tables: list[IndexArray],
    degree: int,
    first: IndexArray,
    parents: IndexArray,
    pairs: list[tuple[Csr, Csr, IndexArray]],
) -> Csr:
    """Rows (first variable's factor) x (parent row): all pairs of entries whose degrees add up to `degree`."""
    counts = sum(
        np.diff(parent.indptr)[parents].astype(np.int64) * np.diff(factor.indptr)[first]
        for parent, factor, _ in pairs
    )
    pieces = []
    for chunk in row_chunks(np.asarray(counts)):
        rows, columns, values = [], [], []
        for parent, factor, digits in pairs:
            owner, left = entries_of_rows(parent, parents[chunk])
            pair, right = entries_of_rows(factor, first[chunk][owner])
            owner, left = owner[pair], left[pair]
            tail = tables[degree - digits.shape[0]][:, parent.indices[left]]
            rows.append(owner)
            columns.append(place(basis, np.concatenate([digits[:, right], tail])))
            values.append(parent.data[left] * factor.data[right])
        shape = (parents[chunk].size, basis.size(degree))
        pieces.append(collect(np.concatenate(rows), np.concatenate(columns), np.concatenate(values), shape))
    return sparse.csr_array(sparse.vstack(pieces, format="csr"))
