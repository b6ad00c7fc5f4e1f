"""Products of both slots of a symmetric tensor in its own coordinates, compiled by numba.

A symmetric x (n, n) comes packed, as its rows from the diagonal on, times sqrt(2) right of it: n (n + 1) / 2 places.
What stands between the slots is t = sqrt(2) A x in tiles of eight by eight, each row by row. A whole t has the tile of
rows 8 I on and columns 8 J on at 64 (I tiles + J), where tiles = n / 8, rounded up; a half t has only those with I < J,
row by row, 64 (I tiles - I (I + 1) / 2 + J).
"""

from __future__ import annotations

from typing import Any

from qgd_core.carleman.lane_intrinsics import fetch_line, turn_tile
from qgd_core.carleman.lane_kernels import (
    MATRIX,
    add_eight,
    compile_kernel,
    copy_eight,
    inline_kernel,
    multiply_pair,
)
from qgd_core.carleman.lane_kernels import unsigned as _u

_ROOT, _HALF = 1.4142135623730951, 0.7071067811865476


@compile_kernel("void(f8[::1], u8, u8, u8, f8[::1], u8, f8)")
def unpack_columns(z: Any, n: Any, first: Any, last: Any, x: Any, size: Any, scale: Any) -> None:
    """x[c / 8, k, c % 8] = sqrt(2) scale times entry (k, first + c) of the symmetric matrix z, for all k.

    first is a multiple of eight; eights of columns have `size` places each.
    """
    whole, end = last - (last - first) % _u(8), n - (n - last) % _u(8)
    # Pieces of rows are too short for the processor to see what comes next.
    place, ahead = first, first + _u(12) * n - _u(78)
    for k in range(first):
        at = k * _u(8)
        for c in range(_u(0), last - first + _u(8) if k + _u(12) < first else _u(0), _u(8)):
            fetch_line(z, ahead + c)
        for c in range(_u(0), whole - first, _u(8)):
            copy_eight(z, place + c, x, at, scale)
            at += size
        for c in range(whole - first, last - first):
            x[at + c - (whole - first)] = z[place + c] * scale
        place += n - k - _u(1)
        ahead += n - k - _u(13)
    for r in range(first, last):
        for c in range(r, last):
            entry = z[place + c - first] * (scale if c > r else _ROOT * scale)
            x[(r - first) // _u(8) * size + c * _u(8) + r % _u(8)] = entry
            x[(c - first) // _u(8) * size + r * _u(8) + c % _u(8)] = entry
        place += n - r - _u(1)
    for c in range(first, last, _u(8)):
        at, fall = (c - first) // _u(8) * size, n - c - _u(1)
        place = c * n - c * (c + _u(1)) // _u(2)
        for k in range(last, end if c < whole else last, _u(8)):
            turn_tile(z, place + k, fall, _u(1), x, at + k * _u(8), _u(8), _u(0), scale)
        for r in range(min(_u(8), last - c)):
            for k in range(end if c < whole else last, n):
                x[at + k * _u(8) + r] = z[place + k] * scale
            place += fall - r


@compile_kernel("void(f8[::1], f8[::1], u8, u8, u8)")
def write_tile(tile: Any, y: Any, n: Any, i: Any, c: Any) -> None:
    """The tile of rows i on and columns c on of y, packed, as far as y has it, if tile is sqrt(2) times that."""
    at = i * n - i * (i + _u(1)) // _u(2) + c
    for r in range(min(_u(8), n - i)):
        for k in range(r if i == c else _u(0), min(_u(8), n - c)):
            y[at + k] = tile[r * _u(8) + k] * (1.0 if c + k > i + r else _HALF)
        at += n - i - r - _u(1)


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8, f8[::1])")
def multiply_columns(
    ptr: Any,
    idx: Any,
    val: Any,
    z: Any,
    t: Any,
    n: Any,
    top: Any,
    first: Any,
    last: Any,
    work: Any,
) -> None:
    """The columns of t from first, a multiple of eight, to last, rows `top` and on.

    work has 64 n places, n rounded up to a multiple of eight.
    """
    size = (n + _u(7)) // _u(8) * _u(64)
    for begin in range(first, last, _u(64)):
        end = min(begin + _u(64), last)
        unpack_columns(z, n, begin, end, work, size, 1.0)
        for c in range(begin, end, _u(16)):
            start, both = (c - begin) // _u(8) * size, c + _u(8) < end
            other = start + size if both else start
            for i in range(top, n, _u(8)):
                at, below = (i - top) // _u(8) * size + c * _u(8) - i * _u(8), min(i + _u(8), n)
                beside = at + _u(64) if both else at
                multiply_pair(ptr, idx, val, i, below, work, start, other, t, at, beside, _u(8))


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, u8, f8, f8[::1])")
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
    scale: Any,
    work: Any,
) -> None:
    """The rows of y = A x A^T, packed, times scale, from first to last.

    t begins with row `top`, from which on first is a multiple of eight. work has 4160 places and 16 n, n rounded up to a
    multiple of eight.
    """
    size = (n + _u(7)) // _u(8) * _u(64)
    o, tile, x = work[:4096], work[4096:4160], work[4160:]
    for i in range(first, last, _u(16)):
        both = i + _u(8) < last
        for c in range(_u(0), size, _u(64)):
            row = (i - top) // _u(8) * size + c
            turn_tile(t, row, _u(8), _u(0), x, c, _u(8), _u(0), 1.0)
            if both:
                turn_tile(t, row + size, _u(8), _u(0), x, size + c, _u(8), _u(0), 1.0)
        for begin in range(i, n, _u(256)):
            end, at = min(begin + _u(256), n), _u(0) - begin * _u(8)
            other, beside = (size, at + _u(2048)) if both else (_u(0), at)
            multiply_pair(ptr, idx, val, begin, end, x, _u(0), other, o, at, beside, _u(8))
            for r in range(i, min(i + _u(16), last), _u(8)):
                place = r * n - r * (r + _u(1)) // _u(2)
                for c in range(max(begin, r), end, _u(8)):
                    here = (c - begin) * _u(8) + (r - i) * _u(256)
                    if r < c and c + _u(8) <= n:
                        turn_tile(o, here, _u(8), _u(0), y, place + c, n - r - _u(1), _u(1), scale)
                    else:
                        turn_tile(o, here, _u(8), _u(0), tile, _u(0), _u(8), _u(0), scale)
                        write_tile(tile, y, n, r, c)


