"""Signs and scale without an extra qubit: measure in a frame in which every amplitude is positive.

The state holds a known constant s beside the m wanted numbers x. An orthogonal frame that spreads the constant
evenly over its outcomes makes all of their amplitudes positive once s is large enough, so the square roots of
the counts give them, and x follows linearly, scaled by s.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit
from qgd_core.errors import ResultMissing
from qgd_core.readout.base import Estimate

# How far above sqrt(m) |x| the constant is put, so that no count is near zero.
MARGIN = 1.2


def constant_for(bound: float, n_wanted: int) -> float:
    """The constant s that makes every amplitude of a frame positive when |x| <= bound."""
    return MARGIN * math.sqrt(n_wanted) * bound


class FrameReadout(ABC):
    """Read x (m numbers, `n_wanted`) beside the constant s > 0, in the unit of x, through one frame.

    A frame acts on the low-order `n_qubits` of a register and sends (s, x) to `columns @ (s, x)` on the basis
    states `outcomes`; columns are orthonormal, the first one constant.
    """

    n_wanted: int
    constant: float

    @property
    @abstractmethod
    def n_qubits(self) -> int:
        """Low-order qubits the frame acts on."""

    @property
    @abstractmethod
    def outcomes(self) -> Sequence[int]:
        """Basis states of those qubits, the others being 0, that are read."""

    @property
    @abstractmethod
    def columns(self) -> RealArray:
        """Where (s, x) goes, shape (number of outcomes, m + 1)."""

    @property
    @abstractmethod
    def frame(self) -> RealArray:
        """The whole orthogonal frame, shape (2**n_qubits,) * 2."""

    @abstractmethod
    def circuit(self) -> Circuit:
        """The frame as a circuit on n_qubits, up to signs of amplitudes that are measured next."""

    @property
    @abstractmethod
    def two_qubit(self) -> int:
        """Upper bound on the circuit's CX."""

    @property
    def rotations(self) -> int:
        """Upper bound on the circuit's rotations: as many as CX where a frame says nothing else."""
        return self.two_qubit

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

    def spread(self, norm: float, length: float) -> float:
        """The largest variance of a combination of unit length, for one shot: of numbers of up to `length`."""
        return norm**2 / 4.0 * (1.0 + (length / float(self.constant)) ** 2)

    def from_counts(self, counts: Mapping[int, int], shots: int, norm: float) -> Estimate:
        """Estimate x from accepted outcomes of the whole register (its low qubits hold the frame).

        Arguments: counts, outcome to number; shots, attempted; norm, as in `covariance`.
        Result: the estimate, unbiased to order 1/counts, with its covariance.
        Raises: ResultMissing when none of the wanted outcomes was seen.
        Source: Anscombe's root, sqrt(c + 1/4), removes the first-order bias of a square root.
        """
        seen = np.array([counts.get(i, 0) for i in self.outcomes], dtype=np.float64)
        if not seen.any():
            raise ResultMissing(
                f"None of {shots} shots gave a readable outcome.", value=shots, remedy="Ask for more shots."
            )
        value = self._invert(np.sqrt(seen + 0.25))
        accepted = sum(counts.values()) / shots
        return Estimate(value, self.covariance(norm, shots, value), accepted)

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The exact x from the register's amplitudes (unnormalised success branch), signs of the frame dropped."""
        value = self._invert(np.abs(amplitudes[list(self.outcomes)]))
        accepted = float(np.vdot(amplitudes, amplitudes).real)
        return Estimate(value, np.zeros((self.n_wanted, self.n_wanted)), accepted)

    def _invert(self, roots: RealArray) -> RealArray:
        rotated = self.columns.T @ roots
        return np.asarray(self.constant * rotated[1:] / rotated[0])


@dataclass(frozen=True, eq=False)
class NormedReadout:
    """A frame's read-out together with the length that a unit amplitude stands for."""

    frame: FrameReadout
    norm: float

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """The estimate from accepted outcomes of `shots` attempts."""
        return self.frame.from_counts(counts, shots, self.norm)

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The estimate from the exact, unnormalised success branch."""
        return self.frame.from_amplitudes(amplitudes)
