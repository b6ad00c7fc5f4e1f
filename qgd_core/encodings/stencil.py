"""The exact Carleman step of a constant-coefficient map: cost grows with the logarithm of the size.

Registers as in `StencilLayout`; degree d is a tensor whose symmetric part is b^(d-1) v^(x)d, b being the balance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.reversible import margolus
from qgd_core.circuit.turns import chain_angles, chained_turn, turn
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.layouts import StencilLayout
from qgd_core.encodings.stencil_action import act_by_stencil
from qgd_core.encodings.toeplitz import checked_diagonals
from qgd_core.errors import ConfigError
from qgd_core.oracles.shifts import Shift, shift_by_label

# Weights past which their products may leave float64.
_LARGEST = 1e90


def encode_stencil(
    diagonals: Mapping[int, float],
    square: float,
    n_slot: int,
    balance: float = 1.0,
    *,
    order: int = 2,
    periodic: bool = False,
) -> BlockEncoding:
    """Encode the exact Carleman step of v -> W v + square * v^2, entry by entry, W constant on diagonals.

    Arguments: diagonals of W, value by column less row, magnitudes of keys below 2**n_slot; square; n_slot, qubits of
    a slot; balance b > 0, the weight of degree 2: the vector is (v, b v (x) v, b^2 v (x) v (x) v); order, 2 or 3;
    periodic, to let the diagonals run round.
    Result: an encoding of [[W, C / b], [0, W (x) W]], or with order 3 of one more row and column, 2 W (x) C / b and
    W^(x)3, exact to rounding on the supported states, about 22 n_slot CX for a tridiagonal W at order 2 and 35 at 3.
    alpha is the norm of the blocks' weights [[w, c, 0], [0, w^2, 2 w c], [0, 0, w^3]], w = sum |diagonals| and
    c = |square| / b. Nothing of size 2**n_slot is made; `target` is a LinearOperator past 2**15 rows.
    Raises: ConfigError when a diagonal is out of range, a number is not finite, all are zero, or the order is another.
    Source: block rows of Eq 5 of arXiv:2303.03428, C twice on either side being the same on symmetric tensors; the
    construction is derived here.
    """
    kept = checked_diagonals(diagonals, n_slot)
    if periodic and len({d % 2**n_slot for d in kept}) < len(kept):
        raise ConfigError(
            f"Diagonals {sorted(kept)} meet one another on {2**n_slot} rows.", subject=diagonals
        )
    if not math.isfinite(square):
        raise ConfigError(f"square is {square}, it must be finite.", subject="square", value=square)
    if not (math.isfinite(balance) and balance > 0.0):
        raise ConfigError(f"balance is {balance}, it must be positive.", subject="balance", value=balance)
    weight = math.fsum(map(abs, kept.values()))
    if not max(weight, abs(square) / balance) < _LARGEST:
        raise ConfigError(
            f"Diagonals of sum {weight:.3g} and a square of {square:.3g} leave float64 when multiplied.",
            subject=diagonals,
            value=max(weight, abs(square) / balance),
            remedy="Scale the variables.",
        )
    if order not in (2, 3):
        raise ConfigError(
            f"order is {order}, a stencil's step has order 2 or 3.", subject="order", value=order
        )
    plan, layout = _Plan(kept, square / balance, n_slot, order, periodic), StencilLayout(n_slot, order)
    plain, gated = (cost(plan.build(gated=one)) for one in (False, True))
    return BlockEncoding(
        method="stencil",
        target=act_by_stencil(kept, square / balance, layout, periodic=periodic),
        alpha=plan.levels.alpha,
        n_system=layout.n_system,
        n_ancilla=plan.n_projected + plan.shift.n_carries + order - 1,
        eps=1e-13 * plan.levels.alpha,
        two_qubit=plain.two_qubit,
        rotations=plain.rotations,
        build=plan.build,
        restored=plan.shift.n_carries + order - 1,
        layout=layout,
        build_gated=lambda: plan.build(gated=True),
        gate_extra=max(gated.two_qubit - plain.two_qubit, gated.rotations - plain.rotations, 0),
    )


@dataclass(frozen=True)
class _Levels:
    """Amplitudes of "lower the degree", on columns of degree d + 2 and rows of degree d + 1; alpha, the blocks' norm."""

    alpha: float
    columns: tuple[float, ...]
    rows: tuple[float, ...]

    @classmethod
    def weigh(cls, weight: float, lowering: float, order: int) -> _Levels:
        keep = [weight**d for d in range(1, order + 1)]
        low = [d * abs(lowering) * weight ** (d - 1) for d in range(1, order)]
        alpha = float(np.linalg.norm(np.diag(keep) + np.diag(low, 1), 2))
        # At alpha a column's and a row's amplitudes fill one another up, from the end that falls short of it most.
        down = weight <= 1.0
        sizes, wanted = (keep[:0:-1], low[::-1]) if down else (keep[:-1], low)
        first, second, kept = [], [], 1.0
        for size, entry in zip(sizes, wanted, strict=True):
            stays = min(1.0, size / (alpha * kept))
            first.append(math.sqrt((1.0 - stays) * (1.0 + stays)))
            second.append(min(1.0, entry / (alpha * first[-1])) if entry and first[-1] else 0.0)
            kept = math.sqrt((1.0 - second[-1]) * (1.0 + second[-1]))
        columns, rows = (first[::-1], second[::-1]) if down else (second, first)
        return cls(alpha, tuple(columns), tuple(math.copysign(row, lowering) for row in rows))


