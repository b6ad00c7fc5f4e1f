"""The exact Carleman step of a constant-coefficient map: cost grows with the logarithm of the size.

Registers, most significant first: [second, B..., A...]. Degree 1 stands in slot A, B being |0>; degree 2, in A
and B, is a tensor whose symmetric part is b v (x) v, b being the balance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import margolus
from qgd_core.circuit.turns import chain_angles, chained_turn, turn
from qgd_core.encodings.action import Action, operator, transposed
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.layouts import StencilLayout
from qgd_core.encodings.toeplitz import act_by_diagonals, checked_diagonals
from qgd_core.errors import ConfigError
from qgd_core.oracles.shifts import Shift, shift_by_label

_ASSEMBLED = 9
_GATED_EXTRA = 14  # CX more under a control


def encode_stencil(
    diagonals: Mapping[int, float], square: float, n_slot: int, balance: float = 1.0
) -> BlockEncoding:
    """Encode the exact Carleman step of order 2 of v -> W v + square * v^2, entry by entry, W constant on diagonals.

    Arguments: diagonals of W, value by column less row, magnitudes of keys below 2**n_slot; square; n_slot, qubits of
    a slot; balance b > 0, the weight of degree 2: the vector is (v, b v (x) v).
    Result: an encoding of [[W, C / b], [0, W (x) W]], exact to rounding on the supported states, about 22 n_slot CX
    for a tridiagonal W. alpha is the norm of [[w, |square| / b], [0, w^2]], w = sum |diagonals|. Nothing of size
    2**n_slot is made; `target` is a LinearOperator above 2**9 rows.
    Raises: ConfigError when a diagonal is out of range, a number is not finite, or all are zero.
    Source: block rows 1 and 2 of Eq 5 of arXiv:2303.03428; the construction is derived here.
    """
    kept = checked_diagonals(diagonals, n_slot)
    if not math.isfinite(square):
        raise ConfigError(f"square is {square}, it must be finite.", subject="square", value=square)
    if not (math.isfinite(balance) and balance > 0.0):
        raise ConfigError(f"balance is {balance}, it must be positive.", subject="balance", value=balance)
    plan = _Plan(kept, square / balance, n_slot)
    return BlockEncoding(
        method="stencil",
        target=_target(kept, square / balance, n_slot),
        alpha=plan.alpha,
        n_system=2 * n_slot + 1,
        n_ancilla=plan.n_projected + plan.shift.n_carries + 1,
        eps=1e-13 * plan.alpha,
        two_qubit=plan.two_qubit,
        rotations=16 * (len(plan.labels) - 1) + 8,
        build=plan.build,
        restored=plan.shift.n_carries + 1,
        layout=StencilLayout(n_slot),
        build_gated=lambda: plan.build(gated=True),
        gate_extra=_GATED_EXTRA,
    )


@dataclass(frozen=True)
class _Plan:
    diagonals: Mapping[int, float]
    lowering: float
    n_slot: int

    @cached_property
    def labels(self) -> list[int]:
        """Diagonals by label: first none, then at least the one that takes 1 away, which tests a slot for zero."""
        return [0, 1, *(d for d in self.diagonals if d not in (0, 1))]

    @cached_property
    def shift(self) -> Shift:
        """The move of a slot by one-hot labels, sums outside it flagged."""
        return shift_by_label([-d for d in self.labels[1:]], self.n_slot, flagged=True)

    @cached_property
    def weight(self) -> float:
        """The sum of the diagonals' magnitudes."""
        return math.fsum(map(abs, self.diagonals.values()))

    @cached_property
    def alpha(self) -> float:
        """The norm of [[weight, lowering], [0, weight**2]]."""
        blocks = [[self.weight, abs(self.lowering)], [0.0, self.weight**2]]
        return float(np.linalg.norm(blocks, 2))

    @cached_property
    def lower(self) -> tuple[float, float]:
        """Amplitudes of the label "lower the degree" on columns of degree 2 and on rows of degree 1.

        At alpha the remainders are exactly the amplitudes w^2 / alpha and w / alpha of the labels that keep it.
        """
        kept = np.array([self.weight**2, self.weight]) / self.alpha
        larger = int(kept.argmin())
        found = np.zeros(2)
        found[larger] = math.sqrt(max(0.0, (1.0 - kept[larger]) * (1.0 + kept[larger])))
        if self.lowering:
            found[1 - larger] = min(1.0, abs(self.lowering) / (self.alpha * found[larger]))
        else:
            found[1 - larger] = 0.0
        return float(found[0]), math.copysign(float(found[1]), self.lowering)

    @property
    def n_projected(self) -> int:
        """The lowering flag, and for each slot its labels and overflow flags."""
        return 1 + 2 * (len(self.labels) - 1 + self.shift.n_flags)

    @property
    def two_qubit(self) -> int:
        """Upper bound on CX."""
        k = len(self.labels) - 1
        return 2 * self.shift.ops.two_qubit + 4 * self.n_slot + 2 * k * (k + 3) + k + 8

    def build(self, gated: bool = False) -> Circuit:
        """A circuit on [gate?, down, labels and flags of A, of B, carries..., both, second, B..., A...]."""
        wires, k, p = itertools.count(), len(self.labels) - 1, self.n_slot
        gate = [next(wires)] if gated else []
        down = next(wires)
        labels, flags = [], []
        for _ in range(2):
            labels.append([next(wires) for _ in range(k)])
            flags.append([next(wires) for _ in range(self.shift.n_flags)])
        carries = [next(wires) for _ in range(self.shift.n_carries)]
        both = next(wires)
        second, slot_b = next(wires), [next(wires) for _ in range(p)]
        slot_a = [next(wires) for _ in range(p)]
        builder = CircuitBuilder("stencil_step", next(wires))
        lower_in, lower_out = (2.0 * math.asin(amplitude) for amplitude in self.lower)

        turn(builder, [*gate, second], down, _last_of([0.0, lower_in], gated), before=[*gate, second])
        # From here `second` and the gate say which slots move; `second` is already the degree of the row.
        builder.gate("x", [second], controls=((down, 1),))
        moves: list[tuple[int, int]] = [(down, 0), (second, 1)]
        if gated:
            builder.gate("x", [gate[0]], controls=((down, 1),))
            builder.call(margolus(), [gate[0], second, both])
            moves = [(gate[0], 1), (both, 1)]
        signs = np.where(self.entries < 0.0, -1.0, 1.0)
        for own, move in zip(labels, moves, strict=True):
            self._prepare(builder, move, own, signs, None)
        # Lowered, slot B must equal slot A: their difference must be 0, which taking 1 away flags.
        for a, b in zip(slot_a, slot_b, strict=True):
            builder.call(margolus(), [down, a, b])
        builder.gate("x", [labels[1][0]], controls=((down, 1),))
        for own, marks, slot in zip(labels, flags, (slot_a, slot_b), strict=True):
            self.shift.ops.emit(builder, [*own, *slot, *marks, *carries])
        after = {0} if self.shift.filled is None else {0, self.shift.filled}
        for target in [*(labels[1][label] for label in after), flags[1][0], *slot_b]:
            builder.gate("x", [target], controls=((down, 1),))
        unprepare = CircuitBuilder("labels", builder.n_qubits)
        for own, move in zip(labels, moves, strict=True):
            self._prepare(unprepare, move, own, np.ones(k + 1), self.shift.filled)
        builder.call(unprepare.build(), range(builder.n_qubits), adjoint=True)
        if gated:
            builder.call(margolus(), [gate[0], second, both], adjoint=True)
            builder.gate("x", [gate[0]], controls=((down, 1),))
        turn(builder, [*gate, second], down, _last_of([-lower_out, 0.0], gated), after=[*gate, second])
        return builder.build()

    @cached_property
    def entries(self) -> RealArray:
        """The diagonals' values by label."""
        return np.array([self.diagonals.get(d, 0.0) for d in self.labels])

    def _prepare(
        self,
        builder: CircuitBuilder,
        move: tuple[int, int],
        labels: Sequence[int],
        signs: RealArray,
        filled: int | None,
    ) -> None:
        """Write the labels' amplitudes where the qubit `move` has its value; a label `filled` is 1 for all others."""
        amplitudes = np.sqrt(np.abs(self.entries) / self.weight) * signs
        order = [label for label in range(len(labels)) if label != filled]
        order += [] if filled is None else [filled]
        angles = chain_angles(amplitudes[[0, *(label + 1 for label in order)], np.newaxis])
        qubit, value = move
        for place, label in enumerate(order):
            table = np.zeros(2)
            table[value] = angles[place, 0]
            if place == 0:
                turn(builder, [qubit], labels[label], table, before=[qubit])
            else:
                before = [labels[other] for other in order[:place]]
                chained_turn(builder, [qubit], labels[label], table, before, fill=label == filled)


