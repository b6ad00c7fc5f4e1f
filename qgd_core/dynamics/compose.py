"""Composition of polynomial maps, exact or cut at a degree."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.dynamics.monomials import (
    Csr,
    IndexArray,
    collect,
    entries_of_rows,
    join_columns,
    row_of_entries,
    sort_digits,
    split_columns,
)
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def compose(outer: PolynomialField, inner: PolynomialField, degree: int | None = None) -> PolynomialField:
    """Return the polynomial map u -> outer(inner(u)).

    Arguments: outer and inner, maps in the same n variables, the value of inner being what outer takes; degree,
    the highest kept in the result, all by default.
    Result: a map around the centre of inner, its coefficients exact, with equal monomials added.
    Raises: ConfigError when the numbers of variables differ or the degree is negative.
    Source: substitution, slot by slot.
    """
    if outer.n != inner.n:
        raise ConfigError(f"Maps in {outer.n} and {inner.n} variables cannot be composed.", subject=inner)
    top = outer.degree * inner.degree if degree is None else degree
    if top < 0:
        raise ConfigError(f"degree is {top}, expected a whole number >= 0.", subject="degree", value=top)
    n = outer.n
    none = np.zeros(0, dtype=np.int64)
    pieces: dict[int, list[tuple[IndexArray, IndexArray, RealArray]]] = {0: [(none, none, np.zeros(0))]}
    for k, matrix in outer.monomials.items():
        rows = row_of_entries(matrix)
        for size, (entry, digits, values) in _substitute(matrix, k, inner, top).items():
            columns = join_columns(sort_digits(digits), n)
            pieces.setdefault(size, []).append((rows[entry], columns, values))
    composed = {}
    for size, parts in pieces.items():
        rows, columns = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        values = np.concatenate([part[2] for part in parts])
        composed[size] = collect(rows, columns, values, (n, n**size))
    return PolynomialField(composed, centre=inner.centre)


def _substitute(
    matrix: Csr, k: int, inner: PolynomialField, top: int
) -> dict[int, tuple[IndexArray, IndexArray, RealArray]]:
    """Replace every variable of every entry by the inner polynomial: by degree, (entry, digits, value)."""
    variables = split_columns(matrix.indices.astype(np.int64), inner.n, k)
    factors = {
        size: (factor, split_columns(factor.indices.astype(np.int64), inner.n, size))
        for size, factor in inner.monomials.items()
    }
    state = {0: (np.arange(matrix.nnz), np.zeros((0, matrix.nnz), dtype=np.int64), matrix.data)}
    for slot in range(k):
        grown: dict[int, list[tuple[IndexArray, IndexArray, RealArray]]] = {}
        for low, (entry, digits, values) in state.items():
            for size, (factor, factor_digits) in factors.items():
                if low + size <= top:
                    owner, position = entries_of_rows(factor, variables[slot][entry])
                    product = np.concatenate([digits[:, owner], factor_digits[:, position]])
                    grown.setdefault(low + size, []).append(
                        (entry[owner], product, values[owner] * factor.data[position])
                    )
        state = {
            size: (
                np.concatenate([part[0] for part in parts]),
                np.concatenate([part[1] for part in parts], axis=1),
                np.concatenate([part[2] for part in parts]),
            )
            for size, parts in grown.items()
        }
    return state
