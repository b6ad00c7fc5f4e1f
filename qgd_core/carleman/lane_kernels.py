"""Eight rows or columns side by side: what compiled products are made of; import this file only with numba installed.

The entries of a matrix come row by row, as many threes as a row needs: ptr (n + 1,), idx and val. numba keeps what it
compiled until the file of the kernel itself changes: after a change here, delete __pycache__.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F")

_numba: Any = importlib.import_module("numba")
unsigned: Any = _numba.uint64  # places without a sign, because negative ones would be looked for
_u = unsigned
MATRIX = "u8[::1], u4[::1], f8[::1]"
_ZEROS = (0.0,) * 8


def compile_kernel(signature: str) -> Callable[[F], F]:
    """Compile for these types now, or load what an earlier process compiled."""

    def compiled(kernel: F) -> F:
        # Eight sums side by side become one vector only with this pass, which numba leaves out by default.
        usual, _numba.config.SLP_VECTORIZE = _numba.config.SLP_VECTORIZE, 1
        try:
            chosen: F = _numba.njit(signature, nogil=True, cache=True, fastmath={"contract"})(kernel)
        finally:
            _numba.config.SLP_VECTORIZE = usual
        return chosen

    return compiled


inline_kernel: Callable[[F], F] = _numba.njit(inline="always")


@inline_kernel
def add_three(sums: Any, u: Any, v: Any, w: Any, x: Any, a: Any, b: Any, d: Any) -> Any:
    """Eight sums, and u x[a + c] + v x[b + c] + w x[d + c] more for c < 8."""
    s0, s1, s2, s3, s4, s5, s6, s7 = sums
    s0 += u * x[a] + v * x[b] + w * x[d]
    s1 += u * x[a + _u(1)] + v * x[b + _u(1)] + w * x[d + _u(1)]
    s2 += u * x[a + _u(2)] + v * x[b + _u(2)] + w * x[d + _u(2)]
    s3 += u * x[a + _u(3)] + v * x[b + _u(3)] + w * x[d + _u(3)]
    s4 += u * x[a + _u(4)] + v * x[b + _u(4)] + w * x[d + _u(4)]
    s5 += u * x[a + _u(5)] + v * x[b + _u(5)] + w * x[d + _u(5)]
    s6 += u * x[a + _u(6)] + v * x[b + _u(6)] + w * x[d + _u(6)]
    s7 += u * x[a + _u(7)] + v * x[b + _u(7)] + w * x[d + _u(7)]
    return s0, s1, s2, s3, s4, s5, s6, s7


@inline_kernel
def write_eight(sums: Any, o: Any, at: Any) -> None:
    """o[at + c] = sums[c]."""
    s0, s1, s2, s3, s4, s5, s6, s7 = sums
    o[at], o[at + _u(1)], o[at + _u(2)], o[at + _u(3)] = s0, s1, s2, s3
    o[at + _u(4)], o[at + _u(5)], o[at + _u(6)], o[at + _u(7)] = s4, s5, s6, s7


@inline_kernel
def multiply_lanes(
    ptr: Any,
    idx: Any,
    val: Any,
    first: Any,
    last: Any,
    x: Any,
    start: Any,
    stride: Any,
    o: Any,
    at: Any,
    step: Any,
) -> None:
    """Eight columns of rows first to last of the matrix times x; row k of x is at start + stride k, row c at at + step c."""
    for c in range(first, last):
        sums = _ZEROS
        for k in range(ptr[c], ptr[c + _u(1)], _u(3)):
            a, b, d = _u(idx[k]) * stride, _u(idx[k + _u(1)]) * stride, _u(idx[k + _u(2)]) * stride
            sums = add_three(sums, val[k], val[k + _u(1)], val[k + _u(2)], x, start + a, start + b, start + d)
        write_eight(sums, o, at + c * step)


@inline_kernel
def multiply_pair(
    ptr: Any,
    idx: Any,
    val: Any,
    first: Any,
    last: Any,
    x: Any,
    start: Any,
    other: Any,
    o: Any,
    at: Any,
    beside: Any,
    step: Any,
) -> None:
    """multiply_lanes with stride eight, of x from start to at and from other to beside, in a third less time."""
    for c in range(first, last):
        sums, more = _ZEROS, _ZEROS
        for k in range(ptr[c], ptr[c + _u(1)], _u(3)):
            u, a = val[k], _u(idx[k]) * _u(8)
            v, b = val[k + _u(1)], _u(idx[k + _u(1)]) * _u(8)
            w, d = val[k + _u(2)], _u(idx[k + _u(2)]) * _u(8)
            sums = add_three(sums, u, v, w, x, start + a, start + b, start + d)
            more = add_three(more, u, v, w, x, other + a, other + b, other + d)
        write_eight(sums, o, at + c * step)
        write_eight(more, o, beside + c * step)


@inline_kernel
def copy_eight(x: Any, place: Any, z: Any, at: Any, scale: Any) -> None:
    """z[at + c] = scale x[place + c] for c < 8: all are read before any is written, which makes it one vector."""
    a0, a1, a2, a3 = x[place], x[place + _u(1)], x[place + _u(2)], x[place + _u(3)]
    a4, a5, a6, a7 = x[place + _u(4)], x[place + _u(5)], x[place + _u(6)], x[place + _u(7)]
    z[at] = a0 * scale
    z[at + _u(1)] = a1 * scale
    z[at + _u(2)] = a2 * scale
    z[at + _u(3)] = a3 * scale
    z[at + _u(4)] = a4 * scale
    z[at + _u(5)] = a5 * scale
    z[at + _u(6)] = a6 * scale
    z[at + _u(7)] = a7 * scale


@inline_kernel
def add_eight(x: Any, place: Any, z: Any, at: Any) -> None:
    """z[at + c] += x[place + c] for c < 8, likewise."""
    a0, a1 = x[place] + z[at], x[place + _u(1)] + z[at + _u(1)]
    a2, a3 = x[place + _u(2)] + z[at + _u(2)], x[place + _u(3)] + z[at + _u(3)]
    a4, a5 = x[place + _u(4)] + z[at + _u(4)], x[place + _u(5)] + z[at + _u(5)]
    a6, a7 = x[place + _u(6)] + z[at + _u(6)], x[place + _u(7)] + z[at + _u(7)]
    z[at], z[at + _u(1)], z[at + _u(2)], z[at + _u(3)] = a0, a1, a2, a3
    z[at + _u(4)], z[at + _u(5)], z[at + _u(6)], z[at + _u(7)] = a4, a5, a6, a7
