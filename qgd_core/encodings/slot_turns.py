"""Turns of labels in slot circuits, with a gate in front where there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.turns import turn


def turn_clean(
    builder: CircuitBuilder,
    selects: Sequence[int],
    target: int,
    angles: ArrayLike,
    *,
    projected: bool = False,
) -> None:
    """Turn a target that is |0>, and projected on |0> next where said; a gate in front turns nothing at 0."""
    table = gate_table(selects, angles)
    turn(builder, selects, target, table, before=selects, after=selects if projected else ())


def turn_last(builder: CircuitBuilder, selects: Sequence[int], target: int, angles: ArrayLike) -> None:
    """Turn a target that is projected on |0> next; a gate in front turns nothing at 0."""
    turn(builder, selects, target, gate_table(selects, angles), after=selects)


def seal(keep: RealArray, other: RealArray | None = None) -> RealArray:
    """Angles of a dump by (gate, flag, lower, slot) that also takes whatever is in a slot whose flag is 0.

    Where `lower` is 1 so are gate and flag, which leaves a choice: the one of fewest parities of the selects.
    """
    loose = np.pi - keep
    loose[0] = 0.0
    gate, flag = np.ogrid[:2, :2, :1][:2]
    if other is None:
        return np.asarray(loose * (1 - flag) + keep * gate)
    lower = np.arange(2)[:, np.newaxis]
    gate, flag = gate[..., np.newaxis], flag[..., np.newaxis]
    return np.asarray(loose * (1 - flag) + other * gate + (keep - other) * (gate ^ lower))


def gate_table(selects: Sequence[int], angles: ArrayLike) -> RealArray:
    """The angles, with as many zeros in front where one more select, the gate, stands before them."""
    table = np.asarray(angles, dtype=np.float64).ravel()
    return table if table.size == 1 << len(selects) else np.concatenate([np.zeros_like(table), table])
