"""A marching layout for the steps of a cubic map: three slots, with scale and balances chosen before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import turn
from qgd_core.dynamics.low_rank_cubic import LowRankCubic
from qgd_core.encodings.layouts import CubicLayout
from qgd_core.encodings.realisation import Realisation
from qgd_core.encodings.slot_circuits import tree_angles, write_slot
from qgd_core.encodings.slot_degrees import ORDER, block_weights
from qgd_core.encodings.slots_cubic import encode_cubic_slots
from qgd_core.readout.anchored import AnchoredReadout
from qgd_core.readout.frame import constant_for

# Lengths |g u_0| and weights of degrees 2 and 3 that are tried.
_LENGTHS = np.geomspace(0.3, 1.2, 16)
_BALANCES = np.geomspace(0.2, 1.0, 8)


@dataclass(frozen=True, eq=False)
class CubicSlotSteps:
    """The recurrence of z = (unit u, and degrees 2 and 3) under one cubic map, by slots.

    Arguments: step, the map; start, u_0 (n,); unit, what z's first entries are in units of u; steps, T.
    """

    step: LowRankCubic
    start: RealArray
    unit: float
    steps: int
    method: str = "slots_cubic"

    def realise(self, wanted: Sequence[int], bound: float) -> Realisation:
        """Lay the recurrence out; wanted, variables among 0..n-1; bound, an upper limit on |z_T[wanted]|."""
        scale, balances = self._scale(self.unit / (constant_for(bound, len(wanted)) or self.unit))
        encoding = encode_cubic_slots(self.step.quadratic, self.step.weights, scale, balances)
        layout, constant = CubicLayout.of(self.step.quadratic.multipliers), self.unit / scale
        v = scale * self.start
        slot = layout.place(v)
        return Realisation(
            method=self.method,
            encodings=(encoding,),
            start=constant * layout.lift_cubic(v, balances),
            prepare=lambda: cubic_start(slot, balances),
            prepare_cost=cubic_start_cost(layout.n_slot),
            readout=AnchoredReadout(tuple(layout.places[i] for i in wanted), layout.n_slot, constant),
        )

    def _scale(self, largest: float) -> tuple[float, tuple[float, float]]:
        """Scale g <= largest and balances: least shots at a fixed error times shots per accepted one.

        alpha is taken as the norm of the blocks' weights, which the encoding's own exceeds by little.
        """
        size = float(np.linalg.norm(self.start)) or 1.0 / largest
        quadratic, best = self.step.quadratic, (math.inf, largest, (1.0, 1.0))
        w, f = float(np.abs(quadratic.multipliers).max()), float(np.linalg.norm(quadratic.offset))
        c, d = float(quadratic.weights.sum()), float(np.abs(self.step.weights).sum())
        whole = np.eye(ORDER + 1)
        for length, second, third in product(np.minimum(_LENGTHS, largest * size), _BALANCES, _BALANCES):
            g, balances = float(length / size), (float(second), float(second * third))
            whole[1:, 1:], append = block_weights(w, c / g, d / g**2, f * g, balances)
            alpha = float(np.linalg.norm(append @ whole, 2))
            norm = 1.0 + length**2 + balances[0] ** 2 * length**4 + balances[1] ** 2 * length**6
            price = float(2 * np.log(norm) + 4 * self.steps * np.log(alpha) - 2 * np.log(length))
            best = min(best, (price, g, balances))
        return best[1], best[2]


def cubic_start(slot: RealArray, balances: tuple[float, float]) -> Circuit:
    """Prepare the unit vector along (1, v, b_2 v (x) v, b_3 v (x) v (x) v), as `lifted_start` does to degree 2."""
    p, size = slot.size.bit_length() - 1, float(np.linalg.norm(slot))
    flags = [k * (p + 1) for k in reversed(range(ORDER))]
    lengths = np.array([1.0, size, balances[0] * size**2, balances[1] * size**3])
    builder = CircuitBuilder("carleman_start", ORDER * (p + 1))
    for degree, flag in enumerate(flags):
        angle = 2.0 * math.atan2(float(np.linalg.norm(lengths[degree + 1 :])), float(lengths[degree]))
        before = flags[degree - 1 : degree] if degree else []
        turn(builder, before, flag, [0.0, angle] if before else [angle], before=before)
    for flag in flags:
        write_slot(builder, flag, range(flag + 1, flag + 1 + p), tree_angles(slot[np.newaxis, :]))
    return builder.build()


def cubic_start_cost(n_slot: int) -> int:
    """Upper bound on the CX of `cubic_start`, one less than its rotations."""
    return 4 + ORDER * (2 * ((1 << n_slot) - 1))