def _last_of(angles: list[float], gated: bool) -> list[float]:
    """The angles, with as many zeros in front where a gate stands before their selects."""
    return [0.0] * len(angles) * gated + angles


def _target(diagonals: Mapping[int, float], lowering: float, n_slot: int) -> Action:
    """The step on the supported states."""
    size = 2**n_slot
    linear = act_by_diagonals(diagonals, n_slot)
    dimension = 2 * size**2

    def apply(x: RealArray, move: Action, *, back: bool) -> RealArray:
        lifted = x.reshape(2, size, size)
        moved = np.zeros_like(lifted)
        moved[0, 0] = move @ lifted[0, 0]
        moved[1] = (move @ (move @ lifted[1]).T).T
        if back:
            moved[1] += lowering * np.diag(lifted[0, 0])
        else:
            moved[0, 0] += lowering * np.diagonal(lifted[1])
        return moved.reshape(x.shape)

    if n_slot > _ASSEMBLED:
        back = transposed(linear)
        return operator(
            dimension, lambda x: apply(x, linear, back=False), lambda x: apply(x, back, back=True)
        )
    index = np.arange(size)
    square = sp.csr_array((np.full(size, lowering), (index, index * (size + 1))), shape=(size, size**2))
    compact = sp.coo_array(sp.block_array([[linear, square], [None, sp.kron(linear, linear)]]))
    places = np.concatenate([index, size**2 + np.arange(size**2)])
    rows, columns = compact.coords
    whole = sp.csr_array((compact.data, (places[rows], places[columns])), shape=(dimension, dimension))
    whole.eliminate_zeros()
    return whole
