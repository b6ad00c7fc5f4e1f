"""Products of sparse matrices with slots of a tensor: by scipy, or compiled where numba is installed and x is large."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.dynamics.monomials import Csr

ROW_BLOCK, COLUMN_BLOCK = 1 << 15, 1 << 17  # doubles
LARGE = 1 << 20  # coordinates from which loading the compiled kernels, a second, is worth it


STRIPS = 4  # of rows, for each thread of a compiled product


def thread_count() -> int:
    """How many threads a compiled product uses: OMP_NUM_THREADS, or the number of processors."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(asked) if asked.isdecimal() else os.cpu_count() or 1)


@cache
def installed() -> bool:
    """Whether numba, which compiles the kernels, is there."""
    return importlib.util.find_spec("numba") is not None


def is_compiled(size: int) -> bool:
    """Whether a tensor of this size is multiplied by compiled kernels."""
    return size >= LARGE and installed()


def apply_slot(matrix: Csr, tensor: RealArray) -> RealArray:
    """Contract the middle axis of a tensor (before, q, after) with a matrix (p, q), in blocks that fit in cache."""
    before, q, after = tensor.shape
    result = np.empty((before, matrix.shape[0], after))
    if after == 1:
        rows = max(1, ROW_BLOCK // q)
        for first in range(0, before, rows):
            block = np.ascontiguousarray(tensor[first : first + rows, :, 0].T)
            result[first : first + rows, :, 0] = np.asarray(matrix @ block).T
        return result
    if is_compiled(tensor.size):
        flat = np.ascontiguousarray(tensor).ravel()
        _kernels().contract(*_in_threes(matrix), flat, result.reshape(-1), before, q, matrix.shape[0], after)
        return result
    # A matrix that reads only some rows gains nothing from bringing all of them into cache.
    columns = max(32, COLUMN_BLOCK // q) if matrix.nnz >= q else after
    for part, total in zip(tensor, result, strict=True):
        for first in range(0, after, columns):
            block = np.ascontiguousarray(part[:, first : first + columns])
            total[:, first : first + columns] = np.asarray(matrix @ block)
    return result


def apply_pair(matrix: Csr, tensor: RealArray, out: RealArray, product: bool, packed: bool = False) -> None:
    """Write A x A^T, or A x + x A^T, of every (n, n) block x of a tensor, reading and writing it about once.

    Arguments: matrix A, CSR (n, n); tensor, blocks of n * n doubles in a row; out, of the same size; product, which of
    the two; packed, whether x is one symmetric block and out gets its symmetric coordinates, n (n + 1) / 2 of them.
    Result: none; out is exact to rounding. Runs on as many threads as `thread_count` says.
    Raises: nothing; numba must be installed.
    Source: both slots of eight rows in cache, instead of one pass over memory for each slot.
    """
    n = matrix.shape[0]
    blocks, width = tensor.size // (n * n), -(-n // 8) * 8
    sandwich, factor, x = _kernels().sandwich, _in_threes(matrix), tensor.ravel()

    def write(first: int, last: int) -> None:
        work = np.zeros(16 * width + 4104)
        aligned = work[-(work.ctypes.data // 8) % 8 :][: 16 * width + 4096]
        sandwich(*factor, x, out, blocks, n, first, last, product, packed, aligned)

    _in_strips(write, n)


def unpack_symmetric(z: RealArray, n: int) -> RealArray:
    """Return the symmetric (n, n) block, flat, of its n (n + 1) / 2 symmetric coordinates; numba must be installed."""
    full, packed, unpack = np.empty(n * n), np.ascontiguousarray(z), _kernels().unpack
    _in_strips(lambda first, last: unpack(packed, full, n, first, last), n)
    return full


def _in_strips(work: Callable[[int, int], None], n: int) -> None:
    """Do rows `first` to `last` of n, strip by strip, on all threads: several strips each, since rows differ in length."""
    threads = thread_count()
    strip = n if threads == 1 else -(-n // (STRIPS * threads * 32)) * 32
    firsts = range(0, n, strip)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, firsts, (min(first + strip, n) for first in firsts)))


@cache
def _kernels() -> Any:
    return importlib.import_module("qgd_core.carleman.slot_kernels")


def _in_threes(matrix: Csr) -> tuple[Any, Any, RealArray]:
    """Starts, columns and values by row, each row filled up to whole threes with zeros in its last column."""
    counts = np.diff(matrix.indptr)
    lengths = -(-counts // 3) * 3
    starts = np.append(0, np.cumsum(lengths))
    slot = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
    last = np.repeat(counts - 1, lengths)
    entry = np.repeat(matrix.indptr[:-1], lengths) + np.minimum(slot, last)
    values = np.where(slot > last, 0.0, matrix.data[entry])
    return starts.astype(np.uint64), matrix.indices[entry].astype(np.uint32), values
