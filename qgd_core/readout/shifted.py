"""Signs and scale from the right side alone: solve for x + s, so that every wanted entry is positive.

A x = b and A (x + a) = b + A a have the same circuit for any known vector a. With a equal to s on the wanted
entries, s above the largest magnitude, roots of counts give x + s without a frame, a control or a qubit more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.errors import ResultMissing
from qgd_core.readout.base import Estimate

# How far above the largest magnitude the shift is put, so that no count is near zero.
MARGIN = 1.2


@dataclass(frozen=True, eq=False)
class ShiftedReadout:
    """Read x (m numbers) from amplitudes (x_i + shift) / norm at the basis states places[i].

    Arguments: places, integers (m, c): each number stands in c states at once; shift, at least max(-x_i); norm,
    what an amplitude of 1 stands for. Shift and norm are in the unit of x.
    """

    places: NDArray[np.int64]
    shift: float
    norm: float

    def covariance(self, shots: float, value: RealArray) -> RealArray:
        """Sampling covariance of the estimate, shape (m, m), to leading order in 1/shots.

        Arguments: shots, attempted; value, the x, or a bound on it, shape (m,). Roots of counts have variance 1/4.
        """
        m, copies = self.places.shape
        return np.asarray(np.eye(m) * self.norm**2 / (4.0 * shots * copies))

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """Estimate x from accepted outcomes.

        Arguments: counts, outcome to number; shots, attempted.
        Result: the estimate, unbiased to order 1/counts, with its covariance.
        Raises: ResultMissing when none of the wanted outcomes was seen.
        Source: Anscombe's root, sqrt(c + 1/4), removes the first-order bias of a square root.
        """
        seen = np.array([[counts.get(int(i), 0) for i in row] for row in self.places], dtype=np.float64)
        if not seen.any():
            raise ResultMissing(
                f"None of {shots} shots gave a readable outcome.", value=shots, remedy="Ask for more shots."
            )
        norm = self._norm(lambda place: math.sqrt((counts.get(place, 0) + 0.25) / shots))
        value = self._value(np.sqrt((seen.sum(axis=1) + 0.25) / shots), norm)
        # With the scale that was found, which a limit known beforehand may be several times above.
        covariance = replace(self, norm=norm).covariance(shots, value)
        return Estimate(value, covariance, sum(counts.values()) / shots)

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The exact x from the unnormalised success branch, its phase dropped."""
        m = len(self.places)
        norm = self._norm(lambda place: float(np.abs(amplitudes[place])))
        value = self._value(np.linalg.norm(amplitudes[self.places], axis=1), norm)
        return Estimate(value, np.zeros((m, m)), float(np.vdot(amplitudes, amplitudes).real))

    def _norm(self, root: Callable[[int], float]) -> float:
        return self.norm

    def _value(self, roots: RealArray, norm: float) -> RealArray:
        return np.asarray(norm * roots / np.sqrt(self.places.shape[1]) - self.shift)


@dataclass(frozen=True, eq=False)
class ReferredReadout(ShiftedReadout):
    """The same where the scale is not known beforehand: the state `place` holds the known number `reference`.

    `norm` is then an upper limit on what an amplitude of 1 stands for.
    """

    place: int
    reference: float

    def covariance(self, shots: float, value: RealArray) -> RealArray:
        """As for a known scale, and the reference's own error in every number."""
        moved = (value + self.shift) / self.reference
        return np.asarray(
            super().covariance(shots, value) + np.outer(moved, moved) * self.norm**2 / (4.0 * shots)
        )

    def _norm(self, root: Callable[[int], float]) -> float:
        return self.reference / root(self.place)
