"""What a read-out returns: numbers with signs, scale and standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray


@dataclass(frozen=True)
class Estimate:
    """Signed, scaled values: `value` (m,), `covariance` (m, m) of their sampling error (zero when exact)."""

    value: RealArray
    covariance: RealArray
    accepted: float

    @property
    def stderr(self) -> RealArray:
        """Standard error of each value."""
        return np.sqrt(np.diag(self.covariance))
