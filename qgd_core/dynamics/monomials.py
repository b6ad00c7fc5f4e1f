"""Monomials as sorted index tuples: digits of Kronecker columns, sorting, counting, collecting."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from qgd_core.arrays import RealArray

IndexArray: TypeAlias = NDArray[np.int64]
Csr: TypeAlias = "sparse.csr_array[np.float64]"


def split_columns(columns: IndexArray, n: int, k: int) -> IndexArray:
    """Return the k base-n digits of Kronecker columns, most significant first, as an array (k, count)."""
    digits = np.empty((k, columns.size), dtype=np.int64)
    rest = np.asarray(columns, dtype=np.int64)
    for position in range(k - 1, -1, -1):
        rest, digits[position] = np.divmod(rest, n)
    return digits


def join_columns(digits: IndexArray, n: int) -> IndexArray:
    """Return the Kronecker columns whose base-n digits are `digits`, shape (k, count)."""
    columns = np.zeros(digits.shape[1], dtype=np.int64)
    for row in digits:
        columns = columns * n + row
    return columns


def sort_digits(digits: IndexArray) -> IndexArray:
    """Return `digits`, shape (k, count), sorted along the first axis (a network of whole-row exchanges)."""
    rows = list(digits)
    for last in range(len(rows) - 1, 0, -1):
        for position in range(last):
            low, high = rows[position], rows[position + 1]
            rows[position], rows[position + 1] = np.minimum(low, high), np.maximum(low, high)
    return np.array(rows) if rows else digits


def count_orderings(digits: IndexArray) -> RealArray:
    """Return the multinomial k!/prod(a_i!) of each column of sorted `digits`, shape (k, count)."""
    k, count = digits.shape
    run = np.ones(count)
    repeats = np.ones(count)
    for position in range(1, k):
        run = np.where(digits[position] == digits[position - 1], run + 1.0, 1.0)
        repeats *= run
    return np.asarray(math.factorial(k) / repeats, dtype=np.float64)


def collect(rows: IndexArray, columns: IndexArray, values: RealArray, shape: tuple[int, int]) -> Csr:
    """Return the CSR matrix of `shape` with the given entries, duplicates added and exact zeros dropped."""
    matrix: Csr = sparse.coo_array((values, (rows, columns)), shape=shape).tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def row_of_entries(matrix: Csr) -> IndexArray:
    """Return the row index of every stored entry of a CSR matrix, in storage order."""
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def merge_orderings(matrix: Csr, n: int, k: int) -> Csr:
    """Return `matrix` (n, n**k) with every column moved to its sorted ordering and equal monomials added."""
    columns = join_columns(sort_digits(split_columns(matrix.indices.astype(np.int64), n, k)), n)
    return collect(row_of_entries(matrix), columns, matrix.data, (matrix.shape[0], matrix.shape[1]))


def expand(starts: IndexArray, counts: IndexArray) -> tuple[IndexArray, IndexArray]:
    """List ranges: owner o gives positions starts[o] .. starts[o]+counts[o]-1; returns (owner, position)."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if ends.size else 0
    owner = np.repeat(np.arange(counts.size, dtype=np.int64), counts)
    return owner, np.arange(total, dtype=np.int64) + (starts - ends + counts)[owner]


def entries_of_rows(matrix: Csr, rows: IndexArray) -> tuple[IndexArray, IndexArray]:
    """The stored entries of the given rows: (position in `rows`, position in storage)."""
    return expand(matrix.indptr[rows].astype(np.int64), np.diff(matrix.indptr)[rows].astype(np.int64))
