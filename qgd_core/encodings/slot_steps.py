"""A marching layout for the steps of a quadratic map: slots, with scale and balance chosen before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qgd_core.arrays import RealArray
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.layouts import SlotLayout
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
    """The recurrence of z = (unit u, and degree 2) under quadratic maps, by slots.

    Arguments: maps, one for all steps or one a step; start, u_0 (n,); unit, what z's first entries are in units of
    u; steps, T; frames, None, or one orthogonal (n, n) a map: its columns are the axes of the map's coordinates;
    images, those of its values, where they are others.
    """

    maps: tuple[LowRankMap, ...]
    start: RealArray
    unit: float
    steps: int
    frames: tuple[RealArray, ...] | None = None
    images: tuple[RealArray, ...] | None = None
    method: str = "slots"

    def realise(self, wanted: Sequence[int], bound: float) -> Realisation:
        """Lay the recurrence out; wanted, variables among 0..n-1; bound, an upper limit on |z_T[wanted]|."""
        # The encoded vector is (1, g u, ...): the constant is unit / g in the unit of z.
        scale, balance = self._scale(self.unit / (constant_for(bound, len(wanted)) or self.unit))
        start = scale * self.start
        if self.frames is None:
            encodings = [encode_slots(one, scale, balance) for one in self.maps]
            layout = SlotLayout.of(self.maps[0].multipliers)
            places = layout.places
        else:
            orders = [np.argsort(-np.abs(one.multipliers), kind="stable") for one in self.maps]
            given = self.frames if self.images is None else self.images
            # A last axis turned round makes a frame a rotation, which costs fewer gates.
            before, behind = (
                [_handedness(frame[:, order]) for frame, order in zip(frames, orders, strict=True)]
                for frames in (self.frames, given)
            )
            every_map = zip(self.maps, orders, before, behind, strict=True)
            sorted_maps = [_sort(one, order, *signs) for one, order, *signs in every_map]
            axes = [frame[:, order] * s for frame, order, s in zip(self.frames, orders, before, strict=True)]
            ends = [image[:, order] * s for image, order, s in zip(given, orders, behind, strict=True)]
            start = axes[0].T @ start
            # After a step its values' axes are turned to those of the next map, and to the common ones at the end.
            every = zip(sorted_maps, ends, [*axes[1:], np.eye(self.start.size)], strict=True)
            encodings = [encode_slots(one, scale, balance, after.T @ end) for one, end, after in every]
            layout, places = SlotLayout.of(sorted_maps[0].multipliers), tuple(range(self.start.size))
        slot, constant = layout.place(start), self.unit / scale
        return Realisation(
            method=self.method,
            encodings=tuple(encodings),
            start=constant * layout.lift(start, balance),
            prepare=lambda: lifted_start(slot, balance),
            prepare_cost=lifted_start_cost(layout.n_slot),
            readout=AnchoredReadout(tuple(places[i] for i in wanted), layout.n_slot, constant),
        )

    def _scale(self, largest: float) -> tuple[float, float]:
        """Scale g <= largest and balance b: least shots at a fixed error times shots per accepted one.

        alpha is taken as the norm of the blocks' weights, which the encoding's own exceeds by little.
        """
        size = float(np.linalg.norm(self.start)) or 1.0 / largest
        sizes = (
            max(float(np.linalg.norm(one.offset)) for one in self.maps),
            max(float(np.abs(one.multipliers).max()) for one in self.maps),
            max(float(one.weights.sum()) for one in self.maps),
        )
        return choose_scale(sizes, size, self.steps, largest)[1:]


def choose_scale(
    sizes: tuple[float, float, float], start: float, steps: int, largest: float = math.inf
) -> tuple[float, float, float]:
    """(logarithm of shots at a fixed error times shots per accepted one, scale g, balance b), the first least.

    Arguments: sizes, norms of offset, linear and quadratic part of a step; start, the length of u; steps; largest, g at
    most. The encoding's alpha is taken as the norm of the blocks' weights, which it exceeds by little.
    """
    offset, linear, square = sizes
    lengths, b = np.meshgrid(np.minimum(_LENGTHS, largest * start), _BALANCES)
    g = lengths / start
    w, f, c = np.full_like(g, linear), offset * g, square / (g * b)
    one, zero = np.ones_like(g), np.zeros_like(g)
    rows = [one, zero, zero, f, w, c, b * f**2, 2 * b * f * w, w**2 + 2 * b * f * c]
    alphas = np.linalg.norm(np.stack(rows, axis=-1).reshape(*g.shape, 3, 3), 2, axis=(-2, -1))
    logs = 2 * np.log(1.0 + lengths**2 + b**2 * lengths**4) + 4 * steps * np.log(alphas)
    costs = logs - 2 * np.log(lengths)
    best = np.unravel_index(int(np.argmin(costs)), g.shape)
    return float(costs[best]), float(g[best]), float(b[best])


def _handedness(frame: RealArray) -> RealArray:
    """Signs of the columns, all 1 but the last, that make the frame's determinant 1."""
    return np.append(np.ones(len(frame) - 1), np.sign(np.linalg.det(frame)))


def _sort(one: LowRankMap, order: NDArray[np.int64], signs: RealArray, ends: RealArray) -> LowRankMap:
    """The map with its coordinates, and those of its values, in another order, each times its sign."""
    images = one.given_images
    return replace(
        one,
        offset=one.offset[order] * ends,
        multipliers=one.multipliers[order] * signs * ends,
        directions=one.directions[:, order] * signs,
        given_images=None if images is None else images[:, order] * ends,
    )
