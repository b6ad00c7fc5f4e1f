"""The continuous quadratic Carleman matrix by structure: two slots of log n qubits and a degree flag, never assembled.

Registers, most significant first: [second, B..., first?, A...]. Degree 1 stands in slot A, B being |0>; degree 2 in A
and B. With a source, `first` is 0 for the constant and 1 for both degrees, as in `encodings.slots`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import margolus
from qgd_core.circuit.turns import turn
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.base import BlockEncoding, Matrix
from qgd_core.encodings.flow_bands import Bands, read_bands
from qgd_core.encodings.slot_circuits import tree_angles, write_slot
from qgd_core.encodings.slots import SlotLayout


@dataclass(frozen=True, eq=False, kw_only=True)
class FlowEncoding(BlockEncoding):
    """A block encoding that holds on the basis states where `supported`, shape (2**n_system,), is 1, and keeps to them."""

    supported: RealArray


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


def encode_flow(field: PolynomialField, scale: float = 1.0, *, sourced: bool = False) -> FlowEncoding:
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
    supported = _supported(bands, sourced)
    return FlowEncoding(
        method="slot_flow",
        target=_target(bands, supported, sourced),
        alpha=levels.alpha,
        n_system=2 * bands.n_slot + 1 + sourced,
        n_ancilla=plan.n_ancilla,
        eps=1e-13 * levels.alpha,
        two_qubit=plan.two_qubit,
        rotations=plan.two_qubit + 30 * bands.n_slot + 40,
        build=plan.build,
        restored=bands.shift.n_carries,
        supported=supported,
    )


@dataclass(frozen=True)
class _Plan:
    bands: Bands
    levels: _Levels
    sourced: bool

    @cached_property
    def n_ancilla(self) -> int:
        """Two flags, the slot that takes part, two labels, a check a qubit, and the carries, restored."""
        return 5 + self.bands.n_slot + self.bands.shift.n_carries

    @property
    def two_qubit(self) -> int:
        """Upper bound on CX."""
        p, size = self.bands.n_slot, 1 << self.bands.n_slot
        pivot = self.bands.pivot
        flips = (pivot.moved ^ pivot.row).bit_count() + pivot.row.bit_count()
        return 24 * p + self.bands.shift.ops.two_qubit + 14 * size + 19 + flips + 13 * self.sourced

    def build(self) -> Circuit:
        """A circuit on [up, down, other, labels..., checks..., carries..., second, B..., first?, A...]."""
        bands, levels, p = self.bands, self.levels, self.bands.n_slot
        wires = itertools.count()
        up, down, other = next(wires), next(wires), next(wires)
        labels = [next(wires) for _ in range(2)]
        checks = [next(wires) for _ in range(p)]
        carries = [next(wires) for _ in range(bands.shift.n_carries)]
        second, slot_b = next(wires), [next(wires) for _ in range(p)]
        first_flag = [next(wires) for _ in range(self.sourced)]
        slot_a = [next(wires) for _ in range(p)]
        builder = CircuitBuilder("carleman_flow", next(wires))

        # Columns: raise the constant and degree 1, lower degree 2, and which slot takes part.
        half, whole = math.pi / 2, math.pi
        from_constant = [whole, whole] * self.sourced
        _clean(builder, [*first_flag, second], up, [*from_constant, 2.0 * math.asin(levels.raise_in), 0.0])
        _clean(builder, [second], down, [0.0, 2.0 * math.asin(levels.lower_in)])
        _clean(builder, [second, up, down], other, [0.0, 0.0, whole, whole, half, 0.0, half, 0.0])
        _exchange(builder, other, slot_a, slot_b)
        # Raised, slot A must be empty.
        _check(builder, up, slot_a, checks)
        first, then = bands.column_angles()
        _clean(builder, [down, *slot_a], labels[0], first)
        _clean(builder, [labels[0], down, *slot_a], labels[1], then)
        # Raised, the labels are those of |0>, and become the pivot's.
        idle = then.reshape(2, -1)[:, 0]
        turn(builder, [up, labels[0]], labels[1], [0.0, 0.0, *-idle])
        turn(builder, [up], labels[0], [0.0, -first[0]])
        if bands.pivot.label:
            builder.gate("x", [labels[bands.pivot.label % 2]], controls=((up, 1),))
        bands.shift.ops.emit(builder, [labels[1], labels[0], *slot_a, *carries])
        # Raised, slot A stands on the pivot, whose row keeps the pivot's label.
        _flip(builder, up, slot_a, bands.pivot.moved ^ bands.pivot.row)
        first, then = bands.row_angles()
        turn(builder, [labels[0], down, *slot_a], labels[1], -then, after=[labels[0], down, *slot_a])
        turn(builder, [down, *slot_a], labels[0], -first, after=[down, *slot_a])
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
        turn(builder, [second], other, [0.0, -half], after=[second])
        raised = 2.0 * math.asin(levels.raise_out)
        if self.sourced:
            turn(builder, [up, second], down, [-levels.lowered_angle, 0.0, 0.0, 0.0], after=[up, second])
            turn(builder, [second], up, [-2.0 * math.asin(levels.first_out), raised], after=[second])
        else:
            turn(builder, [second], down, [-levels.lowered_angle, 0.0], after=[second])
            turn(builder, [second], up, [0.0, -raised], after=[second])
        return builder.build()


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


def _supported(bands: Bands, sourced: bool) -> RealArray:
    layout = SlotLayout(tuple(range(bands.n)))
    if sourced:
        return layout.supported
    return layout.supported.reshape(2, bands.size, 2, bands.size)[:, :, 1].reshape(-1)


def _target(bands: Bands, supported: RealArray, sourced: bool) -> Matrix:
    """The matrix in slots; slot A is the last factor, and the first one of a monomial stands in slot B."""
    one = sp.csr_array(sp.eye_array(bands.n))
    rows = sp.coo_array(bands.quadratic.matrix)
    i, j = rows.coords
    quadratic = sp.csr_array((rows.data, (i, i * bands.n + j)), shape=(bands.n, bands.n**2))
    column, linear = sp.csr_array(bands.offset[: bands.n, np.newaxis]), bands.linear.matrix
    source = sp.csr_array(sp.kron(column, one) + sp.kron(one, column))
    both = sp.csr_array(sp.kron(linear, one) + sp.kron(one, linear))
    whole = sp.csr_array(sp.block_array([[linear, quadratic], [source, both]]))
    if sourced:
        entry = sp.csr_array(sp.vstack([column, sp.csr_array((bands.n**2, 1))]))
        whole = sp.csr_array(sp.block_array([[sp.csr_array((1, 1)), None], [entry, whole]], format="csr"))
    compact, places = sp.coo_array(whole), np.flatnonzero(supported)
    row, column_of = compact.coords
    found = sp.csr_array((compact.data, (places[row], places[column_of])), shape=(supported.size,) * 2)
    found.eliminate_zeros()
    return found
