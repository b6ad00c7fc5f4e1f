"""The layout of a Carleman flow in slots: its generator with the source, its start, and how a block is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qgd_core.arrays import RealArray
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.flow_bands import read_bands
from qgd_core.encodings.layouts import SlotLayout
from qgd_core.encodings.realisation import Realisation
from qgd_core.encodings.slot_circuits import lifted_start, lifted_start_cost
from qgd_core.encodings.slot_flow import encode_flow
from qgd_core.encodings.taylor_step import encode_taylor
from qgd_core.errors import ConfigError
from qgd_core.readout.anchored import AnchoredReadout
from qgd_core.readout.frame import constant_for


@dataclass(frozen=True, eq=False)
class FlowSlots:
    """The continuous Carleman system of order 2 of a quadratic field of neighbours, z = (unit u, and degree 2).

    Arguments: field, as `encode_flow` takes it; start, u(0) (n,); unit, what z's first entries are in units of u.
    What is encoded is (1, g u, g^2 u (x) u) / g in that unit, with the largest g that can be read.
    """

    field: PolynomialField
    start: RealArray
    unit: float = 1.0
    method: str = "slot_flow"

    def generator(self, scale: float) -> BlockEncoding:
        """The encoding of the generator, the source as a column."""
        return encode_flow(self.field, scale, sourced=True)

    def realise(self, wanted: Sequence[int], bound: float) -> Realisation:
        """Lay the flow out with its generator in the step's place; wanted, variables among 0..n-1, of length <= bound."""
        if not set(wanted) <= set(range(self.field.n)):
            raise ConfigError(
                f"wanted = {tuple(wanted)} must be variables below {self.field.n}.",
                subject=wanted,
                remedy="Read degree 1, or leave the structure out.",
            )
        scale = self.unit / (constant_for(bound, len(wanted)) or self.unit)
        layout, constant = SlotLayout(tuple(range(self.field.n))), self.unit / scale
        slot = layout.place(scale * self.start)
        return Realisation(
            method=self.method,
            encodings=(self.generator(scale),),
            start=constant * layout.lift(scale * self.start, 1.0),
            prepare=lambda: lifted_start(slot, 1.0),
            prepare_cost=lifted_start_cost(layout.n_slot),
            readout=AnchoredReadout(tuple(wanted), layout.n_slot, constant),
        )


def find_slots(field: PolynomialField, start: RealArray, unit: float) -> FlowSlots | None:
    """The slots of a field, or None where F1 is not tridiagonal or F2 not of neighbours."""
    try:
        read_bands(field, 1.0)
    except ConfigError:
        return None
    return FlowSlots(field, start, unit)


@dataclass(frozen=True, eq=False)
class TaylorSlots:
    """Taylor steps of a flow in slots: step h, order m."""

    flow: FlowSlots
    step: float
    order: int
    method: str = "slot_flow"

    def realise(self, wanted: Sequence[int], bound: float) -> Realisation:
        """The flow's layout with a Taylor step of its generator."""
        laid = self.flow.realise(wanted, bound)
        (generator,) = laid.encodings
        return replace(laid, encodings=(encode_taylor(generator, self.step, self.order),))
