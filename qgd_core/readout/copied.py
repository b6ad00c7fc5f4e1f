"""A frame on a register that holds the same vector in several blocks: their counts are added first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.readout.base import Estimate
from qgd_core.readout.frame import FrameReadout


@dataclass(frozen=True, eq=False)
class CopiedReadout:
    """Read x through a frame on [time..., register...], the last `copies` blocks of the time register being equal.

    Arguments: frame, acts on the low-order qubits of a block; blocks, on the time register; size, states of a block;
    copies, of the vector; norm, what a unit amplitude stands for once the copies are added, in the unit of x.
    """

    frame: FrameReadout
    blocks: int
    size: int
    copies: int
    norm: float

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """The estimate from accepted outcomes of `shots` attempts; those of other blocks are not used."""
        folded = Counter[int]()
        for outcome, number in counts.items():
            if outcome // self.size >= self.blocks - self.copies:
                folded[outcome % self.size] += number
        estimate = self.frame.from_counts(folded, shots, self.norm)
        return replace(estimate, accepted=sum(counts.values()) / shots)

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The exact x from the register's amplitudes (unnormalised success branch)."""
        copies = np.abs(amplitudes.reshape(self.blocks, self.size)[self.blocks - self.copies :])
        estimate = self.frame.from_amplitudes(np.linalg.norm(copies, axis=0).astype(np.complex128))
        return replace(estimate, accepted=float(np.vdot(amplitudes, amplitudes).real))
