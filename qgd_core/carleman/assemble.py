"""Symmetric Carleman matrices by compiled kernels on all threads: one pass writes starts, columns and values."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
SHARE = 1 << 16  # entries that a thread is worth
MOVED = 1 << 15  # entries moved at a time, so that they stay in cache
HIGHEST = 10  # degree up to which the multinomials, of which 138 differ, are tabulated


def is_compiled(field: PolynomialField, basis: Basis, discrete: bool) -> bool:
    """Whether the matrix of a flow, or of a map if `discrete`, is assembled by the compiled kernels."""
    if basis.kind != "symmetric" or basis.order > HIGHEST or not installed():
        return False
    return LARGE <= count_entries(field, basis, discrete) < np.iinfo(np.int32).max


@dataclass(frozen=True)
class Level:
    """Rows of one degree in bare monomials: row t has the entries starts[t] to starts[t + 1], of these places and values.

    Of these the first owns[t] have monomials that the row's own one divides, where rows are those of a flow.
    """

    starts: IndexArray
    places: Any
    values: RealArray
    degrees: Any
    owns: Any

    def counts(self, order: int) -> IndexArray:
        """Entry (d, t): how many entries of degree d the rows before t have."""
        found = [np.append(0, np.cumsum(self.degrees == d))[self.starts] for d in range(order + 1)]
        return np.array(found, dtype=np.int64)


class Assembly:
    """The tables that rows are made with, and the rows written so far.

    Arguments: factors, one polynomial per variable, in bare monomials of g u; basis, symmetric, whose order limits the
    columns.
    """

    def __init__(self, factors: Polynomials, basis: Basis) -> None:
        products = Products(basis)
        self.basis, self.factors, self.products = basis, factors, products
        sizes = np.diff(products.starts)
        self._heads = np.array([np.append(products.tails(d), sizes[d]) for d in range(basis.order + 1)])
        tables = products.starts.astype(np.int64), self._heads
        table = np.empty((basis.n, products.lower), dtype=np.int32)
        edges = np.linspace(0, basis.n, min(basis.n, _share(table.size)) + 1).astype(np.int64)
        kernels = _kernels()
        _run(lambda *part: kernels.fill_places(*tables, table, *part), pairwise(edges.tolist()))
        orderings = _multinomials(basis.order)
        self._kinds = np.zeros(basis.dimension + 1, dtype=np.uint8)
        runs = np.zeros(products.lower, dtype=np.uint8)
        kernels.fill_kinds(*tables, _kinds_after(basis.order), runs, self._kinds)
        self._ratios = np.sqrt(orderings[:, np.newaxis] / orderings)
        digits = np.ascontiguousarray(factors.digits * products.lower)
        self._polynomials = digits, factors.degrees.astype(np.int8), factors.data, table.ravel()
        self.lowest, self._end = int(factors.degrees.min(initial=basis.order)), 0
        self._starts, self._owns = np.zeros((2, basis.dimension + 1), dtype=np.int32)
        self._columns, self._values = np.empty(0, dtype=np.int32), np.empty(0)

    def level(self, degree: int, constant: RealArray, highest: int) -> Level:
        """The rows of one degree, written before, up to a highest degree, with a constant in each."""
        first, last = (int(place) for place in self.products.starts[degree : degree + 2])
        starts = (self._starts[first - 1 : last] if degree else np.zeros(2, dtype=np.int32)).astype(np.int64)
        mine, starts = slice(starts[0], starts[-1]), starts - starts[0]
        kept = self._columns[mine] < self.products.starts[highest + 1] - 1
        before = np.append(0, np.cumsum(kept))
        owns = before[starts[:-1] + self._owns[first:last]] - before[starts[:-1]]
        starts, places = before[starts], self._columns[mine][kept] + np.int32(1)
        own = np.repeat(self._kinds[first:last], np.diff(starts))
        bare = self._values[mine][kept] / self._ratios[own, self._kinds[places]]
        sources = np.flatnonzero(constant)
        ends = starts[1:][sources]
        places, bare = np.insert(places, ends, 0), np.insert(bare, ends, constant[sources])
        starts = starts + np.searchsorted(sources, np.arange(starts.size))
        bounds = self.products.starts[1:-1, np.newaxis]
        return Level(starts, places, bare, (places >= bounds).sum(axis=0, dtype=np.uint8), owns)

    def append_map_rows(self, level: Level, degree: int) -> None:
        """Append the rows of one degree of a map: its polynomials times `level`, the rows of the degree below."""
        factors, order = self.factors, self.basis.order
        counts = factors.counts(order)
        begins, ends = np.tile(factors.indptr[:-1], (order + 1, 1)), factors.indptr[:-1] + counts
        begins[0] += factors.count(factors.degrees == 0)  # a constant times a constant is no entry
        usable = factors.degrees <= (order - (degree - 1) * self.lowest if degree > 1 else 0)
        # c m = c' m' takes two variables that both have in common, or one where c may divide c'.
        least = 1 if np.unique(factors.degrees[usable]).size > 1 else 2
        used = factors.incidence(usable)
        members = np.ascontiguousarray(self.basis.digits(degree - 1).T, dtype=np.int32)
        shared = [array.astype(np.int32) for m in (used, used.T.tocsr()) for array in (m.indptr, m.indices)]

        rows = self._rows(level, degree)
        ranges = level.degrees, begins, ends, *self._polynomials

        def write(part: tuple[int, int], *out: Any) -> int:
            marks = np.full(self.basis.dimension + 1, -1, dtype=np.int32)
            common = np.zeros(self.basis.n, dtype=np.int32)
            end: int = _kernels().write_map_rows(
                *part, *rows, *ranges, members, least, *shared, common, marks, *out
            )
            return end

        self._append(degree, ends - begins, level.counts(order), write)

    def append_flow_rows(self, level: Level, degree: int, owned: Any) -> None:
        """Append the rows of one degree of a flow; of each polynomial the entries `owned` come first."""
        factors, order = self.factors, self.basis.order
        fits = factors.degrees <= order - degree + 1
        first, middle = factors.indptr[:-1], factors.indptr[:-1] + factors.count(owned)
        constants = factors.count(factors.degrees == 0) if degree == 1 else 0
        stops = first + factors.count(owned & fits), middle + factors.count(~owned & fits)
        spans = np.stack([first, stops[0], middle + constants, stops[1]], axis=1)
        tails = self.products.lower, int(self.products.starts[degree - 1]), self._owns

        rows = self._rows(level, degree)

        def write(part: tuple[int, int], *out: Any) -> int:
            end: int = _kernels().write_flow_rows(
                *part, *rows, level.owns, spans, *self._polynomials, *tails, *out
            )
            return end

        own = np.diff(spans)[:, ::2].sum(axis=1)
        counts = np.vstack([np.arange(level.starts.size), level.counts(order)[:order]])
        self._append(degree, np.vstack([own, *np.ones((order, own.size), dtype=np.int64)]), counts, write)

    def matrix(self, rows: int) -> Csr:
        """The rows up to the given degree, all of which are written."""
        last = self.basis.block(rows).stop
        entries = self._values[: self._end], self._columns[: self._end]
        return sparse.csr_array((*entries, self._starts[: last + 1]), shape=(last, self.basis.dimension))

    def _rows(self, level: Level, degree: int) -> tuple[Any, ...]:
        """What the kernels read of the owners of a degree and of the level below."""
        return self._heads[degree], self._heads[degree - 1], level.starts, level.places, level.values

    def _append(
        self, degree: int, factors: IndexArray, counts: IndexArray, write: Callable[..., int]
    ) -> None:
        """Write the rows of one degree in parts: at most sum_k factors[k, owner] counts[k, before a tail] entries each."""
        parts, begins = _split(self._heads[degree], self._heads[degree - 1][:-1], factors, counts)
        begins += self._end
        columns, values = np.empty(begins[-1], dtype=np.int32), np.empty(begins[-1])
        columns[: self._end], values[: self._end] = self._columns[: self._end], self._values[: self._end]
        place = int(self.products.starts[degree])
        out = self._kinds, self._ratios, place, self._starts, columns, values
        ends = _run(lambda part, begin: write(part, *out, begin), zip(parts, begins.tolist(), strict=False))
        self._columns, self._values, self._end = columns, values, ends[0]
        for part, begin, end in zip(parts[1:], begins[1:-1].tolist(), ends[1:], strict=True):
            self._close_gap(slice(place + part[0], place + part[1]), begin, end)

    def _close_gap(self, rows: slice, begin: int, end: int) -> None:
        """Move the entries from begin to end to where those before them end: equal columns left places unused."""
        gap = begin - self._end

        def move(array: Any) -> None:
            for first in range(begin, end, MOVED):
                last = min(first + MOVED, end)
                array[first - gap : last - gap] = array[first:last]

        if gap:
            _run(move, ((array,) for array in (self._columns, self._values)))
            self._starts[rows] -= gap
        self._end = end - gap


def assemble_map(parts: dict[int, Csr], basis: Basis, rows: int) -> Csr:
    """Return the matrix of the lifted map with components `parts`.

    Arguments: parts, F_k by degree, in bare monomials of g u; basis, symmetric; rows, the largest degree of a row.
    Result: CSR in weighted coordinates, equal to that of discrete_matrix to rounding; columns distinct, not sorted.
    Raises: nothing; numba must be installed.
    Source: as discrete_matrix.
    """
    assembly, constant = Assembly(Polynomials.join(parts, basis.n), basis), _constant(parts, basis.n)
    for degree in range(1, rows + 1):
        lifted = np.prod(constant[basis.digits(degree - 1)], axis=0)
        level = assembly.level(degree - 1, lifted, basis.order - assembly.lowest)
        assembly.append_map_rows(level, degree)
    return assembly.matrix(rows)


def assemble_flow(parts: dict[int, Csr], basis: Basis, rows: int) -> Csr:
    """Return the matrix of the lifted flow; arguments and result as in assemble_map, equal to continuous_matrix."""
    factors, constant = Polynomials.join(parts, basis.n), _constant(parts, basis.n)
    owner = np.repeat(np.arange(basis.n), np.diff(factors.indptr))
    owned = (factors.digits == owner).any(axis=0)
    order = np.lexsort((factors.degrees, ~owned, owner))
    assembly = Assembly(factors.select(order), basis)
    for degree in range(1, rows + 1):
        source = constant if degree == 2 else np.zeros(basis.size(degree - 1))
        level = assembly.level(degree - 1, source, basis.order - 1)
        assembly.append_flow_rows(level, degree, owned[order])
    return assembly.matrix(rows)


def _constant(parts: dict[int, Csr], n: int) -> RealArray:
    return parts[0].toarray()[:, 0] if 0 in parts else np.zeros(n)


def _split(
    heads: IndexArray, tails: IndexArray, factors: IndexArray, counts: IndexArray
) -> tuple[Any, IndexArray]:
    """Split rows into parts of about as many entries: the first and last row of each, and the entries before each."""
    before = np.append(0, np.cumsum((factors * (counts[:, -1:] - counts[:, tails])).sum(axis=0)))
    edges, begins = [0], [0]
    share = _share(int(before[-1]))
    for wanted in (int(before[-1]) * part // share for part in range(1, share)):
        owner = int(np.searchsorted(before, wanted, side="right")) - 1
        own = factors[:, owner] @ (counts[:, tails[owner] :] - counts[:, tails[owner], np.newaxis])
        row = int(np.searchsorted(own, wanted - before[owner]))
        edges.append(int(heads[owner]) + row)
        begins.append(int(before[owner] + own[row]))
    return list(pairwise([*edges, int(heads[-1])])), np.array([*begins, before[-1]])


def _share(entries: int) -> int:
    """How many threads so many entries are worth."""
    return max(1, min(thread_count(), entries // SHARE))


def _run(work: Callable[..., Any], parts: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Do all parts, each on a thread of its own."""
    listed = list(parts)
    if len(listed) == 1:
        return [work(*listed[0])]
    with ThreadPoolExecutor(len(listed)) as pool:
        return list(pool.map(lambda part: work(*part), listed))


@cache
def _multinomials(order: int) -> RealArray:
    """The multinomials of all degrees up to the order, each once, rising."""
    found = [{1}]
    for degree in range(1, order + 1):
        found.append(
            {math.comb(degree, k) * rest for k in range(1, degree + 1) for rest in found[degree - k]}
        )
    return np.array(sorted(set().union(*found)), dtype=np.float64)


@cache
def _kinds_after(order: int) -> Any:
    """Entry (d, k, r): the kind of a monomial of degree d whose first variable comes r times, before a tail of kind k."""
    orderings = _multinomials(order)
    degrees, runs = np.arange(order + 1)[:, np.newaxis, np.newaxis], np.maximum(1, np.arange(order + 1))
    kinds = np.searchsorted(orderings, orderings[:, np.newaxis] * degrees / runs)
    return np.minimum(kinds, orderings.size - 1).astype(np.uint8)


@cache
def _kernels() -> Any:
    return importlib.import_module("qgd_core.carleman.row_kernels")
