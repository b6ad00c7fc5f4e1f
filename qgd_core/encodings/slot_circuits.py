"""Circuits of a quadratic Carleman step in slots: contract (the homogeneous part) and append (the offset)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import margolus
from qgd_core.circuit.rotation import controlled_rotation, orthogonal, rotation_cost, rotation_turns
from qgd_core.circuit.turns import turn
from qgd_core.encodings.slot_levels import Levels
from qgd_core.encodings.slot_turns import seal, turn_clean, turn_last
from qgd_core.state.prepare import prepare


@dataclass(frozen=True)
class Contraction:
    """v -> w * v + sum_q c_q x_q (y_q . v)^2 in slot order, padded; w[0] has the largest magnitude.

    directions are the y_q, images the x_q, None where they are the same.
    """

    multipliers: RealArray
    weights: RealArray
    directions: RealArray
    levels: Levels
    images: RealArray | None = None

    @property
    def n_terms(self) -> int:
        """Qubits that hold q."""
        count: int = self.weights.size
        return max(0, count - 1).bit_length()

    def n_ancilla(self, n_slot: int) -> int:
        """Lowering flag, q, one dump a slot, and the copy of slot A."""
        return 1 + self.n_terms + 2 + n_slot if self.weights.size else 3

    def two_qubit(self, n_slot: int) -> int:
        """Upper bound on CX."""
        size, terms = 1 << n_slot, 1 << self.n_terms
        if not self.weights.size:
            return 2 * size + 2
        tree = terms * (size - 1)
        spared = n_slot if self.n_terms else 0
        # A tree of images takes `lower` as one more select, and meets nothing that would spare a gate.
        own = 0 if self.images is None else tree + 2 * spared
        return 2 * max(0, terms - 2) + 4 * tree - n_slot - 2 * spared + own + 4 * size + 3 * n_slot + 3


def contract(part: Contraction, n_slot: int, gated: bool = False, sealed: bool = False) -> Circuit:
    """Encode the homogeneous part of the step on degrees of length (1, first, second), with norm 1.

    Arguments: part; n_slot, p; gated, to put a control in front, at 0 for the identity; sealed, to reject states
    that hold an index in a slot not in use.
    Result: a circuit on [lower, q..., dump_b, dump_a, copy..., second, B..., first, A...], exact to rounding.
    The label "lower" takes degree 2 to 1: it projects slot B on y_q, and takes slot A from y_q to x_q.
    Raises: nothing.
    Source: A = alpha L^dagger T R with labels on degrees; slot A's y_q meets its inverse, so it needs no control
    where x_q is the same.
    """
    p, n_terms, levels = n_slot, part.n_terms, part.levels
    cubic = part.weights.size > 0
    wires = itertools.count()
    gate = [next(wires)] if gated else []
    lower = next(wires)
    terms = [next(wires) for _ in range(n_terms)]
    dump_b, dump_a = next(wires), next(wires)
    copies = [next(wires) for _ in range(p if cubic else 0)]
    second, slot_b = next(wires), [next(wires) for _ in range(p)]
    first, slot_a = next(wires), [next(wires) for _ in range(p)]
    builder = CircuitBuilder("contract", first + p + 1)

    if part.multipliers[0] < 0.0:
        for flag in (first, second):
            builder.gate("z", [flag], controls=tuple((g, 1) for g in gate))
    factors = part.multipliers / (part.multipliers[0] or 1.0)
    factors[0] = 1.0
    keep = 2.0 * np.arccos(np.clip(factors, -1.0, 1.0))
    angle = 2.0 * math.asin(levels.lower_in)
    turn_clean(builder, [*gate, second], lower, [0.0, angle])
    slots = ((second, dump_b, slot_b), (first, dump_a, slot_a))
    if not cubic:
        for flag, dump, slot in slots:
            if sealed:
                turn_clean(builder, [*gate, flag, *slot], dump, seal(keep), projected=True)
            else:
                turn_clean(builder, [*gate, *slot], dump, keep, projected=True)
    else:
        trees = tree_angles(_padded(part.directions, n_terms))
        shares = prepare(np.sqrt(_padded(part.weights, n_terms)), "terms") if terms else None
        if shares is not None:
            builder.call(shares, terms)
        for level in reversed(range(p)):
            angles = np.stack([np.zeros_like(trees[level]), -trees[level]])
            turn(builder, [lower, *terms, *slot_b[:level]], slot_b[level], angles, after=[lower])
        fill = np.where(np.arange(2**p) == 0, 2.0 * math.acos(levels.fill), math.pi)
        # Gated, `lower` is 1 only where the gate is: the angles of the other case are free, and make sums.
        for (flag, dump, slot), other in zip(slots, (fill, np.zeros(2**p)), strict=True):
            if sealed:
                turn_clean(builder, [*gate, flag, lower, *slot], dump, seal(keep, other), projected=True)
            else:
                table = [np.zeros(2**p), other - keep, keep, other] if gated else [keep, other]
                turn_clean(builder, [*gate, lower, *slot], dump, table, projected=True)
        # A gate of the first tree's end meets its own of the last one's beginning, where both are the same.
        spared = terms[:1] if part.images is None else ()
        for level in reversed(range(p)):
            turn(builder, [*terms, *slot_a[:level]], slot_a[level], -trees[level], after=spared)
        for held, copy in zip(slot_a, copies, strict=True):
            builder.call(margolus(), [lower, held, copy])
        images = None if part.images is None else tree_angles(_padded(part.images, n_terms))
        for level in range(p):
            selects = [*terms, *slot_a[:level]]
            if images is None:
                turn(builder, selects, slot_a[level], trees[level], before=spared)
            else:
                turn(builder, [lower, *selects], slot_a[level], np.stack([trees[level], images[level]]))
        builder.gate("x", [second], controls=((lower, 1),))
    angle = -2.0 * math.asin(levels.lower_out)
    turn_last(builder, [*gate, first, second], lower, [0.0, -angle, angle, 0.0])
    if cubic and shares is not None:
        builder.call(shares, terms, adjoint=True)
    return builder.build()


def rotate_slots(frame: RealArray) -> Circuit:
    """Turn every slot in use by an orthogonal matrix, shape (2**p, 2**p): on [second, B..., first, A...].

    Two qubits are turned under their flag; an idle slot of others is turned too, from the state that this brings
    back to |0>. A matrix of determinant -1 costs a sign more.
    """
    p = frame.shape[0].bit_length() - 1
    builder = CircuitBuilder("rotate_slots", 2 * p + 2)
    turned, sign = orthogonal(frame, "slot_frame")
    under_flag = p == 2 and sign > 0.0
    idle = tree_angles(frame[:1])
    for flag, slot in ((p + 1, range(p + 2, 2 * p + 2)), (0, range(1, p + 1))):
        if under_flag:
            builder.call(controlled_rotation(frame, "slot_frame"), [flag, *slot])
            continue
        builder.gate("x", [flag])
        write_slot(builder, flag, slot, idle)
        builder.gate("x", [flag])
        builder.call(turned, slot)
        if sign < 0.0:
            builder.gate("diagonal", slot, [0.0] * (2**p - 1) + [math.pi])
    return builder.build()


def rotate_cost(frame: RealArray) -> tuple[int, int]:
    """CX and rotations of `rotate_slots` at most."""
    size, reflected = len(frame), np.linalg.det(frame) < 0.0
    p = size.bit_length() - 1
    if p == 2 and not reflected:
        return 12, 28
    sign = int(reflected)
    two_qubit = rotation_cost(p) + 2 * size - 2 - p + sign * (size - 2)
    return 2 * two_qubit, 2 * (rotation_turns(p) + 2 * size - 2 + sign * (size - 1))


def lifted_start(slot: RealArray, balance: float) -> Circuit:
    """Prepare the unit vector along (1, v, balance * v (x) v): the degrees, then a copy of v a slot in use.

    Arguments: slot, v in slot order, shape (2**p,); balance.
    Result: a circuit on [second, B..., first, A...], exact to rounding; `lifted_start_cost` CX at most.
    Raises: nothing.
    Source: a register of degrees and controlled copies of v, arXiv:2303.03428.
    """
    p, size = slot.size.bit_length() - 1, float(np.linalg.norm(slot))
    second, slot_b, first, slot_a = 0, range(1, 1 + p), 1 + p, range(2 + p, 2 + 2 * p)
    builder = CircuitBuilder("carleman_start", 2 * p + 2)
    higher = balance * size**2
    builder.gate("ry", [first], [2.0 * math.atan2(math.hypot(size, higher), 1.0)])
    turn(builder, [first], second, [0.0, 2.0 * math.atan2(higher, size)], before=[first])
    for flag, register in ((first, slot_a), (second, slot_b)):
        write_slot(builder, flag, register, tree_angles(slot[np.newaxis, :]))
    return builder.build()


def lifted_start_cost(n_slot: int) -> int:
    """CX of `lifted_start`, one less than its rotations."""
    return 1 + 2 * (2 * ((1 << n_slot) - 1) - n_slot)


def append(offset: RealArray, levels: Levels, gated: bool = False) -> Circuit:
    """Encode v -> v + f in slots, (1, first, second) being the lengths of the degrees before it.

    Arguments: offset f in slot order, shape (2**p,), not zero; levels; gated, as for `contract`.
    Result: a circuit on [first_flag, second_flag, second, B..., first, A...], alpha = levels.alpha, exact to
    rounding: degree 2 becomes x (x) x + 2 f (x) x + f (x) f, times the balance.
    Raises: nothing.
    Source: as `contract`; the same amplitudes on one side make the angle of f (x) f a sum.
    """
    p = offset.size.bit_length() - 1
    gate = [0] if gated else []
    into_a, into_b, second, *slots = range(len(gate), len(gate) + 2 * p + 4)
    slot_b, first, slot_a = slots[:p], slots[p], slots[p + 1 :]
    trees = tree_angles(offset[np.newaxis, :])
    builder = CircuitBuilder("append", len(gate) + 2 * p + 4)
    turn_clean(builder, [*gate, first], into_a, [2.0 * math.asin(levels.first_in), 0.0])
    builder.gate("x", [first], controls=((into_a, 1),))
    angle = 2.0 * math.asin(levels.second_in)
    turn_clean(builder, [*gate, first, second], into_b, [0.0, -angle, angle, 0.0])
    builder.gate("x", [second], controls=((into_b, 1),))
    for flag, slot in ((into_a, slot_a), (into_b, slot_b)):
        write_slot(builder, flag, slot, trees)
    one, both = -2.0 * math.asin(levels.first_out), -2.0 * math.asin(levels.both_out)
    rows = np.array([0.0, -one, one, 0.0])[:, np.newaxis] + np.array([0.0, both])
    # Gated, into_b is 1 only where the gate is.
    table = [np.tile([0.0, both], 4), rows.ravel()] if gated else rows
    selects = [*gate, first, second, into_b]
    turn(builder, selects, into_a, table, after=selects)
    turn_last(builder, [*gate, second], into_b, [0.0, -2.0 * math.asin(levels.second_out)])
    return builder.build()


def dump_constant(alpha: float, n_slot: int, gated: bool = False) -> Circuit:
    """Encode diag(1, alpha, alpha) / alpha on the degrees, on [flag, second, B..., first, A...]."""
    gate = [0] if gated else []
    flag, first = len(gate), len(gate) + 2 + n_slot
    builder = CircuitBuilder("dump_constant", len(gate) + 2 * n_slot + 3)
    turn_clean(builder, [*gate, first], flag, [2.0 * math.acos(1.0 / alpha), 0.0], projected=True)
    return builder.build()


def _padded(rows: RealArray, n_bits: int) -> RealArray:
    """The rows with zero rows up to 2**n_bits."""
    return np.concatenate([rows, np.zeros((2**n_bits - rows.shape[0], *rows.shape[1:]))])


def tree_angles(rows: RealArray) -> list[RealArray]:
    """Angles of the Ry trees that take |0> to each row, level by level: shape (number of rows * 2**level,)."""
    count, size = rows.shape
    p = size.bit_length() - 1
    trees = []
    for level in range(p):
        halves = rows.reshape(count, 2**level, 2, -1)
        parts = halves[..., 0] if level == p - 1 else np.linalg.norm(halves, axis=-1)
        trees.append((2.0 * np.arctan2(parts[..., 1], parts[..., 0])).reshape(-1))
    return trees


def write_slot(builder: CircuitBuilder, flag: int, slot: Sequence[int], trees: list[RealArray]) -> None:
    """Write a vector into a slot where the flag is 1; the slot is then |0>, and untouched where it is 0."""
    for level, angles in enumerate(trees):
        both = np.stack([np.zeros_like(angles), angles])
        turn(builder, [flag, *slot[:level]], slot[level], both, before=[flag])
