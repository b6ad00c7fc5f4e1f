"""The exact discrete Carleman map: every cross term of the products of u + eta F(u), up to degree N."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.carleman.assemble import assemble_map, is_compiled
from qgd_core.carleman.blocks import terms
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.products import Polynomials, Products
from qgd_core.carleman.rows import Rows, append_degree
from qgd_core.dynamics.monomials import Csr
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
    Result: CSR in weighted coordinates: M[a, m] is the coefficient of u^m in prod_i update_i^(a_i), exact; the
    columns of a row are distinct, not sorted.
    Raises: nothing.
    Source: Eq 5 of arXiv 2303.03428, block row j of I + A being W^(x)j with W = [F0 | I+F1 | F2 | ...].
    """
    parts = terms(update, basis) or {1: sparse.csr_array((update.n, update.n))}
    if is_compiled(update, basis, discrete=True):
        return assemble_map(parts, basis, rows or basis.order)
    products, factors = Products(basis), Polynomials.join(parts, update.n)
    source, lowest = discrete_source(update, basis), int(factors.degrees.min(initial=basis.order))
    usable = int(products.starts[basis.order - lowest + 1])
    result, level = Rows(basis.dimension), sparse.csr_array(np.eye(1, usable))
    below = level
    for j in range(1, (rows or basis.order) + 1):
        if j > 1:
            constant = source[basis.block(j - 1), np.newaxis]
            level = sparse.csr_array(
                sparse.hstack([sparse.csr_array(constant), below], format="csr")[:, :usable]
            )
        least = int(products.degrees(level.indices).min(initial=basis.order))
        below = append_degree(result, products, factors.up_to(basis.order - least), level, j)
    return result.matrix()


def discrete_source(update: PolynomialField, basis: Basis) -> RealArray:
    """Return b of z(t+1) = M z(t) + b: the lift of the constant part of the map."""
    constant = update.coefficient(0).toarray()[:, 0]
    return basis.lift(constant) if constant.any() else np.zeros(basis.dimension)
