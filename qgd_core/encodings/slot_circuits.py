"""Circuits of a quadratic Carleman step in slots: contract (the homogeneous part) and append (the offset)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import turn
from qgd_core.encodings.slot_levels import Levels
from qgd_core.state.prepare import prepare


@dataclass(frozen=True)
class Contraction:
    """v -> w * v + sum_q c_q y_q (y_q . v)^2 in slot order, padded; w[0] has the largest magnitude."""

    multipliers: RealArray
    weights: RealArray
    directions: RealArray
    levels: Levels

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
        return 4 * (size - 1) * (terms + 1) + 2 * (2 * size - 1) + 3 * n_slot + 2 * terms + 5


def contract(part: Contraction, n_slot: int) -> Circuit:
    """Encode the homogeneous part of the step on degrees of length (1, first, second), with norm 1.

    Arguments: part; n_slot, p.
    Result: a circuit on [lower, q..., dump_b, dump_a, copy..., second, B..., first, A...], exact to rounding.
    The label "lower" takes degree 2 to 1: it projects slot B on y_q, and slot A is y_q before and after.
    Raises: nothing.
    Source: A = alpha L^dagger T R with labels on degrees; slot A's y_q meets its inverse, so it needs no control.
    """
    p, n_terms, levels = n_slot, part.n_terms, part.levels
    cubic = part.weights.size > 0
    wires = iter(range(part.n_ancilla(p) + 2 * p + 2))
    lower = next(wires)
    terms = [next(wires) for _ in range(n_terms)]
    dump_b, dump_a = next(wires), next(wires)
    copies = [next(wires) for _ in range(p if cubic else 0)]
    second, slot_b = next(wires), [next(wires) for _ in range(p)]
    first, slot_a = next(wires), [next(wires) for _ in range(p)]
    builder = CircuitBuilder("contract", first + p + 1)

    if part.multipliers[0] < 0.0:
        builder.gate("z", [first])
        builder.gate("z", [second])
    factors = part.multipliers / (part.multipliers[0] or 1.0)
    factors[0] = 1.0
    keep = 2.0 * np.arccos(np.clip(factors, -1.0, 1.0))
    turn(builder, [second], lower, [0.0, 2.0 * math.asin(levels.lower_in)], before=[second])
    if not cubic:
        turn(builder, slot_b, dump_b, keep, after=slot_b)
        turn(builder, slot_a, dump_a, keep, after=slot_a)
    else:
        trees = tree_angles(_padded(part.directions, n_terms))
        shares = prepare(np.sqrt(_padded(part.weights, n_terms)), "terms") if terms else None
        if shares is not None:
            builder.call(shares, terms)
        for level in reversed(range(p)):
            angles = np.stack([np.zeros_like(trees[level]), -trees[level]])
            turn(builder, [lower, *terms, *slot_b[:level]], slot_b[level], angles, after=[lower])
        fill = np.where(np.arange(2**p) == 0, 2.0 * math.acos(levels.fill), math.pi)
        turn(builder, [lower, *slot_b], dump_b, [keep, fill], after=[lower, *slot_b])
        turn(builder, [lower, *slot_a], dump_a, [keep, np.zeros(2**p)], after=[lower, *slot_a])
        for level in reversed(range(p)):
            turn(builder, [*terms, *slot_a[:level]], slot_a[level], -trees[level], after=terms[:1])
        for held, copy in zip(slot_a, copies, strict=True):
            _conjunction(builder, lower, held, copy)
        for level in range(p):
            turn(builder, [*terms, *slot_a[:level]], slot_a[level], trees[level], before=terms[:1])
        builder.gate("x", [second], controls=((lower, 1),))
    angle = -2.0 * math.asin(levels.lower_out)
    turn(builder, [first, second], lower, [0.0, -angle, angle, 0.0], after=[first, second])
    if cubic and shares is not None:
        builder.call(shares, terms, adjoint=True)
    return builder.build()


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
        _write(builder, flag, register, tree_angles(slot[np.newaxis, :]))
    return builder.build()


def lifted_start_cost(n_slot: int) -> int:
    """CX of `lifted_start`, one less than its rotations."""
    return 1 + 2 * (2 * ((1 << n_slot) - 1) - n_slot)


def append(offset: RealArray, levels: Levels) -> Circuit:
    """Encode v -> v + f in slots, (1, first, second) being the lengths of the degrees before it.

    Arguments: offset f in slot order, shape (2**p,), not zero; levels.
    Result: a circuit on [first_flag, second_flag, second, B..., first, A...], alpha = levels.alpha, exact to
    rounding: degree 2 becomes x (x) x + 2 f (x) x + f (x) f, times the balance.
    Raises: nothing.
    Source: as `contract`; the same amplitudes on one side make the angle of f (x) f a sum.
    """
    p = offset.size.bit_length() - 1
    second, slot_b, first, slot_a = 2, range(3, 3 + p), 3 + p, range(4 + p, 4 + 2 * p)
    into_a, into_b = 0, 1
    trees = tree_angles(offset[np.newaxis, :])
    builder = CircuitBuilder("append", 2 * p + 4)
    turn(builder, [first], into_a, [2.0 * math.asin(levels.first_in), 0.0], before=[first])
    builder.gate("x", [first], controls=((into_a, 1),))
    angle = 2.0 * math.asin(levels.second_in)
    turn(builder, [first, second], into_b, [0.0, -angle, angle, 0.0], before=[first, second])
    builder.gate("x", [second], controls=((into_b, 1),))
    for flag, slot in ((into_a, slot_a), (into_b, slot_b)):
        _write(builder, flag, slot, trees)
    one, both = -2.0 * math.asin(levels.first_out), -2.0 * math.asin(levels.both_out)
    rows = np.zeros((2, 2, 2))
    rows += np.array([0.0, one])[:, None, None] + np.array([0.0, -one])[:, None] + np.array([0.0, both])
    turn(builder, [first, second, into_b], into_a, rows, after=[first, second, into_b])
    turn(builder, [second], into_b, [0.0, -2.0 * math.asin(levels.second_out)], after=[second])
    return builder.build()


def dump_constant(alpha: float, n_slot: int) -> Circuit:
    """Encode diag(1, alpha, alpha) / alpha on the degrees, on [flag, second, B..., first, A...]."""
    builder = CircuitBuilder("dump_constant", 2 * n_slot + 3)
    first = 2 + n_slot
    turn(builder, [first], 0, [2.0 * math.acos(1.0 / alpha), 0.0], before=[first], after=[first])
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


def _write(builder: CircuitBuilder, flag: int, slot: Sequence[int], trees: list[RealArray]) -> None:
    """Write a vector into a slot where the flag is 1; the slot is then |0>, and untouched where it is 0."""
    for level, angles in enumerate(trees):
        both = np.stack([np.zeros_like(angles), angles])
        turn(builder, [flag, *slot[:level]], slot[level], both, before=[flag])


def _conjunction(builder: CircuitBuilder, one: int, other: int, clean: int) -> None:
    """Write the AND of two qubits into a clean one: Margolus's gate, 3 CX, whose sign a clean target never sees."""
    for control, turns in ((other, 0.25), (one, 0.25), (other, -0.25)):
        builder.gate("ry", [clean], [turns * math.pi])
        builder.gate("x", [clean], controls=((control, 1),))
    builder.gate("ry", [clean], [-math.pi / 4])
