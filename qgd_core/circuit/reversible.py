"""Reversible maps of basis states up to signs: the middle of a block encoding, where signs cost nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder

Words = NDArray[np.integer[Any]]
Flags = NDArray[np.int8]


class Reversible:
    """A list of X, CX and AND gates; an AND (3 CX) gives basis states signs that `act` reports."""

    def __init__(self) -> None:
        self._ops: list[tuple[int, ...]] = []

    def flip(self, target: int, *controls: int) -> None:
        """Flip the target where the controls (none, one or two) are all one."""
        self._ops.append((*controls, target))

    def undo(self, start: int, stop: int) -> None:
        """Append the ops from `start` to `stop` backwards."""
        self._ops += self._ops[start:stop][::-1]

    def __len__(self) -> int:
        return len(self._ops)

    @property
    def two_qubit(self) -> int:
        """Its CX count."""
        return sum((0, 1, 3)[len(op) - 1] for op in self._ops)

    def emit(self, builder: CircuitBuilder, qubits: Sequence[int]) -> None:
        """Append the gates, its qubit k being qubits[k]."""
        for op in self._ops:
            *controls, target = (qubits[k] for k in op)
            if len(controls) == 2:
                builder.call(margolus(), [*controls, target])
            else:
                builder.gate("x", [target], (), tuple((c, 1) for c in controls))

    def act(self, bits: Mapping[int, Words], shape: tuple[int, ...]) -> tuple[dict[int, Flags], RealArray]:
        """Bits (qubit -> array of 0 and 1, missing ones 0) and signs after the map, for arrays of basis states."""
        zero = np.zeros(shape, dtype=np.int8)
        after = {q: np.broadcast_to(word, shape).astype(np.int8) for q, word in bits.items()}
        sign = zero.copy()
        for op in self._ops:
            *controls, target = (after.get(q, zero) for q in op)
            if len(controls) == 2:
                sign = sign ^ (controls[0] & (1 - controls[1]) & target)
            on = np.ones(shape, dtype=np.int8)
            for control in controls:
                on = on & control
            after[op[-1]] = target ^ on
        return after, 1.0 - 2.0 * sign.astype(np.float64)


@cache
def margolus() -> Circuit:
    """Toffoli (control, control, target) in 3 CX, real, with a sign on |1, 0, 1>; Barenco et al., quant-ph/9503016."""
    builder = CircuitBuilder("and", 3)
    quarter = math.pi / 4
    for angle, control in ((quarter, 1), (quarter, 0), (-quarter, 1)):
        builder.gate("ry", [2], [angle])
        builder.gate("x", [2], (), ((control, 1),))
    builder.gate("ry", [2], [-quarter])
    return builder.build()
