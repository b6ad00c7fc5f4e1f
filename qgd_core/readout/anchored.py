"""The anchored frame: each wanted number interferes with its own equal share of the constant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.simulate import unitary
from qgd_core.circuit.turns import turn
from qgd_core.readout.frame import FrameReadout


@dataclass(frozen=True)
class AnchoredReadout(FrameReadout):
    """Read x (m numbers) in a slot of a register [flag, slot...]: x_i at flag 1, the constant at flag 0, slot 0.

    Arguments: places, the slot state of each x_i, distinct; n_slot, qubits of the slot; constant, s > 0, in the
    unit of x. The constant is spread over the places, and a rotation of the flag makes the 2m amplitudes
    (s / sqrt(m) -+ x_i) / sqrt(2), positive once s > sqrt(m) max|x_i|. The register's other states must be empty.
    """

    places: tuple[int, ...]
    n_slot: int
    constant: float

    @property
    def n_wanted(self) -> int:  # type: ignore[override]
        """m."""
        return len(self.places)

    @property
    def n_qubits(self) -> int:
        """Flag and slot."""
        return self.n_slot + 1

    @property
    def outcomes(self) -> list[int]:
        """Every place with flag 0, then with flag 1."""
        return [*self.places, *(2**self.n_slot + p for p in self.places)]

    @property
    def columns(self) -> RealArray:
        """(s, x) to (s / sqrt(m) -+ x) / sqrt(2)."""
        m = self.n_wanted
        share, own = np.full((m, 1), 1.0 / np.sqrt(m)), np.eye(m)
        return np.asarray(np.block([[share, -own], [share, own]]) / np.sqrt(2.0))

    @cached_property
    def frame(self) -> RealArray:
        """The whole frame, shape (2**n_qubits,) * 2."""
        return np.asarray(unitary(self._circuit).real)

    def circuit(self) -> Circuit:
        """The frame as a circuit: spread the constant where the flag is 0, then turn the flag."""
        return self._circuit

    @cached_property
    def _circuit(self) -> Circuit:
        builder = CircuitBuilder("anchored_frame", self.n_qubits)
        flag, slot = 0, range(1, self.n_qubits)
        weights = np.zeros(2**self.n_slot)
        weights[list(self.places)] = 1.0
        builder.gate("x", [flag])
        for level in range(self.n_slot):
            zero, one = weights.reshape(2**level, 2, -1).sum(axis=2).T
            angles = 2.0 * np.arctan2(np.sqrt(one), np.sqrt(zero))
            both = np.stack([np.zeros_like(angles), angles])
            turn(builder, [flag, *slot[:level]], slot[level], both, before=[flag])
        builder.gate("x", [flag])
        builder.gate("ry", [flag], [np.pi / 2])
        return builder.build()

    @property
    def two_qubit(self) -> int:
        """Upper bound on the circuit's CX, and on its rotations."""
        return 2 * ((1 << self.n_slot) - 1) + 1
