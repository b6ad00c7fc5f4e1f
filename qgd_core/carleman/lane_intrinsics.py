"""What numba finds no way to, written for LLVM: tiles of eight by eight turned, and memory fetched ahead.

Import this file only with numba installed. x and z are arrays of float64, places in them uint64.
"""

from __future__ import annotations

import importlib
from typing import Any

_numba: Any = importlib.import_module("numba")
_ir: Any = importlib.import_module("llvmlite.ir")
_arrays: Any = importlib.import_module("numba.np.arrayobj")
_intrinsic: Any = importlib.import_module("numba.extending").intrinsic
_place, _real, _void = _numba.types.uint64, _numba.types.float64, _numba.types.void
_index, _vector = _ir.IntType(32), _ir.VectorType(_ir.DoubleType(), 8)


def _point(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """The address of eight doubles in an array."""
    start = _arrays.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(start, [place]), _vector.as_pointer())


def _turn_tile(
    _: Any, x: Any, place: Any, step: Any, fall: Any, z: Any, at: Any, rise: Any, drop: Any, scale: Any
) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        """Eight vectors, exchanged in three rounds of shuffles."""
        x, place, step, fall, z, at, rise, drop, scale = values

        def mask(lanes: list[int]) -> Any:
            return _ir.Constant(_ir.VectorType(_index, 8), [_index(lane) for lane in lanes])

        rows = []
        for _ in range(8):
            rows.append(builder.load(_point(context, builder, signature.args[0], x, place), align=8))
            place, step = builder.add(place, step), builder.sub(step, fall)
        for bit in (1, 2, 4):
            low = mask([8 + (lane ^ bit) if lane & bit else lane for lane in range(8)])
            high = mask([8 + lane if lane & bit else lane | bit for lane in range(8)])
            for r in (r for r in range(8) if not r & bit):
                pair = rows[r], rows[r | bit]
                rows[r], rows[r | bit] = (builder.shuffle_vector(*pair, lanes) for lanes in (low, high))
        single = builder.insert_element(_ir.Constant(_vector, _ir.Undefined), scale, _index(0))
        factor = builder.shuffle_vector(single, single, mask([0] * 8))
        for row in rows:
            builder.store(
                builder.fmul(row, factor), _point(context, builder, signature.args[4], z, at), align=8
            )
            at, rise = builder.add(at, rise), builder.sub(rise, drop)
        return context.get_dummy_value()

    return _void(x, _place, _place, _place, z, _place, _place, _place, _real), write


def _fetch_line(_: Any, x: Any, place: Any) -> Any:
    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        line = builder.bitcast(
            _point(context, builder, signature.args[0], *values), _ir.IntType(8).as_pointer()
        )
        kind = _ir.FunctionType(_ir.VoidType(), [line.type, _index, _index, _index])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", (line.type,), kind)
        builder.call(fetch, [line, _index(0), _index(3), _index(1)])
        return context.get_dummy_value()

    return _void(x, _place), write


turn_tile: Any = _intrinsic(_turn_tile)
"""turn_tile(x, place, step, fall, z, at, rise, drop, scale): z[c, r] = scale x[r, c] of a tile of eight by eight.

Row 0 of x is at `place`, the next ones step, step - fall, step - 2 fall, ... on; those of z at `at`, rise, rise - drop, ....
"""
fetch_line: Any = _intrinsic(_fetch_line)
"""fetch_line(x, place): begin to bring x[place] into the caches; the place need not be one of x."""
