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
from qgd_core.encodings.slot_turns import seal, turn_clean, turn_last


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


def contract_cubic(part: CubicPart, degrees: Degrees, p: int, gated: bool = False) -> Circuit:
    """Encode the homogeneous part with norm 1, after its change of lengths.

    Arguments: part; degrees; p, qubits a slot; gated, to put a gate in front, at 0 for the identity, and to reject states
    that hold an index in a slot not in use.
    Result: a circuit on [gate?, low, last, two, kept (2), q..., dumps (3), copy..., third, C..., second, B..., first, A...],
    exact. The label `low` takes a degree down, `last` says that it was 3, `two` that it becomes 1, and `kept` which
    slot a degree of 3 keeps as it becomes 2: each a third, for the tensor need not be symmetric.
    Raises: nothing.
    Source: as `slot_circuits.contract`.
    """
    t, start = part.n_terms, int(gated)
    gate = [*range(start)]
    low, last, two, *kept = range(start, start + 5)
    terms, dumps = range(start + 5, start + 5 + t), range(start + 5 + t, start + 8 + t)
    copies = range(dumps.stop, dumps.stop + p)
    flags, slots = _system(copies.stop, p)
    (first, second, third), (slot_a, slot_b, slot_c) = flags, slots
    builder = CircuitBuilder("contract_cubic", third + 3 * p + 3)
    column, row = degrees.contract_column, degrees.contract_row
    negative = part.multipliers[0] < 0.0
    if negative:
        for flag in flags:
            builder.gate("z", [flag], controls=tuple((g, 1) for g in gate))
    factors = part.multipliers / part.multipliers[0]
    keep = 2.0 * np.arccos(np.clip(factors, -1.0, 1.0))
    keep[0] = 0.0

    # Columns: down from 3, by two, down from 2.
    turn_clean(builder, [*gate, third], last, [0.0, 2.0 * math.acos(min(1.0, column[2, 2]))])
    by_two = 2.0 * math.atan2(column[0, 2], column[1, 2])
    turn(builder, [last], two, [0.0, by_two], before=[last])
    down = 2.0 * math.asin(min(1.0, column[0, 1]))
    g, s, c, w = np.ogrid[:2, :2, :2, :2]
    lowered = down * (s - c) * g + math.pi * w
    turn_clean(builder, [*gate, second, third, last], low, lowered[1 - start :])
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
    for flag, given_up, dump, slot in ((second, low, dumps[1], slot_b), (third, last, dumps[2], slot_c)):
        _dump(builder, [*gate, flag, given_up], dump, slot, keep, emptied=True)
    builder.gate("x", [second], controls=((low, 1),))
    builder.gate("x", [third], controls=((last, 1),))
    for flag in (two, last):
        builder.gate("x", [low], controls=((flag, 1),))
    _dump(builder, [*gate, first, low], dumps[0], slot_a, keep, emptied=False)
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
    # Sums that hold on the degrees that occur, with few parities: `last` is 1 only where the gate is.
    g, f, s, w = np.ogrid[:2, :2, :2, :2]
    ends_low = -2.0 * math.atan2(row[0, 1], row[0, 0]) * (f - s) * (g - w) - math.pi * w
    turn_last(builder, [*gate, first, second, last], low, ends_low[1 - start :])
    to_first, to_second = (-2.0 * math.asin(min(1.0, row[d, 2])) for d in range(2))
    g, f, s, c = np.ogrid[:2, :2, :2, :2]
    turn_last(builder, [*gate, *flags], last, (g * (to_first * (f - s) + to_second * (s - c)))[1 - start :])
    return builder.build()


