"""What marches: the encodings of a recurrence's steps with the start vector and read-out that fit their layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit
from qgd_core.encodings.base import BlockEncoding
from qgd_core.readout.frame import FrameReadout


@dataclass(frozen=True, eq=False)
class Realisation:
    """A recurrence on one register: every step, the start and the read-out agree on where each entry stands.

    method, its name; encodings, one for all steps or one a step; start, vector on the register in the unit of z;
    prepare, builds the circuit of its unit vector, with at most `prepare_cost` CX and as many rotations + 1;
    readout, acts on the register's low-order qubits.
    """

    method: str
    encodings: tuple[BlockEncoding, ...]
    start: RealArray
    prepare: Callable[[], Circuit]
    prepare_cost: int
    readout: FrameReadout

    @property
    def n_system(self) -> int:
        """Qubits of the register."""
        return self.encodings[0].n_system

    @property
    def n_ancilla(self) -> int:
        """Most qubits any step projects."""
        return max(encoding.n_ancilla for encoding in self.encodings)

    def encoding_at(self, t: int) -> BlockEncoding:
        """The encoding of step t."""
        return self.encodings[t if len(self.encodings) > 1 else 0]

    def norm(self, steps: int) -> float:
        """Length of the start times every step's alpha: what a unit amplitude stands for, in the unit of z."""
        return float(np.linalg.norm(self.start)) * math.prod(self.encoding_at(t).alpha for t in range(steps))


class Structure(Protocol):
    """Steps that know a layout of their own, cheaper than their entries one by one."""

    @property
    def method(self) -> str:
        """The name of the encoding."""

    def realise(self, wanted: Sequence[int], bound: float) -> Realisation:
        """Lay the recurrence out so that z[wanted], of length at most `bound`, can be read."""
