"""Numbers beside a ladder of known ones: the scale from all rungs at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.errors import ResultMissing
from qgd_core.readout.base import Estimate


@dataclass(frozen=True, eq=False)
class LadderedReadout:
    """Read x (m numbers): branch j holds a multiple of (x + shift) at `places`, and of the known rungs[j] at `place`.

    Arguments: places, integers (m, c): each number stands in c states at once; shift; rungs, positive, one a branch;
    place; size, states of a branch; norm, an upper limit on what an amplitude of 1 stands for, summed over branches;
    spread, an upper limit on the relative variance of the scale times four times the shots.
    """

    places: NDArray[np.int64]
    shift: float
    rungs: RealArray
    place: int
    size: int
    norm: float
    spread: float

    def covariance(self, shots: float, value: RealArray) -> RealArray:
        """Upper limit on the sampling covariance, shape (m, m), to leading order in 1/shots."""
        m, copies = self.places.shape
        moved = np.asarray(value) + self.shift
        own = np.eye(m) * self.norm**2 / copies
        return np.asarray((own + np.outer(moved, moved) * self.spread) / (4.0 * shots))

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """Estimate x from accepted outcomes of `shots` attempts.

        Raises: ResultMissing when no known number was seen.
        """
        shares = np.zeros(self.rungs.size * self.size)
        for outcome, number in counts.items():
            shares[outcome] = number / shots
        value = self._value(shares + 0.25 / shots * (shares > 0))
        weights = shares.reshape(self.rungs.size, self.size)[:, self.place]
        unknown = weights / self.rungs**2
        # As in the plan, at the shares that were seen and not at the worst ones.
        summed = float(weights @ unknown) ** 2
        seen = replace(
            self,
            norm=float(np.sqrt(weights**2 @ unknown / summed)),
            spread=float(weights**2 @ (unknown / self.rungs**2) / summed),
        )
        return Estimate(value, seen.covariance(shots, value), sum(counts.values()) / shots)

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The exact x from the unnormalised success branch."""
        m = len(self.places)
        accepted = float(np.vdot(amplitudes, amplitudes).real)
        return Estimate(self._value(np.abs(amplitudes) ** 2), np.zeros((m, m)), accepted)

    def _value(self, shares: RealArray) -> RealArray:
        table = shares.reshape(self.rungs.size, self.size)
        # Rungs far below |x| show few known numbers, and would add noise: each counts as often as it shows them.
        weights = table[:, self.place]
        scale = float(np.sum(weights**2 / self.rungs**2))
        if not scale > 0.0:
            raise ResultMissing("The known number was never seen.", remedy="Ask for more shots.")
        found = (weights @ table)[self.places].mean(axis=1)
        return np.asarray(np.sqrt(found / scale) - self.shift)
