"""Signs and scale without an extra qubit: measure in a frame in which every amplitude is positive.

The state holds a known constant s beside the m wanted numbers x. An orthogonal frame whose first column is
uniform turns (s, x) into m + 1 amplitudes s / sqrt(m+1) + (O x)_i. They are all positive once
s > sqrt(m) |x|, so the square roots of the counts give them, and x follows linearly, scaled by s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import helmert

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.orthogonal import orthogonal
from qgd_core.errors import ResultMissing
from qgd_core.readout.base import Estimate

# How far above sqrt(m) |x| the constant is put, so that no count is near zero.
MARGIN = 1.2


def constant_for(bound: float, n_wanted: int) -> float:
    """The constant s that makes every amplitude of the frame positive when |x| <= bound."""
    return MARGIN * math.sqrt(n_wanted) * bound


@dataclass(frozen=True)
class SimplexReadout:
    """Read x (m numbers) standing behind the constant s in basis states 1..m and 0 of a register.

    Arguments: n_wanted, m >= 1; constant, s > 0, in the unit of x.
    """

    n_wanted: int
    constant: float

    @property
    def n_qubits(self) -> int:
        """Low-order qubits the frame acts on."""
        return self.n_wanted.bit_length()

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
        """The frame as a circuit on n_qubits, up to signs of amplitudes that are measured next."""
        return self._frame[1]

    def covariance(self, norm: float, shots: float, value: RealArray) -> RealArray:
        """Sampling covariance of the estimate, to leading order.

        Arguments: norm, length of the vector whose unit version is prepared, times the subnormalisation, in
        the unit of x; shots, attempted; value, the x (or a bound on it), shape (m,).
        Result: covariance, shape (m, m), for square roots of counts with variance 1/4; its relative error
        falls like 1/shots.
        Raises: nothing.
        Source: the delta method on x = s (O^T a) / (e^T a).
        """
        ratio = np.asarray(value) / self.constant
        return np.asarray(norm**2 / (4.0 * shots) * (np.eye(self.n_wanted) + np.outer(ratio, ratio)))

    def from_counts(self, counts: Mapping[int, int], shots: int, norm: float) -> Estimate:
        """Estimate x from accepted outcomes of the whole register (its low qubits hold the frame).

        Arguments: counts, outcome to number; shots, attempted; norm, as in `covariance`.
        Result: the estimate, unbiased to order 1/counts, with its covariance.
        Raises: ResultMissing when none of the wanted outcomes was seen.
        Source: Anscombe's root, sqrt(c + 1/4), removes the first-order bias of a square root.
        """
        size = self.n_wanted + 1
        seen = np.array([counts.get(i, 0) for i in range(size)], dtype=np.float64)
        if not seen.any():
            raise ResultMissing(
                f"None of {shots} shots gave a readable outcome.", value=shots, remedy="Ask for more shots."
            )
        value = self._invert(np.sqrt(seen + 0.25))
        accepted = sum(counts.values()) / shots
        return Estimate(value, self.covariance(norm, shots, value), accepted)

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The exact x from the register's amplitudes (unnormalised success branch), signs of the frame dropped."""
        value = self._invert(np.abs(amplitudes[: self.n_wanted + 1]))
        accepted = float(np.vdot(amplitudes, amplitudes).real)
        return Estimate(value, np.zeros((self.n_wanted, self.n_wanted)), accepted)

    def _invert(self, roots: RealArray) -> RealArray:
        size = self.n_wanted + 1
        rotated = self.frame[:size, :size].T @ roots
        return np.asarray(self.constant * rotated[1:] / rotated[0])
