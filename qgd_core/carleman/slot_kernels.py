"""Products of sparse matrices with the slots of a tensor, compiled by numba; import this file only where it is installed.

Matrices come as in lane_kernels, whose eight lanes these products work in.
"""

from __future__ import annotations

from typing import Any

from qgd_core.carleman.lane_intrinsics import turn_tile
from qgd_core.carleman.lane_kernels import (
    MATRIX,
    add_eight,
    compile_kernel,
    copy_eight,
    multiply_lanes,
    multiply_pair,
)
from qgd_core.carleman.lane_kernels import unsigned as _u


@compile_kernel(f"void({MATRIX}, u8, f8[::1], u8, u8, f8[::1], b1)")
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


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8, u8, b1, b1, f8[::1])")
def sandwich(
    ptr: Any,
    idx: Any,
    val: Any,
    x: Any,
    y: Any,
    n: Any,
    first_block: Any,
    last_block: Any,
    first_row: Any,
    last_row: Any,
    product: Any,
    add: Any,
    work: Any,
) -> None:
    """y = A x A^T, or A x + x A^T (+ y if `add`) unless `product`, of tensors x (n, n), eight rows at a time in cache.

    Of each tensor only the rows from first_row, a multiple of eight, to last_row are written. work has 4160 places and
    16 times n rounded up to a multiple of eight.
    """
    width, lower = (n + _u(7)) // _u(8) * _u(8), _u(4160)
    middle = lower + _u(8) * width
    o, tile, t, z = work[:4096], work[4096:lower], work[lower:middle], work[middle:]
    for block in range(first_block, last_block):
        start = block * n * n
        for i in range(first_row, last_row, _u(8)):
            height, place = min(_u(8), n - i), start + i * n
            for r in range(height):
                at = place + r * n
                row = t[r * width : r * width + n] if product else y[at : at + n]
                multiply_row(ptr, idx, val, i + r, x, start, n, row, add and not product)
                if not product and i + _u(8) >= n:
                    t[r * width : r * width + n] = x[at : at + n]
            # Rows that others follow are read past their end, which is harmless.
            for c in range(_u(0), width, _u(8)):
                if product or i + _u(8) >= n:
                    turn_tile(t, c, width, _u(0), z, c * _u(8), _u(8), _u(0), 1.0)
                else:
                    turn_tile(x, place + c, n, _u(0), z, c * _u(8), _u(8), _u(0), 1.0)
            for begin in range(_u(0), n, _u(512)):
                end = min(begin + _u(512), n)
                multiply_lanes(ptr, idx, val, begin, end, z, _u(0), _u(8), o, _u(0) - begin * _u(8), _u(8))
                for c in range(begin, end, _u(8)):
                    here, at = (c - begin) * _u(8), place + c
                    if product and height == _u(8) and c + _u(8) <= n:
                        turn_tile(o, here, _u(8), _u(0), y, at, n, _u(0), 1.0)
                        continue
                    turn_tile(o, here, _u(8), _u(0), tile, _u(0), _u(8), _u(0), 1.0)
                    for r in range(height):
                        if c + _u(8) <= n and not product:
                            add_eight(tile, r * _u(8), y, at + r * n)
                            continue
                        for k in range(min(_u(8), n - c)):
                            y[at + r * n + k] = tile[r * _u(8) + k] + (0.0 if product else y[at + r * n + k])


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8, u8, u8, u8, f8[::1])")
def contract(
    ptr: Any,
    idx: Any,
    val: Any,
    x: Any,
    y: Any,
    columns: Any,
    rows: Any,
    n: Any,
    first_block: Any,
    last_block: Any,
    first: Any,
    last: Any,
    work: Any,
) -> None:
    """y (blocks, rows, n) = A x in the middle slot, x (blocks, columns, n); x may be y.

    Of the last slot only first, a multiple of 64, to last are done, in panels of 64 that stay in cache: work has 64
    places for every column of A and 4096 more.
    """
    size = columns * _u(8)
    o, z = work[:4096], work[4096:]
    for block in range(first_block, last_block):
        source, target = block * columns * n, block * rows * n
        for begin in range(first, last, _u(64)):
            end = min(begin + _u(64), last)
            whole = end - (end - begin) % _u(8)
            for k in range(columns):
                place, at = source + k * n + begin, k * _u(8)
                for _ in range(begin, whole, _u(8)):
                    copy_eight(x, place, z, at, 1.0)
                    place, at = place + _u(8), at + size
                for c in range(end - whole):
                    z[at + c] = x[place + c]
            for c in range(begin, whole, _u(16)):
                d = c + _u(8) if c + _u(8) < whole else c
                start, other = (c - begin) // _u(8) * size, (d - begin) // _u(8) * size
                multiply_pair(ptr, idx, val, _u(0), rows, z, start, other, y, target + c, target + d, n)
            start = (whole - begin) // _u(8) * size
            for i in range(_u(0), rows if whole < end else _u(0), _u(512)):
                top = min(i + _u(512), rows)
                multiply_lanes(ptr, idx, val, i, top, z, start, _u(8), o, _u(0) - i * _u(8), _u(8))
                for r in range(i, top):
                    for c in range(whole, end):
                        y[target + r * n + c] = o[(r - i) * _u(8) + c - whole]
