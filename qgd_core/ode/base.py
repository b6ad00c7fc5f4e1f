"""The problems of this layer, and what every solver's plan promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.numbers import whole_number
from qgd_core.encodings.realisation import Structure
from qgd_core.errors import ConfigError, NotDissipative
from qgd_core.linear.system import square_matrix

Matrix = sp.csr_array

# The growth past which nothing is planned.
_MOST_GROWTH = 1e100


class LinearRecurrence:
    """The problem z_{t+1} = M_t z_t + b_t, for t = 0 .. steps-1.

    Arguments: matrix, one M (n, n) used at every step or a sequence of `steps` of them (dense or sparse,
    real); b, source (n,), or (steps, n) for one a step, or None; z0, start (n,); steps, T >= 1; wanted, indices
    of z_T to read (all by default); bound, an upper limit on |z_T[wanted]| where the caller has a sharper one than
    |M|^T |z0|; structure, a layout the caller knows in which the same steps are cheaper than entry by entry.
    Raises: ConfigError when shapes disagree, entries are not real and finite, or z0 and b are both zero.
    Source: Liu et al., arXiv:2303.03428, Eq 5 (with A = M - I).
    """

    def __init__(
        self,
        matrix: Matrix | ArrayLike | Sequence[Matrix],
        b: ArrayLike | None,
        z0: ArrayLike,
        steps: int,
        wanted: Sequence[int] | None = None,
        bound: float | None = None,
        structure: Structure | None = None,
    ) -> None:
        self.z0 = real_vector(z0, "z0")
        n = self.z0.size
        steps = whole_number(steps, "steps", 1)
        rows: Any = [np.zeros(n)] if b is None else (b if np.ndim(b) == 2 else [b])
        self.sources: tuple[RealArray, ...] = tuple(real_vector(row, "b", n) for row in rows)
        several = isinstance(matrix, (list, tuple)) and np.ndim(matrix[0]) == 2
        every: Any = matrix
        given: list[Any] = list(every) if several else [every]
        for what, number in (("matrices", len(given)), ("sources", len(self.sources))):
            if number not in (1, steps):
                raise ConfigError(
                    f"{number} {what} were given for {steps} steps.",
                    value=number,
                    remedy="Give one, or one a step.",
                )
        self.matrices: tuple[Matrix, ...] = tuple(square_matrix(m, n, "A step matrix") for m in given)
        if not self.z0.any() and not np.any(self.sources):
            raise ConfigError("z0 and b are both zero: the answer is zero.", subject=self)
        self.steps = steps
        self.wanted = tuple(range(n)) if wanted is None else tuple(wanted)
        if (
            not self.wanted
            or len(set(self.wanted)) != len(self.wanted)
            or not set(self.wanted) <= set(range(n))
        ):
            raise ConfigError(
                f"wanted = {self.wanted} must be distinct indices below {n}.", subject=self.wanted
            )
        self._bound = bound
        self.structure = structure

    def matrix_at(self, t: int) -> Matrix:
        """M_t."""
        return self.matrices[t if len(self.matrices) > 1 else 0]

    def source_at(self, t: int) -> RealArray:
        """b_t."""
        return self.sources[t if len(self.sources) > 1 else 0]

    @property
    def unit(self) -> float:
        """What errors are relative to: |z0|, or the largest |b_t| where the start is zero."""
        return float(np.linalg.norm(self.z0) or max(np.linalg.norm(b) for b in self.sources))

    def bound(self) -> float:
        """Upper limit on |z_T[wanted]|, from entrywise absolute values, never from the answer itself.

        NotDissipative where the steps may grow past 1e100: no plan could tell the answer from its errors.
        """
        if self._bound is not None:
            return self._bound
        z = np.abs(self.z0)
        for t in range(self.steps):
            z = np.asarray(abs(self.matrix_at(t)) @ z) + np.abs(self.source_at(t))
            if not z.max() < _MOST_GROWTH * self.unit:
                raise NotDissipative(
                    f"The steps may grow by {_MOST_GROWTH:.0e} within {t + 1} of {self.steps}.",
                    subject=self,
                    value=float(t + 1),
                    remedy="Take fewer steps, or scale the coordinates so that a step's norm is near 1.",
                )
        return float(np.linalg.norm(z[list(self.wanted)]))

    def classical(self) -> RealArray:
        """z_T[wanted] by sparse products, exact to rounding."""
        z = self.z0
        for t in range(self.steps):
            z = np.asarray(self.matrix_at(t) @ z) + self.source_at(t)
        return z[list(self.wanted)]