def append_cubic(offset: RealArray, degrees: Degrees, gated: bool = False) -> Circuit:
    """Encode v -> v + f up to degree 3, with norm `degrees.alpha`.

    Arguments: offset f in slot order, shape (2**p,), not zero; degrees; gated, to put a gate in front.
    Result: a circuit on [gate?, into_a, into_b, into_c, third, C..., second, B..., first, A...], exact: the slots above a
    degree take factors f, with binomial weights, since only symmetric parts are read.
    Raises: nothing.
    Source: as `slot_circuits.append`.
    """
    p = offset.size.bit_length() - 1
    start = int(gated)
    gate, (into_a, into_b, into_c) = [*range(start)], range(start, start + 3)
    flags, slots = _system(start + 3, p)
    first, second, third = flags
    column, row = degrees.append_column, degrees.append_row
    builder = CircuitBuilder("append_cubic", start + 3 * p + 6)

    def more(start: int, reached: int) -> float:
        """Angle for one factor more, from degree `start`, having reached a degree."""
        return 2.0 * math.atan2(
            float(np.linalg.norm(column[reached + 1 :, start])), float(column[reached, start])
        )

    def fewer(end: int, left: int) -> float:
        """Angle for one factor more, back from degree `end`, down to a degree."""
        return -2.0 * math.atan2(float(np.linalg.norm(row[end, :left])), float(row[end, left]))

    # Sums that hold on the degrees that occur, with few parities: labels are 1 only where the gate is.
    cut, (g, f) = 1 - start, np.ogrid[:2, :2]
    turn_clean(builder, [*gate, first], into_a, (more(0, 0) * g * (1 - f))[cut:])
    builder.gate("x", [first], controls=((into_a, 1),))
    g, f, s, a = np.ogrid[:2, :2, :2, :2]
    table = more(1, 1) * g * (f - s) + (more(0, 1) - more(1, 1)) * a
    turn_clean(builder, [*gate, first, second, into_a], into_b, table[cut:])
    builder.gate("x", [second], controls=((into_b, 1),))
    g, s, c, b, a = np.ogrid[:2, :2, :2, :2, :2]
    table = more(2, 2) * g * (s - c) + (more(1, 2) - more(2, 2)) * b + (more(0, 2) - more(1, 2)) * a * s
    turn_clean(builder, [*gate, second, third, into_b, into_a], into_c, table[cut:])
    builder.gate("x", [third], controls=((into_c, 1),))
    trees = tree_angles(offset[np.newaxis, :])
    for flag, slot in zip((into_a, into_b, into_c), slots, strict=True):
        write_slot(builder, flag, slot, trees)
    g, f, s, c, b = np.ogrid[:2, :2, :2, :2, :2]
    table = fewer(1, 1) * g * (f - s) + fewer(2, 1) * b + (fewer(3, 1) - fewer(2, 1)) * b * c
    turn_last(builder, [*gate, *flags, into_b], into_a, table[cut:])
    g, s, c, w = np.ogrid[:2, :2, :2, :2]
    table = fewer(2, 2) * g * (s - c) + fewer(3, 2) * w
    turn_last(builder, [*gate, second, third, into_c], into_b, table[cut:])
    turn_last(builder, [*gate, third], into_c, [0.0, fewer(3, 3)])
    return builder.build()


def _system(start: int, p: int) -> tuple[list[int], list[range]]:
    """Flags and slots, first to third, of a register [third, C..., second, B..., first, A...]."""
    flags = [start + k * (p + 1) for k in (2, 1, 0)]
    return flags, [range(flag + 1, flag + 1 + p) for flag in flags]


def _dump(
    builder: CircuitBuilder,
    selects: Sequence[int],
    dump: int,
    slot: Sequence[int],
    keep: RealArray,
    *,
    emptied: bool,
) -> None:
    """Dump by the angles `keep`, or where the slot is taken by nothing, or all but |0> if it is to be emptied.

    Selects are [gate?, flag of the slot, taken]; with a gate whatever is in a slot not in use is dumped too.
    """
    lost = np.where(np.arange(keep.size) == 0, 0.0, math.pi)
    other = lost if emptied else np.zeros_like(keep)
    if len(selects) == 2:
        table = np.concatenate([keep, other])
        turn_clean(builder, [selects[1], *slot], dump, table, projected=True)
    elif emptied:
        # In use and not taken, or neither: where both angles are 0 at |0>, anything goes that makes a sum.
        gate, flag, taken = np.ogrid[:2, :2, :2]
        own = (flag ^ taken)[..., np.newaxis]
        table = lost * (1 - own) + keep * (gate[..., np.newaxis] + own - 1)
        turn_clean(builder, [*selects, *slot], dump, table, projected=True)
    else:
        turn_clean(builder, [*selects, *slot], dump, seal(keep, other), projected=True)
