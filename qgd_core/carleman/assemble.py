"""Symmetric Carleman matrices by compiled kernels on all threads: one pass writes starts, columns and values."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.products import Polynomials, Products
from qgd_core.carleman.size import count_entries
from qgd_core.carleman.slots import installed, thread_count
from qgd_core.dynamics.monomials import Csr, IndexArray
from qgd_core.dynamics.polynomial import PolynomialField

LARGE = 1 << 17  # entries from which loading the compiled kernels, two seconds, is worth it
MOVED = 1 << 15  # entries moved at a time, so that they stay in cache
HIGHEST = 10  # degree up to which the multinomials, of which 138 differ, are tabulated


def is_compiled(field: PolynomialField, basis: Basis, discrete: bool) -> bool:
    """Whether the matrix of a flow, or of a map if `discrete`, is assembled by the compiled kernels."""
    if basis.kind != "symmetric" or basis.order > HIGHEST or not installed():
        return False
    return LARGE <= count_entries(field, basis, discrete) < np.iinfo(np.int32).max


class Assembly:
    """The tables that rows are made with, and the rows written so far.

    Arguments: parts, F_k by degree, in bare monomials of g u; basis, symmetric, whose order limits the columns.
    """

    def __init__(self, parts: dict[int, Csr], basis: Basis) -> None:
        factors = Polynomials.join(parts, basis.n)
        self.basis, self.products = basis, Products(basis)
        self._counts = np.ascontiguousarray(factors.counts(basis.order)[::-1])
        self._table = self.products.places.astype(np.int32, copy=False)
        digits = np.ascontiguousarray(factors.digits * self.products.lower)
        self._polynomials = factors.indptr, digits, factors.degrees, factors.data, self._table
        self.splits, orderings = self._split_all()
        present = np.flatnonzero(np.bincount(orderings))
        kinds = np.zeros(present[-1] + 1, dtype=np.uint8)
        kinds[present] = np.arange(present.size)
        self.kinds, self.ratios = kinds[orderings], np.sqrt(present[:, np.newaxis] / present)
        self._row, self._end = 0, 0
        self._starts = np.zeros(basis.dimension + 1, dtype=np.int32)
        self._columns, self._values = np.empty(0, dtype=np.int32), np.empty(0)

    def _split_all(self) -> tuple[list[tuple[Any, Any]], IndexArray]:
        """By degree, the first variable of every monomial and the rank of the rest; and all multinomials."""
        n = self.basis.n
        owners, runs, orderings = np.full(1, -1, dtype=np.int32), *np.ones((2, 1), dtype=np.int64)
        splits, every = [(owners, owners)], []
        for degree in range(1, self.basis.order + 1):
            below, size = (owners, runs, orderings), self.basis.size(degree)
            owners, tails = (np.empty(size, dtype=np.int32) for _ in range(2))
            runs, orderings = (np.empty(size, dtype=np.int64) for _ in range(2))
            tails_from = self.products.tails(degree - 1) if degree > 1 else np.zeros(n, dtype=np.int64)
            _kernels().split_tuples(degree, tails_from, *below, owners, tails, runs, orderings)
            splits.append((owners, tails))
            every.append(orderings)
        return splits, np.concatenate(every)

    def append_map_rows(self, level: Csr, degree: int) -> None:
        """Append the rows of one degree of a map: its polynomials times `level`, the rows of the degree below, in places."""
        owners = np.zeros(level.nnz, dtype=np.int32)
        rooms = self.basis.order - self.products.degrees(level.indices)
        self._append(*self.splits[degree], level.indptr, owners, level.indices, rooms, level.data)

    def append_flow_rows(self, variables: Any, rests: Any) -> None:
        """Append the rows of one degree of a flow: shape (size, degree), each variable and the place of the others."""
        size, degree = variables.shape
        none, own = np.zeros(size, dtype=np.int32), np.arange(size, dtype=np.int32)
        starts = np.arange(0, variables.size + 1, degree)
        rooms = np.full(variables.size, self.basis.order - degree + 1, dtype=np.int8)
        self._append(none, own, starts, variables.ravel(), rests.ravel(), rooms, np.empty(0))

    def split_monomials(self, variables: Any, rests: Any) -> tuple[Any, Any]:
        """The variables, and the places of the others, of the monomials of one more degree."""
        degree = variables.shape[1]
        owners, tails = self.splits[degree + 1]
        one, other = (np.empty((owners.size, degree + 1), dtype=np.int32) for _ in range(2))
        table, start = (self._table, self.products.lower), int(self.products.starts[degree])
        _kernels().replace_one(*table, start, owners, tails, variables, rests, one, other)
        return one, other

    def bare_block(self, degree: int) -> Csr:
        """The rows of one degree in bare monomials, over all coordinates."""
        rows = self.basis.block(degree)
        starts = self._starts[rows.start : rows.stop + 1]
        mine, shape = slice(int(starts[0]), int(starts[-1])), (rows.stop - rows.start, self.basis.dimension)
        own = np.repeat(self.kinds[rows], np.diff(starts))
        values = self._values[mine] / self.ratios[own, self.kinds[self._columns[mine]]]
        return sparse.csr_array((values, self._columns[mine], starts - starts[0]), shape=shape)

    def matrix(self) -> Csr:
        """All rows so far."""
        starts, end = self._starts[: self._row + 1], self._end
        shape = (self._row, self.basis.dimension)
        return sparse.csr_array((self._values[:end], self._columns[:end], starts), shape=shape)

    def _append(
        self,
        owners: Any,
        tails: Any,
        starts: Any,
        level_owners: Any,
        places: Any,
        rooms: Any,
        factors: RealArray,
    ) -> None:
        level = (
            starts.astype(np.int64, copy=False),
            level_owners,
            places.astype(np.int32, copy=False),
            rooms.astype(np.int8),
        )
        edges = np.linspace(0, owners.size, max(1, min(thread_count(), owners.size)) + 1).astype(np.int64)
        parts = [slice(begin, end) for begin, end in pairwise(edges.tolist())]
        with ThreadPoolExecutor(len(parts)) as pool:
            found = pool.map(
                lambda part: _kernels().count_products(owners[part], tails[part], *level, self._counts), parts
            )
            counts, longest = zip(*found, strict=True)
            begins = self._end + np.append(0, np.cumsum(counts))
            columns, values = np.empty(begins[-1], dtype=np.int32), np.empty(begins[-1])
            columns[: self._end], values[: self._end] = self._columns[: self._end], self._values[: self._end]

            def write(part: slice, begin: int, most: int) -> int:
                marks = np.zeros(1 << int(2 * most + 1).bit_length(), dtype=np.int64)
                out = self.kinds, self.ratios, self._row + part.start, marks, self._starts, columns, values
                rows = owners[part], tails[part], *level, factors, *self._polynomials
                end: int = _kernels().write_rows(*rows, *out, begin)
                return end

            ends = list(pool.map(write, parts, begins[:-1].tolist(), longest))
        self._columns, self._values, self._end = columns, values, ends[0]
        for part, begin, end in zip(parts[1:], begins[1:-1].tolist(), ends[1:], strict=True):
            self._close_gap(slice(self._row + part.start + 1, self._row + part.stop + 1), begin, end)
        self._row += owners.size

    def _close_gap(self, rows: slice, begin: int, end: int) -> None:
        """Move the entries from begin to end to where those before them end: equal columns left places unused."""
        gap = begin - self._end
        for array in (self._columns, self._values) if gap else ():
            for first in range(begin, end, MOVED):
                last = min(first + MOVED, end)
                array[first - gap : last - gap] = array[first:last]
        self._starts[rows] -= gap
        self._end = end - gap


def assemble_map(parts: dict[int, Csr], source: RealArray, basis: Basis, rows: int) -> Csr:
    """Return the matrix of the lifted map with components `parts` and lifted constant part `source`.

    Arguments: parts, F_k by degree, in bare monomials of g u; source (D,); basis, symmetric; rows, the largest degree
    of a row.
    Result: CSR in weighted coordinates, equal to that of discrete_matrix to rounding; columns distinct, not sorted.
    Raises: nothing; numba must be installed.
    Source: as discrete_matrix.
    """
    assembly, level = Assembly(parts, basis), sparse.csr_array(np.ones((1, 1)))
    for j in range(1, rows + 1):
        if j > 1:
            bare = source[basis.block(j - 1)] / Basis(basis.n, basis.order).weights(j - 1)
            constant = sparse.csr_array(bare[:, np.newaxis])
            level = sparse.csr_array(sparse.hstack([constant, assembly.bare_block(j - 1)], format="csr"))
        assembly.append_map_rows(level, j)
    return assembly.matrix()


def assemble_flow(parts: dict[int, Csr], basis: Basis, rows: int) -> Csr:
    """Return the matrix of the lifted flow; arguments and result as in assemble_map, equal to continuous_matrix."""
    assembly = Assembly(parts, basis)
    split = np.arange(basis.n, dtype=np.int32)[:, np.newaxis], np.zeros((basis.n, 1), dtype=np.int32)
    for j in range(1, rows + 1):
        split = split if j == 1 else assembly.split_monomials(*split)
        assembly.append_flow_rows(*split)
    return assembly.matrix()


@cache
def _kernels() -> Any:
    return importlib.import_module("qgd_core.carleman.row_kernels")
