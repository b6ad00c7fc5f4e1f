"""The continuous quadratic Carleman matrix by structure: two slots of log n qubits and a degree flag, never assembled.

Registers as in `FlowLayout`. With a source, `first` is 0 for the constant and 1 for both degrees, as in `SlotLayout`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import margolus
from qgd_core.circuit.turns import turn
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.flow_action import act_by_bands
from qgd_core.encodings.flow_bands import Bands, read_bands
from qgd_core.encodings.layouts import FlowLayout
from qgd_core.encodings.slot_circuits import tree_angles, write_slot


@dataclass(frozen=True)
class _Levels:
    """Amplitudes of the labels by degree: columns and rows of [[f, f1, f2], [0, f0, 2 f1]] with Perron weights."""

    alpha: float
    raise_in: float
    lower_in: float
    lower_out: float
    raise_out: float
    first_out: float

    @classmethod
    def weigh(cls, linear: float, quadratic: float, constant: float, first: float) -> _Levels:
        blocks = np.array([[first, linear, quadratic], [0.0, constant, 2.0 * linear]])
        left, values, right = np.linalg.svd(blocks, full_matrices=False)
        u, v = np.abs(left[:, 0]), np.abs(right[0, 1:])
        if not (quadratic or constant):
            u = v = np.ones(2)
        keep = np.array([linear, 2.0 * linear]) / values[0]
        first_out = first / float(values[0])
        raise_in, lower_in = np.sqrt(1.0 - np.clip(keep * u / v, 0.0, 1.0))
        lower_out, raise_out = np.sqrt(np.clip(1.0 - keep * v / u - [first_out**2, 0.0], 0.0, 1.0))
        ways = (float(raise_in), float(lower_in), float(lower_out), float(raise_out))
        return cls(float(values[0]), *ways, first_out)

    @property
    def lowered_angle(self) -> float:
        """The angle that joins the rows of degree 1 that keep it and that are lowered to it."""
        keep = math.sqrt(max(0.0, 1.0 - self.lower_out**2 - self.first_out**2))
        return 2.0 * math.atan2(self.lower_out, keep)


def encode_flow(field: PolynomialField, scale: float = 1.0, *, sourced: bool = False) -> BlockEncoding:
    """Encode the continuous Carleman matrix of order 2 from F0, F1 and F2, by slot algebra.

    Arguments: field, F1 tridiagonal and not zero, F2 of monomials u_i u_j in row i with |i - j| <= 1; scale g > 0,
    the coordinates are g u and its tensor square; sourced, to adjoin a constant 1 whose column is g F0.
    Result: an encoding of [[F1, F2], [F0 (x) I + I (x) F0, F1 (x) I + I (x) F1]] on the supported states, exact to
    rounding; about 14 n CX. alpha is the norm of the degrees' weights [[|F1|, |G|], [2 |F0| / k, 2 |F1|]], where
    F2(u, u)_i = u_i (G u)_i, norms are those of entrywise absolute values, and k, near the largest row amplitude of
    F1, is at most 1: within 1.05 of the matrix's norm up to |F2| = |F1| / 3 with two monomials a row, a quarter
    with three, and up to 1.4 and 1.7 of it beyond, since only pairs of neighbours are lowered while every pair
    leaves room for it. A source makes degree 1's row (|F0| / k, |F1|, |G|), for one qubit and at most 13 CX more.
    Monomials u_j u_i are taken as u_i u_j: the same on symmetric tensors. The adjoint keeps to the supported
    states too.
    Raises: ConfigError when F1 or F2 has another pattern.
    Source: Eq 3.2 of Liu et al., arXiv:2011.03185; the construction is derived here.
    """
    bands = read_bands(field, scale)
    size = float(np.linalg.norm(bands.offset))
    raised = size / abs(bands.pivot.amplitude)
    first = raised if sourced else 0.0
    levels = _Levels.weigh(bands.linear.alpha, bands.quadratic.alpha, 2.0 * raised, first)
    plan = _Plan(bands, levels, sourced)
    layout = FlowLayout(bands.n, sourced)
    return BlockEncoding(
        method="slot_flow",
        target=act_by_bands(bands, layout),
        alpha=levels.alpha,
        n_system=2 * bands.n_slot + 1 + sourced,
        n_ancilla=plan.n_ancilla,
        eps=1e-13 * levels.alpha,
        two_qubit=plan.two_qubit,
        rotations=plan.two_qubit + 30 * bands.n_slot + 40,
        build=plan.build,
        restored=bands.shift.n_carries + 1,
        layout=layout,
        build_gated=lambda: plan.build(gated=True),
        gate_extra=plan.gate_extra,
    )


@dataclass(frozen=True)
class _Plan:
    bands: Bands
    levels: _Levels
    sourced: bool

    @cached_property
    def n_ancilla(self) -> int:
        """A check a qubit, two flags, the slot that takes part, two labels; the carries and a gate's, restored."""
        return 6 + self.bands.n_slot + self.bands.shift.n_carries

    @property
    def two_qubit(self) -> int:
        """Upper bound on CX."""
        p, size = self.bands.n_slot, 1 << self.bands.n_slot
        pivot = self.bands.pivot
        flips = (pivot.moved ^ pivot.row).bit_count() + pivot.row.bit_count()
        return 24 * p + self.bands.shift.ops.two_qubit + 14 * size + 19 + flips + 13 * self.sourced

    @property
    def gate_extra(self) -> int:
        """Upper bound on the CX, and on the rotations, that a gate adds: half of the rows' labels, and a few flags."""
        return 3 * (1 << self.bands.n_slot) + 34

    def build(self, gated: bool = False) -> Circuit:
        """A circuit on [gate?, checks..., up, down, other, labels..., carries..., move, second, B..., first?, A...]."""
        bands, levels, p = self.bands, self.levels, self.bands.n_slot
        wires = itertools.count()
        gate = [next(wires)] if gated else []
        checks = [next(wires) for _ in range(p)]
        up, down, other = next(wires), next(wires), next(wires)
        labels = [next(wires) for _ in range(2)]
        carries = [next(wires) for _ in range(bands.shift.n_carries)]
        move = next(wires)
        second, slot_b = next(wires), [next(wires) for _ in range(p)]
        first_flag = [next(wires) for _ in range(self.sourced)]
        slot_a = [next(wires) for _ in range(p)]
        builder = CircuitBuilder("carleman_flow", next(wires))

        def held(angles: ArrayLike) -> RealArray:
            """The angles, after as many zeros where a gate stands before their selects."""
            table = np.asarray(angles, dtype=np.float64)
            return np.concatenate([np.zeros_like(table), table]) if gated else table

        # Columns: raise the constant and degree 1, lower degree 2, and which slot takes part.
        half, whole = math.pi / 2, math.pi
        from_constant = [whole, whole] * self.sourced
        raise_in = held([*from_constant, 2.0 * math.asin(levels.raise_in), 0.0])
        _clean(builder, [*gate, *first_flag, second], up, raise_in)
        _clean(builder, [*gate, second], down, held([0.0, 2.0 * math.asin(levels.lower_in)]))
        # Without the gate nothing is raised or lowered: what stands there makes a sum.
        g, s, u, d = np.ogrid[:2, :2, :2, :2]
        takes_part = whole * u * (1 - s) + half * s * (g - d)
        _clean(builder, [*gate, second, up, down], other, takes_part[1 - len(gate) :])
        _exchange(builder, other, slot_a, slot_b)
        # Raised, slot A must be empty.
        _check(builder, up, slot_a, checks)
        first, then = bands.column_angles()
        _clean(builder, [down, *slot_a], labels[0], first)
        _clean(builder, [down, labels[0], *slot_a], labels[1], then)
        # Raised, the labels are those of |0>, and become the pivot's.
        turn(builder, [up, labels[0]], labels[1], [0.0, 0.0, *-then[0, :, 0]])
        turn(builder, [up], labels[0], [0.0, -first[0, 0]])
        if bands.pivot.label:
            builder.gate("x", [labels[bands.pivot.label % 2]], controls=((up, 1),))
        if gated:
            self._move(builder, gate[0], labels, move, [*slot_a, *carries])
        else:
            bands.shift.ops.emit(builder, [labels[1], labels[0], *slot_a, *carries])
        # Raised, slot A stands on the pivot, whose row keeps the pivot's label.
        _flip(builder, up, slot_a, bands.pivot.moved ^ bands.pivot.row)
        first, then = bands.row_angles(gated)
        selects = [*gate, down, labels[0], *slot_a]
        turn(builder, selects, labels[1], -then, after=selects)
        selects = [*gate, down, *slot_a]
        turn(builder, selects, labels[0], -first, after=selects)
        _flip(builder, up, slot_a, bands.pivot.row)
        # Lowered, both slots must agree, and slot A is emptied.
        for a, b in zip(slot_a, slot_b, strict=True):
            builder.call(margolus(), [down, b, a])
        _check(builder, down, slot_a, checks)
        for target in (other, second):
            builder.gate("x", [target], controls=((down, 1),))
        if np.any(bands.offset):
            force = bands.offset * math.copysign(1.0, bands.pivot.amplitude)
            write_slot(builder, up, slot_a, tree_angles(force[np.newaxis, :]))
        if self.sourced:
            _raise_degree(builder, up, first_flag[0], second)
            turn(builder, [up, second], other, [0.0, 0.0, -whole, -half])
        else:
            builder.gate("x", [second], controls=((up, 1),))
            turn(builder, [up], other, [0.0, -half])
        _exchange(builder, other, slot_a, slot_b)
        builder.gate("x", [other], controls=((down, 1),))
        # Rows.
        selects = [*gate, second]
        turn(builder, selects, other, held([0.0, -half]), after=selects)
        raise_out = 2.0 * math.asin(levels.raise_out)
        if self.sourced:
            chosen = [*gate, up, second]
            turn(builder, chosen, down, held([-levels.lowered_angle, 0.0, 0.0, 0.0]), after=chosen)
            turn(builder, selects, up, held([-2.0 * math.asin(levels.first_out), raise_out]), after=selects)
        else:
            turn(builder, selects, down, held([-levels.lowered_angle, 0.0]), after=selects)
            turn(builder, selects, up, held([0.0, -raise_out]), after=selects)
        return builder.build()

    def _move(
        self, builder: CircuitBuilder, gate: int, labels: list[int], move: int, rest: list[int]
    ) -> None:
        """The shift under the gate: what moves forward is their AND, taken on a qubit of its own."""
        shift = self.bands.shift
        marked = [gate, labels[1], move]
        builder.gate("x", [labels[1]], controls=((labels[0], 1),))
        builder.call(margolus(), marked)
        builder.gate("x", [move], controls=((labels[0], 1),))
        shift.ops.emit(builder, [move, labels[0], *rest])
        if shift.filled is None:
            builder.gate("x", [move], controls=((labels[0], 1),))
        builder.call(margolus(), marked)
        if shift.filled is None:
            builder.gate("x", [labels[1]], controls=((labels[0], 1),))


