"""The problem dz/dt = A z + b."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from scipy.linalg import eigvalsh
from scipy.sparse.linalg import expm_multiply

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.numbers import positive_number
from qgd_core.encodings.flow_slots import FlowSlots
from qgd_core.errors import ConfigError, NotDissipative
from qgd_core.linear.system import square_matrix

Matrix = sp.csr_array

# Logarithm of the growth past which nothing is planned.
_MOST_GROWTH = 230.0


class LinearODE:
    """The problem dz/dt = A z + b from z(0) = z0 to time T.

    Arguments: matrix, A (n, n), dense or sparse, real; b, source (n,) or None; z0, start (n,); time, T > 0;
    wanted, indices of z(T) to read (all by default); bound, an upper limit on |z(T)[wanted]| where the caller has
    a sharper one than the logarithmic norm gives; structure, a layout the caller knows in which A is cheaper than
    entry by entry.
    Raises: ConfigError when shapes disagree, entries are not real and finite, or z0 and b are both zero.
    Source: none.
    """

    def __init__(
        self,
        matrix: Matrix | ArrayLike,
        b: ArrayLike | None,
        z0: ArrayLike,
        time: float,
        wanted: Sequence[int] | None = None,
        bound: float | None = None,
        structure: FlowSlots | None = None,
    ) -> None:
        self.z0 = real_vector(z0, "z0")
        n = self.z0.size
        self.b = np.zeros(n) if b is None else real_vector(b, "b", n)
        self.matrix: Matrix = square_matrix(matrix, n, "A")
        self.time = positive_number(time, "T")
        if not self.z0.any() and not self.b.any():
            raise ConfigError("z0 and b are both zero: the answer is zero.", subject=self)
        self.wanted = tuple(range(n)) if wanted is None else tuple(wanted)
        chosen = set(self.wanted)
        if not chosen or len(chosen) != len(self.wanted) or not chosen <= set(range(n)):
            raise ConfigError(f"wanted = {self.wanted} must be distinct indices below {n}.", subject=wanted)
        self._bound = bound
        self.structure = structure

    @cached_property
    def log_norm(self) -> float:
        """Largest eigenvalue of (A + A^T) / 2: |e^(A t)| is at most e^(log_norm t)."""
        return log_norm(self.matrix)

    @property
    def unit(self) -> float:
        """What errors are relative to: |z0|, or |b| T where the start is zero."""
        return float(np.linalg.norm(self.z0) or np.linalg.norm(self.b) * self.time)

    def check_growth(self) -> None:
        """Raise NotDissipative where the flow may grow past 1e100: no plan could tell its answer from its errors."""
        if self.log_norm * self.time > _MOST_GROWTH:
            raise NotDissipative(
                f"The flow may grow by e^{self.log_norm * self.time:.3g} in T = {self.time:.3g}.",
                subject=self,
                value=self.log_norm,
                remedy="Use a shorter time, or rescale the coordinates so that A + A^T has smaller eigenvalues.",
            )

    def bound(self) -> float:
        """Upper limit on |z(T)[wanted]|, from the logarithmic norm; NotDissipative where that is past 1e100."""
        if self._bound is not None:
            return self._bound
        self.check_growth()
        growth = self.log_norm * self.time
        mean = np.expm1(growth) / growth if growth else 1.0
        start, source = np.linalg.norm(self.z0), np.linalg.norm(self.b)
        return float(np.exp(growth) * start + self.time * mean * source)

    def classical(self) -> RealArray:
        """z(T)[wanted] by a scaled Taylor series, to rounding."""
        n = self.z0.size
        column = sp.csr_array(self.b[:, np.newaxis])
        widened = sp.block_array([[self.matrix, column], [None, sp.csr_array((1, 1))]], format="csc")
        z = expm_multiply(widened * self.time, np.append(self.z0, 1.0), traceA=0.0)
        return np.asarray(z[:n][list(self.wanted)])


def log_norm(matrix: Matrix) -> float:
    """Largest eigenvalue of the symmetric part: exact up to 512 rows, by Gershgorin's circles beyond."""
    symmetric = sp.csr_array((matrix + matrix.T) / 2)
    if matrix.shape[0] <= 512:
        return float(eigvalsh(symmetric.toarray())[-1])
    diagonal = symmetric.diagonal()
    return float((diagonal + abs(symmetric).sum(axis=1) - np.abs(diagonal)).max())