@inline_kernel
def add_tile(x: Any, place: Any, tile: Any) -> None:
    """tile += the tile of x that begins at place."""
    for r in range(_u(0), _u(64), _u(8)):
        add_eight(x, place + r, tile, r)


@inline_kernel
def copy_tile(tile: Any, y: Any, at: Any, rise: Any) -> None:
    """The rows of a tile to at, at + rise, at + 2 rise - 1, ... of y."""
    for r in range(_u(8)):
        copy_eight(tile, r * _u(8), y, at, 1.0)
        at += rise - r


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], f8[::1], u8, u8, u8, u8, f8[::1])")
def sum_panel(
    ptr: Any,
    idx: Any,
    val: Any,
    z: Any,
    t: Any,
    y: Any,
    n: Any,
    first: Any,
    last: Any,
    near: Any,
    work: Any,
) -> None:
    """The rows first to last of y = A x + x A^T, packed, and of the half t what stands above them in their columns.

    What the half t has in these rows is added, but for the columns from last to near, which are left to add_tiles.
    first, and last where near is more, are multiples of eight. work has 4160 places and last - first columns of n, both
    rounded up to eights.
    """
    size = (n + _u(7)) // _u(8) * _u(64)
    o, tile, x = work[:4096], work[4096:4160], work[4160:]
    unpack_columns(z, n, first, last, x, size, 1.0)
    for back in range(first, last, _u(16)):
        i = first + (last - _u(1) - back) // _u(16) * _u(16)
        start, row, both = (i - first) // _u(8) * size, _u(0), i + _u(8) < last
        other = start + size if both else start
        for k in range(_u(0), i, _u(8)):
            at = row + i * _u(8) - k * _u(8)
            beside = at + _u(64) if both else at
            multiply_pair(ptr, idx, val, k, k + _u(8), x, start, other, t, at, beside, _u(8))
            row += size - (k + _u(8)) * _u(8)
        for begin in range(i, n, _u(256)):
            end, at = min(begin + _u(256), n), _u(0) - begin * _u(8)
            beside = at + _u(2048) if both else at
            multiply_pair(ptr, idx, val, begin, end, x, start, other, o, at, beside, _u(8))
            for r in range(i, min(i + _u(16), last), _u(8)):
                place = r * n - r * (r + _u(1)) // _u(2)
                left = row if r == i else row + size - r * _u(8)
                for c in range(max(begin, r), end, _u(8)):
                    turn_tile(
                        o,
                        (c - begin) * _u(8) + (r - i) * _u(256),
                        _u(8),
                        _u(0),
                        tile,
                        _u(0),
                        _u(8),
                        _u(0),
                        1.0,
                    )
                    if c < i + _u(16):
                        add_tile(o, (r - begin) * _u(8) + (c - i) * _u(256), tile)
                    elif c < last or c >= near:
                        add_tile(t, left + c * _u(8), tile)
                    if r < c and c + _u(8) <= n:
                        copy_tile(tile, y, place + c, n - r - _u(1))
                    else:
                        write_tile(tile, y, n, r, c)


@compile_kernel("void(f8[::1], f8[::1], u8, u8, u8, u8)")
def add_tiles(t: Any, y: Any, n: Any, first: Any, last: Any, near: Any) -> None:
    """Add to y the rows first to last, all multiples of eight, and columns last to near of a half t."""
    tiles = (n + _u(7)) // _u(8)
    for i in range(first, last if last < near else first, _u(8)):
        eight = i // _u(8)
        row = (eight * tiles - eight * (eight + _u(1)) // _u(2)) * _u(64)
        for c in range(last, near, _u(8)):
            at = i * n - i * (i + _u(1)) // _u(2) + c
            for r in range(_u(8)):
                for k in range(min(_u(8), n - c)):
                    y[at + k] += t[row + c * _u(8) + r * _u(8) + k]
                at += n - i - r - _u(1)
