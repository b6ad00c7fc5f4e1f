"""Where Carleman vectors stand on qubits: slots of indices, most significant first, with a flag a degree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from qgd_core.arrays import RealArray


@dataclass(frozen=True)
class SlotLayout:
    """[second, B..., first, A...]: where constant, v and v (x) v stand; `order` lists the variables by their place.

    The flags are a thermometer of the degree: v in slot A, v (x) v in A and B.
    """

    order: tuple[int, ...]

    @classmethod
    def of(cls, multipliers: RealArray) -> Self:
        """The layout of a step: the largest multiplier first."""
        return cls(tuple(np.argsort(-np.abs(multipliers), kind="stable").tolist()))

    @property
    def n_slot(self) -> int:
        """Qubits of one slot."""
        return max(1, (len(self.order) - 1).bit_length())

    @property
    def n_system(self) -> int:
        """Qubits of all slots and of their flags."""
        return 2 * self.n_slot + 2

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The slot state of each variable."""
        return tuple(np.argsort(self.order).tolist())

    @cached_property
    def supported(self) -> RealArray:
        """1 on the basis states in use, 0 elsewhere; shape (2**n_system,)."""
        return np.asarray(self.lift(np.ones(len(self.order)), 1.0) != 0.0, dtype=np.float64)

    def lift(self, v: RealArray, balance: float) -> RealArray:
        """The vector (1, v, balance * v (x) v) in this layout, shape (2**n_system,)."""
        slot = self.place(v)
        lifted = np.zeros((2, slot.size, 2, slot.size))
        lifted[0, 0, 0, 0] = 1.0
        lifted[0, 0, 1] = slot
        lifted[1, :, 1] = balance * np.outer(slot, slot)
        return lifted.reshape(-1)

    def place(self, v: RealArray) -> RealArray:
        """v in the order of the slots, padded to 2**n_slot."""
        slot = np.zeros(2**self.n_slot)
        slot[: len(self.order)] = np.asarray(v)[list(self.order)]
        return slot

    def place_matrix(self, matrix: RealArray) -> RealArray:
        """A matrix on v in the order of the slots, padded with the identity."""
        whole = np.eye(2**self.n_slot)
        n = len(self.order)
        whole[:n, :n] = np.asarray(matrix)[np.ix_(self.order, self.order)]
        return whole


@dataclass(frozen=True)
class CubicLayout(SlotLayout):
    """[third, C..., second, B..., first, A...]: where constant, v, v (x) v and v (x) v (x) v stand."""

    @property
    def n_system(self) -> int:
        """Qubits of the three slots and of their flags."""
        return 3 * (self.n_slot + 1)

    @cached_property
    def supported(self) -> RealArray:
        """1 on the basis states in use, 0 elsewhere; shape (2**n_system,)."""
        return np.asarray(self.lift_cubic(np.ones(len(self.order)), (1.0, 1.0)) != 0.0, dtype=np.float64)

    def lift_cubic(self, v: RealArray, balances: tuple[float, float]) -> RealArray:
        """The vector (1, v, b_2 v (x) v, b_3 v (x) v (x) v) in this layout."""
        slot = self.place(v)
        lifted = np.zeros((2, slot.size) * 3)
        lifted[0, 0, 0, 0, 0, 0] = 1.0
        lifted[0, 0, 0, 0, 1] = slot
        lifted[0, 0, 1, :, 1] = balances[0] * np.outer(slot, slot)
        lifted[1, :, 1, :, 1] = balances[1] * np.einsum("i,j,k->ijk", slot, slot, slot)
        return lifted.reshape(-1)


@dataclass(frozen=True)
class FlowLayout:
    """[second, B..., first?, A...]: degree 1 in slot A, B being |0>, degree 2 in A and B; a constant where sourced."""

    n: int
    sourced: bool

    @cached_property
    def supported(self) -> RealArray:
        """1 on the basis states in use, 0 elsewhere."""
        layout = SlotLayout(tuple(range(self.n)))
        if self.sourced:
            return layout.supported
        size = 2**layout.n_slot
        return layout.supported.reshape(2, size, 2, size)[:, :, 1].reshape(-1)


@dataclass(frozen=True)
class StencilLayout:
    """[third?, C..., second, B..., A...]: degree 1 in slot A, degree 2 in A and B, degree 3 in all; others are |0>."""

    n_slot: int
    order: int = 2

    @property
    def n_system(self) -> int:
        """Qubits of all slots and of their flags."""
        return self.order * (self.n_slot + 1) - 1

    @cached_property
    def supported(self) -> RealArray:
        """1 on the basis states in use, 0 elsewhere."""
        used = np.zeros(2**self.n_system)
        for part in self.degrees(used).values():
            part[...] = 1.0
        return used

    def lift(self, v: RealArray, balance: float = 1.0) -> RealArray:
        """The vector (v, balance v (x) v, balance^2 v (x) v (x) v ...) in this layout, shape (2**n_system,)."""
        lifted, power = np.zeros(2**self.n_system), np.asarray(v, dtype=np.float64)
        for part in self.degrees(lifted).values():
            part[...] = power
            power = balance * np.multiply.outer(power, v)
        return lifted

    def degrees(self, x: RealArray) -> dict[int, RealArray]:
        """Views of each degree's tensor, slot A last."""
        size = 2**self.n_slot
        whole = x.reshape((2, size) * (self.order - 1) + (size,))
        return {
            d: whole[(0, 0) * (self.order - d) + (1, slice(None)) * (d - 1)] for d in range(1, self.order + 1)
        }
