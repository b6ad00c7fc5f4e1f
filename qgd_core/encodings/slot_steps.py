"""A marching layout for the steps of a quadratic map: slots, with scale and balance chosen before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.realisation import Realisation
from qgd_core.encodings.slot_circuits import lifted_start, lifted_start_cost
from qgd_core.encodings.slots import encode_slots
from qgd_core.readout.anchored import AnchoredReadout
from qgd_core.readout.frame import constant_for

# Lengths |g u_0| and weights of degree 2 that are tried.
_LENGTHS = np.geomspace(0.3, 1.6, 40)
_BALANCES = np.geomspace(0.2, 1.0, 20)


@dataclass(frozen=True, eq=False)
class SlotSteps:
    """The recurrence of z = (unit u, and degree 2) under a quadratic map, by slots.

    Arguments: step, the map of u, one for every step; start, u_0 (n,); unit, what z's first entries are in
    units of u; steps, T.
    """

    step: LowRankMap
    start: RealArray
    unit: float
    steps: int
    method: str = "slots"

    def realise(self, wanted: Sequence[int], bound: float) -> Realisation:
        """Lay the recurrence out; wanted, variables among 0..n-1; bound, an upper limit on |z_T[wanted]|."""
        # The encoded vector is (1, g u, ...): the constant is unit / g in the unit of z.
        scale, balance = self._scale(self.unit / (constant_for(bound, len(wanted)) or self.unit))
        encoding = encode_slots(self.step, scale, balance)
        layout, constant = encoding.layout, self.unit / scale
        slot = layout.place(scale * self.start)
        return Realisation(
            method=self.method,
            encodings=(encoding,),
            start=constant * layout.lift(scale * self.start, balance),
            prepare=lambda: lifted_start(slot, balance),
            prepare_cost=lifted_start_cost(layout.n_slot),
            readout=AnchoredReadout(tuple(layout.places[i] for i in wanted), layout.n_slot, constant),
        )

    def _scale(self, largest: float) -> tuple[float, float]:
        """Scale g <= largest and balance b: least shots at a fixed error times shots per accepted one.

        alpha is taken as the norm of the blocks' weights, which the encoding's own exceeds by little.
        """
        size = float(np.linalg.norm(self.start)) or 1.0 / largest
        lengths, b = np.meshgrid(np.minimum(_LENGTHS, largest * size), _BALANCES)
        g = lengths / size
        w = np.full_like(g, np.abs(self.step.multipliers).max())
        f, c = np.linalg.norm(self.step.offset) * g, self.step.weights.sum() / (g * b)
        one, zero = np.ones_like(g), np.zeros_like(g)
        rows = [one, zero, zero, f, w, c, b * f**2, 2 * b * f * w, w**2 + 2 * b * f * c]
        alphas = np.linalg.norm(np.stack(rows, axis=-1).reshape(*g.shape, 3, 3), 2, axis=(-2, -1))
        logs = 2 * np.log(1.0 + lengths**2 + b**2 * lengths**4) + 4 * self.steps * np.log(alphas)
        best = np.unravel_index(int(np.argmin(logs - 2 * np.log(lengths))), g.shape)
        return float(g[best]), float(b[best])
