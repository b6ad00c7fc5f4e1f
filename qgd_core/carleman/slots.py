"""Products of sparse matrices with slots of a tensor: by scipy, or compiled where numba is installed and x is large."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Event
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.dynamics.monomials import Csr

Part = TypeVar("Part")

ROW_BLOCK, COLUMN_BLOCK = 1 << 15, 1 << 17  # doubles
LARGE = 1 << 20  # coordinates from which loading the compiled kernels, a second, is worth it
PANEL = 64  # columns of a symmetric tensor that stay in cache
STRIPS = 8  # parts of a compiled product for each thread: they differ in length


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


@dataclass(frozen=True)
class Workspace:
    """Memory that products use again, from one to the next: new memory costs as much as a pass over it."""

    spare: dict[int, list[RealArray]] = field(default_factory=dict)

    @contextmanager
    def borrow(self, size: int) -> Iterator[RealArray]:
        """Lend this many doubles, not set to anything, that start where a vector of eight may."""
        spare = self.spare.setdefault(size, [])
        try:
            lent = spare.pop()
        except IndexError:
            memory = np.empty(size + 8)
            lent = memory[-(memory.ctypes.data // 8) % 8 :][:size]
        try:
            yield lent
        finally:
            spare.append(lent)


def apply_slot(matrix: Csr, tensor: RealArray) -> RealArray:
    """Contract the middle axis of a tensor (before, q, after) with a matrix (p, q), in blocks that fit in cache."""
    if (
        matrix.nnz < tensor.shape[1]
    ):  # a matrix that reads few columns gains nothing from bringing all into cache
        used, place = np.unique(matrix.indices, return_inverse=True)
        matrix = sparse.csr_array((matrix.data, place, matrix.indptr), shape=(matrix.shape[0], used.size))
        tensor = tensor[:, used]
    before, q, after = tensor.shape
    result = np.empty((before, matrix.shape[0], after))
    if after == 1:
        rows = max(1, ROW_BLOCK // max(q, 1))
        for first in range(0, before, rows):
            block = np.ascontiguousarray(tensor[first : first + rows, :, 0].T)
            result[first : first + rows, :, 0] = np.asarray(matrix @ block).T
        return result
    if is_compiled(tensor.size):
        flat = np.ascontiguousarray(tensor).ravel()
        _contract(
            _in_threes(matrix), flat, result.reshape(-1), (before, q, matrix.shape[0], after), Workspace()
        )
        return result
    columns = max(32, COLUMN_BLOCK // max(q, 1))
    for part, total in zip(tensor, result, strict=True):
        for first in range(0, after, columns):
            block = np.ascontiguousarray(part[:, first : first + columns])
            total[:, first : first + columns] = np.asarray(matrix @ block)
    return result


def apply_power(
    matrix: Csr, degree: int, z: RealArray, out: RealArray, product: bool, workspace: Workspace
) -> None:
    """Write A (x) ... (x) A z, or the sum of A in each slot of z, reading and writing memory once for two slots.

    Arguments: matrix A, CSR (n, n); degree, of slots, 2 or more; z and out, n**degree doubles; product, which of the two;
    workspace.
    Result: none; out is exact to rounding. Runs on as many threads as `thread_count` says.
    Raises: nothing; numba must be installed.
    Source: eight rows at a time of the last two slots, and 64 columns of each other one, stay in cache.
    """
    n, factor = matrix.shape[0], _in_threes(matrix)
    width, sandwich = -(-n // 8) * 8, _kernels("slot").sandwich
    shapes = [(n**slot, n, n, n ** (degree - 1 - slot)) for slot in range(degree - 2)]
    if not product:
        for slot, shape in enumerate(shapes):
            part = np.empty_like(out) if slot else out
            _contract(factor, z, part, shape, workspace)
            if slot:
                out += part

    def write(first_block: int, last_block: int, first: int, last: int) -> None:
        add = not product and degree > 2
        with workspace.borrow(16 * width + 4160) as work:
            sandwich(*factor, z, out, n, first_block, last_block, first, last, product, add, work)

    _in_parts(write, n ** (degree - 2), n, 8)
    if product:
        for shape in shapes:
            _contract(factor, out, out, shape, workspace)


def apply_symmetric_pair(
    matrix: Csr, z: RealArray, out: RealArray, product: bool, workspace: Workspace
) -> None:
    """Write A x A^T, or A x + x A^T, of a symmetric x, from and to its n (n + 1) / 2 symmetric coordinates.

    Arguments: matrix A, CSR (n, n); z and out, coordinates of x and of the result; product, which of the two;
    workspace, in which n^2 doubles stand between the two slots, or half as many for the sum.
    Result: none; out is exact to rounding. Runs on as many threads as `thread_count` says.
    Raises: nothing; numba must be installed.
    Source: 64 columns at a time of A x stay in cache; then eight rows at a time of A x A^T, or the sum of what stands in
    the columns below the diagonal and what earlier ones left right of it.
    """
    n, factor, kernels = matrix.shape[0], _in_threes(matrix), _kernels("symmetric")
    width = -(-n // 8) * 8
    if not product:
        _sum_panels(factor, z, out, n, workspace)
        return
    with workspace.borrow(width * width) as between:

        def multiply(_: int, __: int, first: int, last: int) -> None:
            with workspace.borrow(PANEL * width) as work:
                kernels.multiply_columns(*factor, z, between, n, 0, first, last, work)

        def write(_: int, __: int, first: int, last: int) -> None:
            with workspace.borrow(16 * width + 4160) as work:
                kernels.multiply_rows(*factor, between, out, n, 0, first, last, 1.0, work)

        _in_parts(multiply, 1, n, PANEL)
        _in_parts(write, 1, n, 16)


def _sum_panels(factor: Any, z: RealArray, out: RealArray, n: int, workspace: Workspace) -> None:
    """out = A x + x A^T, 64 columns of A x at a time, the last ones first.

    Each leaves out the share of as many before it as there are other threads, and adds it once they are there; so none
    begins before all that came earlier are.
    """
    threads, panels, kernels = thread_count(), -(-n // PANEL), _kernels("symmetric")
    width, done = -(-n // 8) * 8, [Event() for _ in range(panels)]
    with workspace.borrow(4 * width * (width // 8 + 1)) as between:

        def write(panel: int) -> None:
            first, last, near = (min((panel + ahead) * PANEL, n) for ahead in (0, 1, threads))
            try:
                with workspace.borrow(PANEL * width + 4160) as work:
                    kernels.sum_panel(*factor, z, between, out, n, first, last, near, work)
            finally:
                done[panel].set()
            for other in done[panel + 1 : panel + threads]:
                other.wait()
            kernels.add_tiles(between, out, n, first, last, near)

        _share(write, list(reversed(range(panels))))


def apply_symmetric_triple(
    matrix: Csr, z: RealArray, out: RealArray, product: bool, workspace: Workspace
) -> None:
    """Write A (x) A (x) A x, or the sum of A in each slot of x, of a symmetric x (n, n, n), in symmetric coordinates.

    Arguments, result, raises: as of `apply_symmetric_pair`; between the first slot and the others stand about n^3 / 2
    doubles, three times as many as there are coordinates.
    Source: 64 columns at a time of the first slot, then one index of it at a time, stay in cache.
    """
    n, factor, kernels = matrix.shape[0], _in_threes(matrix), _kernels("cubic")
    width, slab = -(-n // 8) * 8, n * (n + 1) // 2
    with workspace.borrow(n * slab) as between:

        def multiply(_: int, __: int, first: int, last: int) -> None:
            with workspace.borrow(128 * n) as work:
                kernels.multiply_first(*factor, z, between, n, first, last, work)

        def write(_: int, __: int, first: int, last: int) -> None:
            with workspace.borrow(width * (width + 72) + 4160 + slab) as work:
                if product:
                    kernels.multiply_others(*factor, between, out, n, first, last, work)
                else:
                    kernels.add_others(between, out, n, first, last, work)

        _in_parts(multiply, 1, n, 1)
        _in_parts(write, 1, n, 1)


def _contract(
    factor: Any, x: RealArray, y: RealArray, shape: tuple[int, int, int, int], workspace: Workspace
) -> None:
    """y (before, rows, after) = A x (before, columns, after), shape (before, columns, rows, after)."""
    before, columns, rows, after = shape
    contract = _kernels("slot").contract

    def write(first_block: int, last_block: int, first: int, last: int) -> None:
        with workspace.borrow(64 * columns + 4096) as work:
            contract(*factor, x, y, columns, rows, after, first_block, last_block, first, last, work)

    _in_parts(write, before, after, 64)


def _in_parts(work: Callable[[int, int, int, int], None], blocks: int, size: int, step: int) -> None:
    """Do all blocks and places on all threads: work(first block, last block, first place, last place), parts of either."""
    threads = thread_count()
    by_block = blocks >= STRIPS * threads
    count, unit = (blocks, 1) if by_block else (size, step)
    part = count if threads == 1 else -(-count // (STRIPS * threads * unit)) * unit
    edges = [(first, min(first + part, count)) for first in range(0, count, part)]

    def do(edge: tuple[int, int]) -> None:
        work(*((*edge, 0, size) if by_block else (0, blocks, *edge)))

    _share(do, edges)


def _share(work: Callable[[Part], None], parts: list[Part]) -> None:
    """Do all parts, each begun in its turn, on all threads."""
    threads, rest = thread_count(), iter(parts)

    def do(_: int) -> None:
        for part in rest:
            work(part)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(do, range(threads)))


@cache
def _kernels(kind: str) -> Any:
    return importlib.import_module(f"qgd_core.carleman.{kind}_kernels")


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
