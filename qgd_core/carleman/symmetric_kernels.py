"""Products of both slots of a symmetric tensor in its own coordinates, compiled by numba.

A symmetric x (n, n) comes packed, as its rows from the diagonal on, times sqrt(2) right of it: n (n + 1) / 2 places.
Between the two slots stands the full T = A x in tiles of eight by eight: the tile of rows 8 I on and columns 8 J on at
64 (I tiles + J), row by row, where tiles = n / 8, rounded up.
"""

from __future__ import annotations

from typing import Any

from qgd_core.carleman.lane_kernels import (
    MATRIX,
    add_eight,
    compile_kernel,
    copy_eight,
    multiply_lanes,
    turn_tile,
)
from qgd_core.carleman.lane_kernels import unsigned as _u

_ROOT, _HALF = 1.4142135623730951, 0.7071067811865476


@compile_kernel("void(f8[::1], u8, u8, u8, f8[::1], u8, f8)")
def unpack_columns(z: Any, n: Any, first: Any, last: Any, x: Any, size: Any, scale: Any) -> None:
    """x[c / 8, k, c % 8] = scale times entry (k, first + c) of the symmetric matrix z, for all k.

    first is a multiple of eight; eights of columns have `size` places each.
    """
    half, place = _HALF * scale, first
    whole, end = last - (last - first) % _u(8), n - (n - last) % _u(8)
    for k in range(first):
        at = k * _u(8)
        for c in range(_u(0), whole - first, _u(8)):
            copy_eight(z, place + c, x, at, half)
            at += size
        for c in range(whole - first, last - first):
            x[at + c - (whole - first)] = z[place + c] * half
        place += n - k - _u(1)
    for r in range(first, last):
        for c in range(r, last):
            entry = z[place + c - first] * (half if c > r else scale)
            x[(r - first) // _u(8) * size + c * _u(8) + r % _u(8)] = entry
            x[(c - first) // _u(8) * size + r * _u(8) + c % _u(8)] = entry
        place += n - r - _u(1)
    for c in range(first, last, _u(8)):
        at, fall = (c - first) // _u(8) * size, n - c - _u(1)
        place = c * n - c * (c + _u(1)) // _u(2)
        for k in range(last, end if c < whole else last, _u(8)):
            turn_tile(z, place + k, fall, _u(1), x, at + k * _u(8), _u(8), _u(0), half)
        for r in range(min(_u(8), last - c)):
            for k in range(end if c < whole else last, n):
                x[at + k * _u(8) + r] = z[place + k] * half
            place += fall - r


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8, f8[::1])")
def multiply_columns(
    ptr: Any, idx: Any, val: Any, z: Any, t: Any, n: Any, top: Any, first: Any, last: Any, work: Any
) -> None:
    """The columns of T from first, a multiple of eight, to last, rows `top` and on.

    work has 64 n places, n rounded up to a multiple of eight.
    """
    size = (n + _u(7)) // _u(8) * _u(64)
    for begin in range(first, last, _u(64)):
        end = min(begin + _u(64), last)
        unpack_columns(z, n, begin, end, work, size, 1.0)
        for c in range(begin, end, _u(8)):
            start = (c - begin) // _u(8) * size
            for i in range(top, n, _u(8)):
                at = (i - top) // _u(8) * size + c * _u(8) - i * _u(8)
                multiply_lanes(ptr, idx, val, i, min(i + _u(8), n), work, start, _u(8), t, at, _u(8))


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8, b1, f8, f8[::1])")
def multiply_rows(
    ptr: Any,
    idx: Any,
    val: Any,
    t: Any,
    y: Any,
    n: Any,
    top: Any,
    first: Any,
    last: Any,
    product: Any,
    scale: Any,
    work: Any,
) -> None:
    """The rows of y = T A^T, or T + T^T unless `product`, packed, times scale, from first to last.

    T begins with row `top`, from which on first is a multiple of eight; without product, top is zero. work has 4160
    places and 8 n, n rounded up to a multiple of eight.
    """
    root = _ROOT * scale
    size = (n + _u(7)) // _u(8) * _u(64)
    o, tile, x = work[:4096], work[4096:4160], work[4160:]
    for i in range(first, last, _u(8)):
        height, row = min(_u(8), n - i), (i - top) // _u(8) * size
        place = i * n - i * (i + _u(1)) // _u(2)
        for c in range(_u(0), size if product else _u(0), _u(64)):
            turn_tile(t, row + c, _u(8), _u(0), x, c, _u(8), _u(0), 1.0)
        for begin in range(i, n, _u(512)):
            end = min(begin + _u(512), n)
            if product:
                multiply_lanes(ptr, idx, val, begin, end, x, _u(0), _u(8), o, _u(0) - begin * _u(8), _u(8))
            for c in range(begin, end, _u(8)):
                here, at = (c - begin) * _u(8), place + c
                if product and i < c and c + _u(8) <= n:
                    turn_tile(o, here, _u(8), _u(0), y, at, n - i - _u(1), _u(1), root)
                    continue
                if product:
                    turn_tile(o, here, _u(8), _u(0), tile, _u(0), _u(8), _u(0), 1.0)
                else:
                    turn_tile(t, c // _u(8) * size + i * _u(8), _u(8), _u(0), tile, _u(0), _u(8), _u(0), 1.0)
                for r in range(height):
                    if not product:
                        add_eight(t, row + c * _u(8) + r * _u(8), tile, r * _u(8))
                    if i < c and c + _u(8) <= n:
                        copy_eight(tile, r * _u(8), y, at, root)
                    else:
                        for k in range(r if i == c else _u(0), min(_u(8), n - c)):
                            y[at + k] = tile[r * _u(8) + k] * (root if c + k > i + r else scale)
                    at += n - i - r - _u(1)
