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
_ir: Any = importlib.import_module("llvmlite.ir")
_arrays: Any = importlib.import_module("numba.np.arrayobj")
unsigned: Any = _numba.uint64  # places without a sign, because negative ones would be looked for
_u = unsigned
MATRIX = "u8[::1], u4[::1], f8[::1]"


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
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for k in range(ptr[c], ptr[c + _u(1)], _u(3)):
            u, a = val[k], start + _u(idx[k]) * stride
            v, b = val[k + _u(1)], start + _u(idx[k + _u(1)]) * stride
            w, d = val[k + _u(2)], start + _u(idx[k + _u(2)]) * stride
            a0 += u * x[a] + v * x[b] + w * x[d]
            a1 += u * x[a + _u(1)] + v * x[b + _u(1)] + w * x[d + _u(1)]
            a2 += u * x[a + _u(2)] + v * x[b + _u(2)] + w * x[d + _u(2)]
            a3 += u * x[a + _u(3)] + v * x[b + _u(3)] + w * x[d + _u(3)]
            a4 += u * x[a + _u(4)] + v * x[b + _u(4)] + w * x[d + _u(4)]
            a5 += u * x[a + _u(5)] + v * x[b + _u(5)] + w * x[d + _u(5)]
            a6 += u * x[a + _u(6)] + v * x[b + _u(6)] + w * x[d + _u(6)]
            a7 += u * x[a + _u(7)] + v * x[b + _u(7)] + w * x[d + _u(7)]
        b = at + c * step
        o[b] = a0
        o[b + _u(1)] = a1
        o[b + _u(2)] = a2
        o[b + _u(3)] = a3
        o[b + _u(4)] = a4
        o[b + _u(5)] = a5
        o[b + _u(6)] = a6
        o[b + _u(7)] = a7


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


def _turn_tile(
    _: Any, x: Any, place: Any, step: Any, fall: Any, z: Any, at: Any, rise: Any, drop: Any, scale: Any
) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        """Eight vectors, exchanged in three rounds of shuffles: the compiler finds none of this by itself."""
        index, vector = _ir.IntType(32), _ir.VectorType(_ir.DoubleType(), 8)
        x, place, step, fall, z, at, rise, drop, scale = values

        def pointer(kind: Any, array: Any, where: Any) -> Any:
            start = _arrays.make_array(kind)(context, builder, array).data
            return builder.bitcast(builder.gep(start, [where]), vector.as_pointer())

        def mask(lanes: list[int]) -> Any:
            return _ir.Constant(_ir.VectorType(index, 8), [index(lane) for lane in lanes])

        rows = []
        for _ in range(8):
            rows.append(builder.load(pointer(signature.args[0], x, place), align=8))
            place, step = builder.add(place, step), builder.sub(step, fall)
        for bit in (1, 2, 4):
            low = mask([8 + (lane ^ bit) if lane & bit else lane for lane in range(8)])
            high = mask([8 + lane if lane & bit else lane | bit for lane in range(8)])
            for r in (r for r in range(8) if not r & bit):
                pair = rows[r], rows[r | bit]
                rows[r], rows[r | bit] = (builder.shuffle_vector(*pair, lanes) for lanes in (low, high))
        single = builder.insert_element(_ir.Constant(vector, _ir.Undefined), scale, index(0))
        factor = builder.shuffle_vector(single, single, mask([0] * 8))
        for row in rows:
            builder.store(builder.fmul(row, factor), pointer(signature.args[4], z, at), align=8)
            at, rise = builder.add(at, rise), builder.sub(rise, drop)
        return context.get_dummy_value()

    place = _numba.types.uint64
    return _numba.types.void(x, place, place, place, z, place, place, place, _numba.types.float64), write


turn_tile: Any = importlib.import_module("numba.extending").intrinsic(_turn_tile)
"""turn_tile(x, place, step, fall, z, at, rise, drop, scale): z[c, r] = scale x[r, c] of a tile of eight by eight.

Row 0 of x is at `place`, the next ones step, step - fall, step - 2 fall, ... on; those of z at `at`, rise, rise - drop, ....
"""
