"""Rows of a Carleman matrix, degree by degree: those whose products cannot meet are written straight into place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.carleman.products import Polynomials, Products
from qgd_core.dynamics.monomials import Csr, IndexArray, entries_of_rows, row_of_entries

CHUNK = 1 << 20
SHORT = 1 << 11


class Rows:
    """CSR rows in the order they come, in arrays that grow by a whole degree at a time."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._lengths: list[IndexArray] = []
        self._columns: NDArray[Any] = np.empty(0, dtype=np.int32)
        self._values: RealArray = np.empty(0)

    def extend(self, lengths: IndexArray) -> tuple[NDArray[Any], RealArray]:
        """Make room for rows of the given lengths, and return their columns and values, to be filled."""
        used, total = self._values.size, self._values.size + int(lengths.sum())
        wide = max(total, self.width) > np.iinfo(np.int32).max
        columns, values = np.empty(total, dtype=np.int64 if wide else np.int32), np.empty(total)
        columns[:used], values[:used] = self._columns, self._values
        self._columns, self._values = columns, values
        self._lengths.append(lengths)
        return columns[used:], values[used:]

    def matrix(self) -> Csr:
        """All rows so far."""
        lengths = np.concatenate(self._lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(self._columns.dtype)
        return sparse.csr_array((self._values, self._columns, starts), shape=(lengths.size, self.width))


def append_degree(rows: Rows, products: Products, factors: Polynomials, level: Csr, degree: int) -> Csr:
    """Append the rows of one degree: row (a, tail) is polynomial a times row `tail` of the degree below.

    Arguments: rows, to be extended; products; factors, the n polynomials; level, one row per tail, in places;
    degree of the rows.
    Result: these rows too; exact, for scale 1, without the constant; their columns are distinct, not sorted.
    Raises: nothing.
    Source: the map takes u_a z_tail to the product of its component a and of what z_tail becomes.
    """
    below, n = degree - 1, products.basis.n
    offsets, tails = products.offsets(below), products.tails(below)
    first = np.repeat(np.arange(n), products.basis.size(below) - tails)
    tail = np.arange(first.size) - offsets[first]
    weight = 1.0 / products.weights[first * products.lower + products.starts[below] + tail]
    lengths = _count(products, factors, level, first, tail)
    straight = np.full(first.size, _keeps_every_product(products, factors, level))
    if products.basis.kind == "symmetric" and straight.any():
        owner, other = _meeting_rows(products, factors, level)
        straight[(offsets[owner] + other)[other >= tails[owner]]] = False
    begins, ends = _long_runs(straight, first, lengths)
    turns = np.bincount(begins, minlength=first.size + 1) - np.bincount(ends, minlength=first.size + 1)
    slow = np.flatnonzero(np.cumsum(turns[:-1]) == 0)
    merged = _multiply(products, factors, level, first[slow], tail[slow], weight[slow])
    lengths[slow] = np.diff(merged.indptr)
    columns, values = rows.extend(lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    where = np.repeat(starts[slow] - merged.indptr[:-1], lengths[slow]) + np.arange(merged.nnz)
    columns[where], values[where] = merged.indices, merged.data
    used = slice(int(level.indices.min(initial=0)), int(level.indices.max(initial=0)) + 1)
    tables: dict[int, tuple[NDArray[Any], RealArray]] = {}
    for begin, end in zip(begins, ends, strict=True):
        variable, bounds = int(first[begin]), level.indptr[tail[begin] : tail[begin] + end - begin + 1]
        if variable not in tables:
            tables = {variable: factors.table(products, variable, used)}
        entries = slice(bounds[0], bounds[-1])
        scale = level.data[entries] * np.repeat(weight[begin:end], np.diff(bounds))
        places = level.indices[entries] - used.start
        for table, target in zip(tables[variable], (columns, values), strict=True):
            part = target[starts[begin] : starts[end]].reshape(-1, table.shape[1])
            np.take(table, places, axis=0, out=part, mode="clip")
        part *= scale[:, np.newaxis]
    return sparse.csr_array((values, columns, starts.astype(columns.dtype)), shape=(first.size, rows.width))


def _keeps_every_product(products: Products, factors: Polynomials, level: Csr) -> bool:
    """Whether all factors have one degree and no product passes the order, so that only symmetry can merge any."""
    if not level.nnz or not factors.data.size:
        return False
    highest = int(products.degrees(level.indices.max()))
    return bool(np.ptp(factors.degrees) == 0 and highest + factors.degrees[0] <= products.basis.order)


def _meeting_rows(products: Products, factors: Polynomials, level: Csr) -> tuple[IndexArray, IndexArray]:
    """The (polynomial, tail) in which two products can be equal: c m = c' m' takes two variables common to both."""
    n = products.basis.n
    rows, variables = [row_of_entries(level)[:0]], [np.zeros(0, dtype=np.int64)]
    owner, degrees = row_of_entries(level), products.degrees(level.indices)
    for degree in range(1, products.basis.order + 1):
        chosen = degrees == degree
        digits = products.basis.digits(degree) if chosen.any() else np.zeros((0, 1), dtype=np.int64)
        for digit in digits:
            rows.append(owner[chosen])
            variables.append(digit[level.indices[chosen] - products.starts[degree]])
    used = _incidence(np.concatenate(rows), np.concatenate(variables), (level.shape[0], n))
    own = np.repeat(np.arange(factors.indptr.size - 1), np.diff(factors.indptr))
    depth = int(factors.degrees[0])
    taken = factors.digits[:depth]
    mine = _incidence(np.tile(own, depth), taken.ravel(), (n, n))
    common = sparse.csr_array(mine @ used.T)
    twice = common.data >= 2
    return row_of_entries(common)[twice], common.indices[twice].astype(np.int64)


def _incidence(rows: IndexArray, columns: IndexArray, shape: tuple[int, int]) -> Any:
    """The 0-1 matrix of the given places."""
    matrix = sparse.coo_array((np.ones(rows.size, dtype=np.int32), (rows, columns)), shape=shape).tocsr()
    matrix.data[:] = 1
    return matrix


def _long_runs(
    straight: NDArray[np.bool_], first: IndexArray, lengths: IndexArray
) -> tuple[IndexArray, IndexArray]:
    """Where runs of straight rows, of one polynomial each and long enough to be worth a call, begin and end."""
    edges = np.flatnonzero((straight[1:] != straight[:-1]) | (first[1:] != first[:-1])) + 1
    begins, ends = np.append(0, edges), np.append(edges, first.size)
    total = np.append(0, np.cumsum(lengths))
    chosen = straight[begins] & (total[ends] - total[begins] >= SHORT)
    return begins[chosen], ends[chosen]


def _multiply(
    products: Products,
    factors: Polynomials,
    level: Csr,
    first: IndexArray,
    tail: IndexArray,
    weight: RealArray,
) -> Csr:
    """Rows (first, tail) by sparse products, in which equal columns are added."""
    size = int(products.starts[-1])
    lengths = _count(products, factors, level, first, tail)
    parts = [sparse.csr_array((0, size - 1))]
    for chunk in split_rows(lengths, max(CHUNK, 4 * size)):
        owner, position = entries_of_rows(level, tail[chunk])
        pairs, where = np.unique(first[chunk][owner] * size + level.indices[position], return_inverse=True)
        starts = np.append(0, np.cumsum(np.diff(level.indptr)[tail[chunk]]))
        values = level.data[position] * weight[chunk][owner]
        left = sparse.csr_array((values, where, starts), shape=(starts.size - 1, pairs.size))
        parts.append(left @ factors.multiply(products, *np.divmod(pairs, size)))
        parts[-1].eliminate_zeros()
    return sparse.csr_array(sparse.vstack(parts, format="csr"))


def _count(
    products: Products, factors: Polynomials, level: Csr, first: IndexArray, tail: IndexArray
) -> IndexArray:
    """How many products up to the order each row (first, tail) is the sum of."""
    degrees, total = products.degrees(level.indices), np.zeros(first.size, dtype=np.int64)
    for degree, counts in enumerate(factors.counts(products.basis.order)):
        mine = np.diff(np.append(0, np.cumsum(degrees == degree))[level.indptr])
        total += mine[tail] * counts[first]
    return total


def split_rows(counts: IndexArray, most: int) -> Iterator[slice]:
    """Split rows into consecutive slices of about `most` entries in all."""
    ends = np.cumsum(counts)
    begin = 0
    while begin < counts.size:
        before = ends[begin - 1] if begin else 0
        end = max(int(np.searchsorted(ends, before + most, side="right")), begin + 1)
        yield slice(begin, end)
        begin = end
