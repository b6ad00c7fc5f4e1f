"""Products of sparse matrices with the slots of a tensor, compiled by numba; import this file only where it is installed.

The entries of a matrix come row by row, as many threes as a row needs: ptr (n + 1,), idx and val.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F")

_numba: Any = importlib.import_module("numba")
unsigned: Any = _numba.uint64  # places without a sign, because negative ones would be looked for
_u = unsigned


def compile_kernel(signature: str) -> Callable[[F], F]:
    """Compile for these types now, or load what an earlier process compiled."""
    chosen: Callable[[F], F] = _numba.njit(signature, nogil=True, cache=True, fastmath={"contract"})
    return chosen


inline_kernel: Callable[[F], F] = _numba.njit(inline="always")

# Eight sums side by side become one vector only with this pass, which numba leaves out by default.
_usual, _numba.config.SLP_VECTORIZE = _numba.config.SLP_VECTORIZE, 1
_MATRIX = "u8[::1], u4[::1], f8[::1]"


@compile_kernel(f"void({_MATRIX}, u8, f8[::1], u8, u8, f8[::1], b1)")
def multiply_row(
    ptr: Any, idx: Any, val: Any, row: Any, x: Any, start: Any, stride: Any, out: Any, add: Any
) -> None:
    """out = row `row` of the matrix times the beginnings of the rows of x, at start + stride * row; out + that if `add`."""
    k, end = ptr[row], ptr[row + _u(1)]
    if k == end and not add:
        out[:] = 0.0
    while k < end:
        v0, v1, v2 = val[k], val[k + _u(1)], val[k + _u(2)]
        x0, x1 = x[start + idx[k] * stride :], x[start + idx[k + _u(1)] * stride :]
        x2 = x[start + idx[k + _u(2)] * stride :]
        k += _u(3)
        if k < end:
            v3, v4, v5 = val[k], val[k + _u(1)], val[k + _u(2)]
            x3, x4 = x[start + idx[k] * stride :], x[start + idx[k + _u(1)] * stride :]
            x5 = x[start + idx[k + _u(2)] * stride :]
            k += _u(3)
            if add:
                for s in range(_u(out.size)):
                    out[s] += v0 * x0[s] + v1 * x1[s] + v2 * x2[s] + v3 * x3[s] + v4 * x4[s] + v5 * x5[s]
            else:
                for s in range(_u(out.size)):
                    out[s] = v0 * x0[s] + v1 * x1[s] + v2 * x2[s] + v3 * x3[s] + v4 * x4[s] + v5 * x5[s]
        elif add:
            for s in range(_u(out.size)):
                out[s] += v0 * x0[s] + v1 * x1[s] + v2 * x2[s]
        else:
            for s in range(_u(out.size)):
                out[s] = v0 * x0[s] + v1 * x1[s] + v2 * x2[s]
        add = True


@inline_kernel
def multiply_lanes(ptr: Any, idx: Any, val: Any, first: Any, last: Any, z: Any, o: Any) -> None:
    """o[c - first] = row c of the matrix times z, in eight lanes side by side, for first <= c < last."""
    for c in range(first, last):
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for k in range(ptr[c], ptr[c + _u(1)], _u(3)):
            u, a = val[k], _u(idx[k]) * _u(8)
            v, b = val[k + _u(1)], _u(idx[k + _u(1)]) * _u(8)
            w, d = val[k + _u(2)], _u(idx[k + _u(2)]) * _u(8)
            a0 += u * z[a] + v * z[b] + w * z[d]
            a1 += u * z[a + _u(1)] + v * z[b + _u(1)] + w * z[d + _u(1)]
            a2 += u * z[a + _u(2)] + v * z[b + _u(2)] + w * z[d + _u(2)]
            a3 += u * z[a + _u(3)] + v * z[b + _u(3)] + w * z[d + _u(3)]
            a4 += u * z[a + _u(4)] + v * z[b + _u(4)] + w * z[d + _u(4)]
            a5 += u * z[a + _u(5)] + v * z[b + _u(5)] + w * z[d + _u(5)]
            a6 += u * z[a + _u(6)] + v * z[b + _u(6)] + w * z[d + _u(6)]
            a7 += u * z[a + _u(7)] + v * z[b + _u(7)] + w * z[d + _u(7)]
        b = (c - first) * _u(8)
        o[b] = a0
        o[b + _u(1)] = a1
        o[b + _u(2)] = a2
        o[b + _u(3)] = a3
        o[b + _u(4)] = a4
        o[b + _u(5)] = a5
        o[b + _u(6)] = a6
        o[b + _u(7)] = a7


@compile_kernel("void(f8[::1], u8, f8[::1], u8)")
def turn(x: Any, stride: Any, z: Any, width: Any) -> None:
    """z[c, r] = x[r, c] for eight rows r, which lie `stride` apart, and `width` columns, a multiple of eight."""
    for first in range(_u(0), width, _u(8)):
        for c in range(_u(8)):
            for r in range(_u(8)):
                z[(first + c) * _u(8) + r] = x[r * stride + first + c]


@compile_kernel(f"void({_MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8, b1, b1, f8[::1])")
def sandwich(
    ptr: Any,
    idx: Any,
    val: Any,
    x: Any,
    y: Any,
    blocks: Any,
    n: Any,
    first_row: Any,
    last_row: Any,
    product: Any,
    packed: Any,
    work: Any,
) -> None:
    """y = A x A^T, or A x + x A^T unless `product`, of `blocks` tensors x (n, n), eight rows at a time in cache.

    Of each tensor only the rows from first_row, a multiple of eight, to last_row are written. work has 4096 places and
    16 times n rounded up to a multiple of eight, and is zero. packed: x is symmetric and y gets its rows from the
    diagonal on, times sqrt(2) right of it.
    """
    width, row_at, begin = (n + _u(7)) // _u(8) * _u(8), np.zeros(8, np.uint64), _u(0)
    scale = 1.4142135623730951 if packed else 1.0
    o, t, z = work[:4096], work[4096 : _u(4096) + _u(8) * width], work[_u(4096) + _u(8) * width :]
    for block in range(blocks):
        start = block * n * n
        for i in range(first_row, last_row, _u(8)):
            height, least = min(_u(8), n - i), i if packed else _u(0)
            # Reading past the end of rows that are followed by others is harmless.
            if not product and i + _u(8) < n:
                turn(x[start + i * n :], n, z, width)
            elif not product:
                for r in range(height):
                    t[r * width : r * width + n] = x[start + (i + r) * n : start + (i + r + _u(1)) * n]
                turn(t, width, z, width)
            for r in range(height):
                row_at[r] = start + (i + r) * n
                if packed:
                    row_at[r] -= (i + r) * (i + r + _u(1)) // _u(2)
                multiply_row(ptr, idx, val, i + r, x, start, n, t[r * width : r * width + n], False)
            if product:
                turn(t, width, z, width)
            for first in range(least, n, _u(8)):
                if (first - least) % _u(512) == 0:
                    begin = first
                    multiply_lanes(ptr, idx, val, begin, min(begin + _u(512), n), z, o)
                count, here = min(_u(8), n - first), (first - begin) * _u(8)
                if height == _u(8) and count == _u(8) and not (packed and first == i):
                    if product:
                        for r in range(_u(8)):
                            for c in range(_u(8)):
                                y[row_at[r] + first + c] = o[here + c * _u(8) + r] * scale
                    else:
                        for r in range(_u(8)):
                            for c in range(_u(8)):
                                both = o[here + c * _u(8) + r] + t[r * width + first + c]
                                y[row_at[r] + first + c] = both * scale
                else:
                    for r in range(height):
                        for c in range(count):
                            if not packed or first + c >= i + r:
                                both = o[here + c * _u(8) + r] + (
                                    0.0 if product else t[r * width + first + c]
                                )
                                y[row_at[r] + first + c] = both * (scale if first + c != i + r else 1.0)


@compile_kernel("void(f8[::1], f8[::1], u8, u8, u8)")
def unpack(z: Any, x: Any, n: Any, first_row: Any, last_row: Any) -> None:
    """x (n, n), symmetric, from its rows from the diagonal on, whose entries right of it are sqrt(2) times those of x.

    Only the rows from first_row, a multiple of 32, to last_row are read, and written with their mirror images.
    """
    place = first_row * n - first_row * (first_row + _u(1)) // _u(2) + first_row
    for i in range(first_row, last_row, _u(32)):
        top = min(i + _u(32), n)
        for r in range(i, top):
            x[r * n + r] = z[place]
            for c in range(r + _u(1), n):
                x[r * n + c] = z[place + c - r] * 0.7071067811865476
            for c in range(r + _u(1), top):
                x[c * n + r] = x[r * n + c]
            place += n - r
        for first in range(top, n, _u(8)):
            for c in range(first, min(first + _u(8), n)):
                for r in range(i, top):
                    x[c * n + r] = x[r * n + c]


@compile_kernel(f"void({_MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8)")
def contract(
    ptr: Any, idx: Any, val: Any, x: Any, y: Any, blocks: Any, columns: Any, rows: Any, n: Any
) -> None:
    """y (blocks, rows, n) = A x in the middle slot, x (blocks, columns, n)."""
    for block in range(blocks):
        for i in range(rows):
            place = (block * rows + i) * n
            multiply_row(ptr, idx, val, i, x, block * columns * n, n, y[place : place + n], False)


_numba.config.SLP_VECTORIZE = _usual
