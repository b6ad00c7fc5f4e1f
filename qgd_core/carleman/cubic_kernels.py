"""Products of all three slots of a symmetric tensor in its own coordinates, compiled by numba.

The symmetric coordinates of x (n, n, n), z, come slab by slab: those with the first index a are a packed symmetric
matrix of the indices a and on, see symmetric_kernels, but for other weights. Between the first slot and the other two
stand n slabs t[a], each the packed matrix of the last two slots, n (n + 1) / 2 places.
"""

from __future__ import annotations

from typing import Any

from qgd_core.carleman.lane_intrinsics import turn_tile
from qgd_core.carleman.lane_kernels import MATRIX, add_eight, compile_kernel, copy_eight, multiply_pair
from qgd_core.carleman.lane_kernels import unsigned as _u
from qgd_core.carleman.symmetric_kernels import multiply_columns, multiply_rows, unpack_columns

_ROOT2, _ROOT3 = 1.4142135623730951, 1.7320508075688772


@compile_kernel("u8(u8, u8)")
def start_slab(a: Any, n: Any) -> Any:
    """The place in z of the coordinate (a, a, a)."""
    rest = n - a
    return (n * (n + _u(1)) * (n + _u(2)) - rest * (rest + _u(1)) * (rest + _u(2))) // _u(6)


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, f8[::1])")
def multiply_first(
    ptr: Any, idx: Any, val: Any, z: Any, t: Any, n: Any, first: Any, last: Any, work: Any
) -> None:
    """Rows first to last of all slabs t[a] = sum over k of A[a, k] x[k]. work has 128 n places."""
    size, slab, x, o = n * _u(8), n * (n + _u(1)) // _u(2), work[: _u(64) * n], work[_u(64) * n :]
    for b in range(first, last):
        row, rest = b * n - b * (b + _u(1)) // _u(2), n - b
        for begin in range(b, n, _u(64)):
            end = min(begin + _u(64), n)
            whole = end - (end - begin) % _u(8)
            place = row + begin
            for k in range(b):
                at = k * _u(8)
                for c in range(begin, whole, _u(8)):
                    copy_eight(z, place + c - begin, x, at, 1.0 / _ROOT3)
                    at += size
                for c in range(whole, end):
                    x[at + c - whole] = z[place + c - begin] / _ROOT3
                place += (n - k) * (n - k - _u(1)) // _u(2)
            slab_b = z[start_slab(b, n) :]
            unpack_columns(slab_b, rest, begin - b, end - b, x[b * _u(8) :], size, 1.0 / _ROOT3)
            for c in range(begin, end):
                at = (c - begin) // _u(8) * size + b * _u(8) + (c - begin) % _u(8)
                x[at] *= _ROOT2 if c > b else _ROOT3 / _ROOT2
            for c in range(_u(0), end - begin, _u(16)):
                other = c + _u(8) if c + _u(8) < end - begin else c
                multiply_pair(ptr, idx, val, _u(0), n, x, c * n, other * n, o, c, other, _u(64))
            for a in range(n):
                place = a * slab + row + begin
                for c in range(_u(0), whole - begin, _u(8)):
                    copy_eight(o, a * _u(64) + c, t, place + c, 1.0)
                for c in range(whole - begin, end - begin):
                    t[place + c] = o[a * _u(64) + c]


@compile_kernel(f"void({MATRIX}, f8[::1], f8[::1], u8, u8, u8, f8[::1])")
def multiply_others(
    ptr: Any, idx: Any, val: Any, t: Any, y: Any, n: Any, first: Any, last: Any, work: Any
) -> None:
    """Slabs first to last of y = A t[a] A^T. work has 4160 places, 72 n and n^2, n rounded up to eights, and a slab."""
    slab, width = n * (n + _u(1)) // _u(2), (n + _u(7)) // _u(8) * _u(8)
    between, rest = work[: width * width], work[width * width : width * (width + _u(72)) + _u(4160)]
    mine = work[width * (width + _u(72)) + _u(4160) :][:slab]
    for a in range(first, last):
        start = start_slab(a, n)
        mine[:] = t[a * slab : (a + _u(1)) * slab]
        multiply_columns(ptr, idx, val, mine, between, n, a, _u(0), n, rest)
        packed = y[start - (a * n - a * (a + _u(1)) // _u(2) + a) :]
        multiply_rows(ptr, idx, val, between, packed, n, a, a, n, _ROOT3, rest)
        y[start] /= _ROOT3
        for c in range(_u(1), n - a):
            y[start + c] /= _ROOT2


@compile_kernel("void(f8[::1], f8[::1], u8, u8, u8, f8[::1])")
def add_others(t: Any, y: Any, n: Any, first: Any, last: Any, work: Any) -> None:
    """Slabs first to last of y = the sum of t over its three slots. work has 64 places and n^2, n rounded up to eights."""
    slab, tile, r_a = n * (n + _u(1)) // _u(2), work[:64], work[64:]
    for a in range(first, last):
        size, start, corner = n - a, start_slab(a, n), a * n - a * (a - _u(1)) // _u(2)
        width = (size + _u(7)) // _u(8) * _u(8)
        for r in range(size):
            place = (a + r) * slab + corner
            r_a[r * width : r * width + size] = t[place : place + size]
        mine, out = t[a * slab + corner : (a + _u(1)) * slab], y[start:]
        for i in range(_u(0), size, _u(8)):
            for c in range(i, size, _u(8)):
                at = i * size - i * (i + _u(1)) // _u(2) + c
                if i < c and c + _u(8) <= size:
                    turn_tile(r_a, c * width + i, width, _u(0), tile, _u(0), _u(8), _u(0), 1.0)
                    for r in range(_u(8)):
                        add_eight(r_a, (i + r) * width + c, tile, r * _u(8))
                        add_eight(mine, at, tile, r * _u(8))
                        copy_eight(tile, r * _u(8), out, at, _ROOT3)
                        at += size - i - r - _u(1)
                    continue
                for r in range(i, min(i + _u(8), size)):
                    for k in range(max(c, r), min(c + _u(8), size)):
                        both = (
                            r_a[r * width + k] + r_a[k * width + r] if k > r else _ROOT2 * r_a[r * width + k]
                        )
                        out[at + k - c] = (mine[at + k - c] + both) * _ROOT3
                    at += size - r - _u(1)
        # Of the first row two indices are equal already, and of its first entry all three.
        for k in range(_u(1), size):
            out[k] = (_ROOT2 * mine[k] + r_a[k * width]) * _ROOT3
        out[0] = 3.0 * mine[0]
