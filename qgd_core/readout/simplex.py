"""The simplex frame: constant and wanted numbers in the first basis states, no qubit besides theirs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import helmert

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.rotation import orthogonal, rotation_cost, rotation_turns
from qgd_core.readout.frame import FrameReadout


@dataclass(frozen=True)
class SimplexReadout(FrameReadout):
    """Read x (m numbers) standing behind the constant s in basis states 1..m and 0 of a register.

    Arguments: n_wanted, m >= 1; constant, s > 0, in the unit of x. All m + 1 amplitudes
    s / sqrt(m+1) + (O x)_i are positive once s > sqrt(m) |x|.
    """

    n_wanted: int
    constant: float

    @property
    def n_qubits(self) -> int:
        """Low-order qubits the frame acts on."""
        return self.n_wanted.bit_length()

    @property
    def outcomes(self) -> range:
        """The first m + 1 basis states."""
        return range(self.n_wanted + 1)

    @property
    def columns(self) -> RealArray:
        """The Helmert matrix, its constant column first."""
        size = self.n_wanted + 1
        return self.frame[:size, :size]

    @cached_property
    def _frame(self) -> tuple[RealArray, Circuit]:
        size = self.n_wanted + 1
        full = np.eye(2**self.n_qubits)
        full[:size, :size] = helmert(size, full=True).T
        return full, orthogonal(full, "simplex_frame")[0]

    @property
    def frame(self) -> RealArray:
        """The orthogonal frame, padded with the identity; shape (2**n_qubits,) * 2."""
        return self._frame[0]

    def circuit(self) -> Circuit:
        """The frame as a circuit on n_qubits, up to the sign of an amplitude that is measured next."""
        return self._frame[1]

    @property
    def two_qubit(self) -> int:
        """Upper bound on the circuit's CX."""
        return rotation_cost(self.n_qubits)

    @property
    def rotations(self) -> int:
        """Upper bound on the circuit's rotations."""
        return rotation_turns(self.n_qubits)