@dataclass(frozen=True)
class _Plan:
    diagonals: Mapping[int, float]
    lowering: float
    n_slot: int
    order: int
    periodic: bool

    @cached_property
    def labels(self) -> list[int]:
        """Diagonals by label: first none, then at least the one that takes 1 away, which tests a slot for zero."""
        return [0, 1, *(d for d in self.diagonals if d not in (0, 1))]

    @cached_property
    def shift(self) -> Shift:
        """The move of a slot by one-hot labels, sums outside it flagged unless they run round."""
        moves = [-d for d in self.labels[1:]]
        return shift_by_label(moves, self.n_slot, flagged=not self.periodic, exact=self.periodic)

    @cached_property
    def weight(self) -> float:
        """The sum of the diagonals' magnitudes."""
        return math.fsum(map(abs, self.diagonals.values()))

    @cached_property
    def levels(self) -> _Levels:
        """How the degrees share alpha."""
        return _Levels.weigh(self.weight, self.lowering, self.order)

    @property
    def n_projected(self) -> int:
        """A lowering flag a degree, for each slot its labels and overflow flags, and checks where nothing overflows."""
        each = len(self.labels) - 1 + self.shift.n_flags
        return self.order - 1 + self.order * each + self.periodic * self.n_slot

    def build(self, gated: bool = False) -> Circuit:
        """A circuit on [gate?, lows..., labels and flags by slot, checks..., carries..., moving..., system...]."""
        wires, k, p, n = itertools.count(), len(self.labels) - 1, self.n_slot, self.order

        def take(count: int) -> list[int]:
            return [next(wires) for _ in range(count)]

        gate, lows = take(int(gated)), take(n - 1)
        marked = [(take(k), take(self.shift.n_flags)) for _ in range(n)]
        checks, carries = take(p if self.periodic else 0), take(self.shift.n_carries)
        moving = take(n - 1)
        flags, slots = [], []
        for _ in range(n - 1):
            flags.append(next(wires))
            slots.append(take(p))
        flags, slots = flags[::-1], [*slots, take(p)][::-1]
        builder = CircuitBuilder("stencil_step", next(wires))

        # Degree d + 2 is lowered where flag d is its highest; from here the flags are those of the row.
        for d, low in enumerate(lows):
            angle = 2.0 * math.asin(self.levels.columns[d])
            selects = [*gate, *flags[d : d + 2]]
            turn(builder, selects, low, _top(angle, len(selects), gated), before=selects)
        for low, flag in zip(lows, flags, strict=True):
            builder.gate("x", [flag], controls=((low, 1),))
        moves: list[tuple[int, int]] = [(lows[0], 0), *((flag, 1) for flag in flags)]
        if gated:
            for flag, both in zip(flags, moving, strict=True):
                builder.call(margolus(), [gate[0], flag, both])
            moves = [(gate[0], 1), *((both, 1) for both in moving)]
        # Slot A moves where nothing is lowered.
        lowered = [*itertools.product(lows, gate)] if gated else [(low, lows[0]) for low in lows[1:]]
        signs = np.where(self.entries < 0.0, -1.0, 1.0)
        _flip_all(builder, lowered)
        for (own, _), move in zip(marked, moves, strict=True):
            self._prepare(builder, move, own, signs, None)
        _flip_all(builder, [] if gated else lowered)
        # Lowered, a slot must equal slot A: their difference must be 0, which taking 1 away flags.
        for low, slot, (own, _) in zip(lows, slots[1:], marked[1:], strict=True):
            for a, b in zip(slots[0], slot, strict=True):
                builder.call(margolus(), [low, a, b])
            if self.periodic:
                for bit, check in zip(slot, checks, strict=True):
                    builder.call(margolus(), [low, bit, check])
            else:
                builder.gate("x", [own[0]], controls=((low, 1),))
        for (own, marks), slot in zip(marked, slots, strict=True):
            self.shift.ops.emit(builder, [*own, *slot, *marks, *carries])
        if not self.periodic:
            after = {0} if self.shift.filled is None else {0, self.shift.filled}
            for low, slot, (own, marks) in zip(lows, slots[1:], marked[1:], strict=True):
                _flip_all(builder, [(low, x) for x in (*(own[label] for label in after), marks[0], *slot)])
        _flip_all(builder, [] if gated else lowered)
        unprepare = CircuitBuilder("labels", builder.n_qubits)
        for (own, _), move in zip(marked, moves, strict=True):
            self._prepare(unprepare, move, own, np.ones(k + 1), self.shift.filled)
        builder.call(unprepare.build(), range(builder.n_qubits), adjoint=True)
        _flip_all(builder, lowered)
        if gated:
            for flag, both in zip(flags, moving, strict=True):
                builder.call(margolus(), [gate[0], flag, both], adjoint=True)
        for d, low in enumerate(lows):
            angle = -2.0 * math.asin(self.levels.rows[d])
            selects = [*gate, *flags[max(0, d - 1) : d + 1]]
            turn(builder, selects, low, _bottom(angle, len(selects), gated, d), after=selects)
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


def _flip_all(builder: CircuitBuilder, pairs: Sequence[tuple[int, int]]) -> None:
    """A CX from the first to the second of every pair."""
    for control, target in pairs:
        builder.gate("x", [target], controls=((control, 1),))


def _top(angle: float, n_selects: int, gated: bool) -> RealArray:
    """The angle where the first flag is 1 and the one above it, if any, 0; a thermometer leaves one entry free."""
    n_flags = n_selects - gated
    table = np.array([0.0, angle]) if n_flags == 1 else angle * np.array([0.0, -1.0, 1.0, 0.0])
    return np.concatenate([np.zeros_like(table), table]) if gated else table


def _bottom(angle: float, n_selects: int, gated: bool, d: int) -> RealArray:
    """The angle where the flag of degree d + 1, if it has one, is 1 and the one above it 0."""
    table = np.array([angle, 0.0]) if d == 0 else angle * np.array([0.0, -1.0, 1.0, 0.0])
    return np.concatenate([np.zeros_like(table), table]) if gated else table
