"""Circuits of a cubic Carleman step in three slots: contract (the homogeneous part) and append (the offset)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import margolus
from qgd_core.circuit.turns import turn
from qgd_core.encodings.slot_circuits import tree_angles, write_slot
from qgd_core.encodings.slot_degrees import Degrees

# Flags of degrees 0 to 3, the first slot's flag most significant.
_FLAGS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1))


@dataclass(frozen=True)
class CubicPart:
    """v -> w * v + sum_q y_q (c_q (y_q . v)^2 + d_q (y_q . v)^3) in slot order, padded; w[0] has the largest magnitude."""

    multipliers: RealArray
    quadratic: RealArray
    cubic: RealArray
    directions: RealArray

    @property
    def n_terms(self) -> int:
        """Qubits that hold q."""
        count: int = self.quadratic.size
        return max(0, count - 1).bit_length()


def contract_cubic(part: CubicPart, degrees: Degrees, p: int) -> Circuit:
    """Encode the homogeneous part with norm 1, after its change of lengths.

    Arguments: part; degrees; p, qubits a slot.
    Result: a circuit on [low, last, two, kept (2), q..., dumps (3), copy..., third, C..., second, B..., first, A...],
    exact. The label `low` takes a degree down, `last` says that it was 3, `two` that it becomes 1, and `kept` which
    slot a degree of 3 keeps as it becomes 2: each a third, for the tensor need not be symmetric.
    Raises: nothing.
    Source: as `slot_circuits.contract`.
    """
    t = part.n_terms
    low, last, two = range(3)
    kept = (3, 4)
    terms, dumps, copies = range(5, 5 + t), range(5 + t, 8 + t), range(8 + t, 8 + t + p)
    flags, slots = _system(8 + t + p, p)
    (first, second, third), (slot_a, slot_b, slot_c) = flags, slots
    builder = CircuitBuilder("contract_cubic", third + 3 * p + 3)
    column, row = degrees.contract_column, degrees.contract_row
    negative = part.multipliers[0] < 0.0
    if negative:
        for flag in flags:
            builder.gate("z", [flag])
    factors = part.multipliers / part.multipliers[0]
    keep = 2.0 * np.arccos(np.clip(factors, -1.0, 1.0))
    keep[0] = 0.0

    # Columns: down from 3, by two, down from 2.
    turn(builder, [third], last, [0.0, 2.0 * math.acos(min(1.0, column[2, 2]))], before=[third])
    by_two = 2.0 * math.atan2(column[0, 2], column[1, 2])
    turn(builder, [last], two, [0.0, by_two], before=[last])
    down = 2.0 * math.asin(min(1.0, column[0, 1]))
    s, c, w = np.ogrid[:2, :2, :2]
    turn(builder, [second, third, last], low, down * (s - c) + math.pi * w, before=[second, third, last])
    # A third of each choice; every choice brings the slot that is kept to B.
    third_part = np.zeros((2, 2))
    third_part[1, 0] = 2.0 * math.asin(math.sqrt(1.0 / 3.0))
    half = np.zeros((2, 2, 2))
    half[1, 0, 0] = math.pi / 2
    turn(builder, [last, two], kept[0], third_part, before=[last, two])
    turn(builder, [last, two, kept[0]], kept[1], half, before=[last, two, kept[0]])
    for choice, other in zip(kept, (slot_c, slot_a), strict=True):
        for one, another in zip(slot_b, other, strict=True):
            builder.gate("swap", [one, another], controls=((choice, 1),))
    size = 1 << t
    shares = np.zeros((2, size))
    for k, weights in enumerate((part.quadratic, part.cubic)):
        shares[k, : weights.size] = np.sqrt(np.abs(weights))
        shares[k, 0] = shares[k, 0] if shares[k].any() else 1.0
    signs = np.ones((2, size))
    signs[1, : part.cubic.size] = np.where(part.cubic < 0.0, -1.0, 1.0) * (-1.0 if negative else 1.0)
    for level, angles in enumerate(tree_angles(shares)):
        selects = [two, *terms[:level]]
        turn(builder, selects, terms[level], angles, before=selects)
    padded = np.concatenate([part.directions, np.zeros((size - part.directions.shape[0], 2**p))])
    padded[part.directions.shape[0] :, 0] = 1.0
    trees = tree_angles(padded)
    # For now `low` is 1 where slot B is given up.
    for flag in (last, two):
        builder.gate("x", [low], controls=((flag, 1),))
    for flag, slot in ((low, slot_b), (last, slot_c)):
        for level in reversed(range(p)):
            angles = np.stack([np.zeros_like(trees[level]), -trees[level]])
            turn(builder, [flag, *terms, *slot[:level]], slot[level], angles)
    gone = np.where(np.arange(2**p) == 0, 0.0, math.pi)
    for flag, dump, slot in ((low, dumps[1], slot_b), (last, dumps[2], slot_c)):
        _clean(builder, [flag, *slot], dump, np.concatenate([keep, gone]))
    builder.gate("x", [second], controls=((low, 1),))
    builder.gate("x", [third], controls=((last, 1),))
    for flag in (two, last):
        builder.gate("x", [low], controls=((flag, 1),))
    _clean(builder, [low, *slot_a], dumps[0], np.concatenate([keep, np.zeros(2**p)]))
    for level in reversed(range(p)):
        turn(builder, [*terms, *slot_a[:level]], slot_a[level], -trees[level], after=terms[:1])
    for held, copy in zip(slot_a, copies, strict=True):
        builder.call(margolus(), [low, held, copy])
    for level in range(p):
        turn(builder, [*terms, *slot_a[:level]], slot_a[level], trees[level], before=terms[:1])

    # Rows, and the terms' weights again, signs included.
    ends = tree_angles(shares * signs)
    for level in reversed(range(t)):
        selects = [two, *terms[:level]]
        turn(builder, selects, terms[level], -ends[level], after=selects)
    if not t and signs[1, 0] < 0.0:
        builder.gate("z", [two])
    turn(builder, [last, two, kept[0]], kept[1], -half, after=[last, two, kept[0]])
    turn(builder, [last, two], kept[0], -third_part, after=[last, two])
    turn(builder, [last, second], two, [0.0, 0.0, -math.pi, 0.0], after=[last, second])
    table = np.zeros((2, 2, 2))
    table[1, 0, 0] = -2.0 * math.atan2(row[0, 1], row[0, 0])
    table[:, :, 1] = -math.pi
    selects = [first, second, last]
    turn(builder, selects, low, table, after=selects)
    table = np.zeros((2, 2, 2))
    table[_FLAGS[1]] = -2.0 * math.asin(min(1.0, row[0, 2]))
    table[_FLAGS[2]] = -2.0 * math.asin(min(1.0, row[1, 2]))
    turn(builder, flags, last, table, after=flags)
    return builder.build()


def append_cubic(offset: RealArray, degrees: Degrees) -> Circuit:
    """Encode v -> v + f up to degree 3, with norm `degrees.alpha`.

    Arguments: offset f in slot order, shape (2**p,), not zero; degrees.
    Result: a circuit on [into_a, into_b, into_c, third, C..., second, B..., first, A...], exact: the slots above a
    degree take factors f, with binomial weights, since only symmetric parts are read.
    Raises: nothing.
    Source: as `slot_circuits.append`.
    """
    p = offset.size.bit_length() - 1
    into_a, into_b, into_c = range(3)
    flags, slots = _system(3, p)
    first, second, third = flags
    column, row = degrees.append_column, degrees.append_row
    builder = CircuitBuilder("append_cubic", 3 * p + 6)

    def more(start: int, reached: int) -> float:
        """Angle for one factor more, from degree `start`, having reached a degree."""
        return 2.0 * math.atan2(
            float(np.linalg.norm(column[reached + 1 :, start])), float(column[reached, start])
        )

    def fewer(end: int, left: int) -> float:
        """Angle for one factor more, back from degree `end`, down to a degree."""
        return -2.0 * math.atan2(float(np.linalg.norm(row[end, :left])), float(row[end, left]))

    turn(builder, [first], into_a, [more(0, 0), 0.0], before=[first])
    builder.gate("x", [first], controls=((into_a, 1),))
    table = np.zeros((2, 2, 2))
    table[1, 0] = more(1, 1), more(0, 1)
    selects = [first, second, into_a]
    turn(builder, selects, into_b, table, before=selects)
    builder.gate("x", [second], controls=((into_b, 1),))
    table = np.zeros((2, 2, 2, 2))
    table[1, 0, 0] = more(2, 2)
    table[1, 0, 1] = more(1, 2), more(0, 2)
    selects = [second, third, into_b, into_a]
    turn(builder, selects, into_c, table, before=selects)
    builder.gate("x", [third], controls=((into_c, 1),))
    trees = tree_angles(offset[np.newaxis, :])
    for flag, slot in zip((into_a, into_b, into_c), slots, strict=True):
        write_slot(builder, flag, slot, trees)
    table = np.zeros((2, 2, 2, 2))
    table[1, 0, 0, 0] = fewer(1, 1)
    table[1, 1, 0, 1] = fewer(2, 1)
    table[1, 1, 1, 1] = fewer(3, 1)
    selects = [*flags, into_b]
    turn(builder, selects, into_a, table, after=selects)
    table = np.zeros((2, 2, 2))
    table[1, 0, 0] = fewer(2, 2)
    table[1, 1, 1] = fewer(3, 2)
    selects = [second, third, into_c]
    turn(builder, selects, into_b, table, after=selects)
    turn(builder, [third], into_c, [0.0, fewer(3, 3)], after=[third])
    return builder.build()


def _system(start: int, p: int) -> tuple[list[int], list[range]]:
    """Flags and slots, first to third, of a register [third, C..., second, B..., first, A...]."""
    flags = [start + k * (p + 1) for k in (2, 1, 0)]
    return flags, [range(flag + 1, flag + 1 + p) for flag in flags]


def _clean(builder: CircuitBuilder, selects: Sequence[int], target: int, angles: RealArray) -> None:
    """Turn a target that is |0>, and projected on |0> next."""
    turn(builder, selects, target, angles, before=selects, after=selects)