def _clean(builder: CircuitBuilder, selects: list[int], target: int, angles: ArrayLike) -> None:
    """Turn a target that is |0>."""
    turn(builder, selects, target, angles, before=selects)


def _exchange(builder: CircuitBuilder, control: int, left: list[int], right: list[int]) -> None:
    """Swap two slots where the control is 1."""
    for a, b in zip(left, right, strict=True):
        builder.gate("x", [a], controls=((b, 1),))
        builder.gate("x", [b], controls=((control, 1), (a, 1)))
        builder.gate("x", [a], controls=((b, 1),))


def _check(builder: CircuitBuilder, flag: int, slot: list[int], checks: list[int]) -> None:
    """Mark where the flag is 1 and the slot is not |0>; what is marked is rejected, with any sign."""
    for qubit, check in zip(slot, checks, strict=True):
        builder.call(margolus(), [flag, qubit, check])


def _raise_degree(builder: CircuitBuilder, up: int, first: int, second: int) -> None:
    """Constant to degree 1 and, with a sign, degree 1 to degree 2, where `up` is 1."""
    builder.call(margolus(), [up, first, second])
    builder.gate("x", [second])
    builder.call(margolus(), [up, second, first])
    builder.gate("x", [second])


def _flip(builder: CircuitBuilder, control: int, slot: list[int], word: int) -> None:
    for k, qubit in enumerate(reversed(slot)):
        if word >> k & 1:
            builder.gate("x", [qubit], controls=((control, 1),))
