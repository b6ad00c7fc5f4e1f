"""The problem A x = b."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.numbers import positive_number, real_number
from qgd_core.errors import ConfigError
from qgd_core.linear.classical import (
    DENSE,
    Matrix,
    direct,
    largest_inverse_row,
    most_smallest,
    smallest_singular_value,
    upper_norm,
)
from qgd_core.readout.shifted import MARGIN

# What rounding may take off a computed singular value, relative to it.
_ROUNDING = 1e-9


class LinearSystem:
    """The problem A x = b for a real non-singular A.

    Arguments: matrix, A (n, n), dense or sparse, real; b (n,), not zero; wanted, indices of x to read (all by
    default), each a number or a tuple of indices known to hold equal values, all tuples of one length. What
    the caller knows beforehand sharpens the plan: smallest, a lower bound on the smallest singular value (held against
    it up to 512 rows; beyond, trusted unless 20 steps of Lanczos' method see a smaller one, or A has a zero row or column);
    bound, an upper limit on |x[wanted]| (by default |b| / smallest); floor, a lower limit on each wanted entry
    (by default -bound, or -|b| times the longest wanted row of the inverse where A is small; 0 where x is known
    to be non-negative); unit, what errors are relative to (by default |b| / |A|, a lower bound on |x|).
    Raises: ConfigError when shapes disagree, entries are not real and finite, b is zero, A is singular, or has a
    singular value below `smallest`.
    Source: none.
    """

    def __init__(
        self,
        matrix: Matrix | ArrayLike,
        b: ArrayLike,
        wanted: Sequence[int | Sequence[int]] | None = None,
        *,
        smallest: float | None = None,
        bound: float | None = None,
        floor: float | None = None,
        unit: float | None = None,
    ) -> None:
        self.b = real_vector(b, "b")
        self.matrix = square_matrix(matrix, self.b.size, "A")
        if not self.matrix.data.any():
            raise ConfigError(
                "A is singular: all of it is zero.",
                value=0.0,
                remedy="Remove dependent equations, or regularise.",
            )
        if not self.b.any():
            raise ConfigError("b is zero: the answer is zero.", subject=self)
        self.wanted = _groups(wanted, self.b.size)
        for name, value in {"smallest": smallest, "bound": bound, "unit": unit}.items():
            if value is not None:
                positive_number(value, name)
        if floor is not None:
            real_number(floor, "floor")
        self._smallest, self._bound, self._floor, self._unit = smallest, bound, floor, unit

    @cached_property
    def norm(self) -> float:
        """Upper bound on |A|."""
        return upper_norm(self.matrix)

    @cached_property
    def smallest(self) -> float:
        """Lower bound on the smallest singular value of A."""
        if self._smallest is None:
            return smallest_singular_value(self.matrix)
        seen = most_smallest(self.matrix)
        if self._smallest > seen * (1.0 + _ROUNDING):
            raise ConfigError(
                f"smallest is {self._smallest:.3g}, but A has a singular value of at most {seen:.3g}.",
                subject=self,
                value=seen,
                remedy="Give a lower bound on all singular values, or leave it out: then it is computed.",
            )
        return self._smallest

    @property
    def knows_smallest(self) -> bool:
        """True where the caller gave the bound on the smallest singular value."""
        return self._smallest is not None

    def needed(self) -> str:
        """What this knowledge of A costs classically."""
        small = self.b.size <= DENSE
        norm = "singular values, n^3" if small else "row and column sums"
        if self.knows_smallest:
            held = "the smallest one" if small else "40 products, which can only contradict it"
            return f"{norm}; a bound on the smallest, declared by the caller, is held against {held}"
        return f"{norm}, and an inverse" if small else f"{norm}; one sparse factorisation, a Lanczos estimate"

    @property
    def condition(self) -> float:
        """Upper bound on |A| |A^-1|."""
        return max(1.0, self.norm / self.smallest)

    @property
    def unit(self) -> float:
        """What errors are relative to."""
        return float(np.linalg.norm(self.b)) / self.norm if self._unit is None else self._unit

    def bound(self) -> float:
        """Upper limit on |x[wanted]|, never from the answer itself."""
        return float(np.linalg.norm(self.b)) / self.smallest if self._bound is None else self._bound

    @cached_property
    def floor(self) -> float:
        """Lower limit on every wanted entry."""
        if self._floor is not None:
            return self._floor
        if self._bound is not None or self._smallest is not None:
            return -self.bound()
        row = largest_inverse_row(self.matrix, self.wanted.reshape(-1))
        return -min(self.bound(), row * float(np.linalg.norm(self.b)))

    @property
    def shift(self) -> float:
        """What is added to every wanted entry so that none is negative."""
        return MARGIN * max(0.0, -self.floor)

    def shifted(self) -> RealArray:
        """b + A a, the right side of x + a: a is `shift` on the wanted entries, zero elsewhere."""
        known = np.zeros(self.b.size)
        known[self.wanted] = self.shift
        return np.asarray(self.b + self.matrix @ known)

    def shifted_bound(self) -> float:
        """Upper limit on |x + a|."""
        whole = float(np.linalg.norm(self.b)) / self.smallest
        return whole + self.shift * float(np.sqrt(self.wanted.size))

    def classical(self) -> RealArray:
        """x[wanted] by a sparse direct solver."""
        return np.asarray(direct(self.matrix, self.b)[self.wanted].mean(axis=1))


def square_matrix(matrix: Matrix | ArrayLike, n: int, name: str) -> Matrix:
    """The matrix as real CSR (n, n); ConfigError where it has another shape or entries that are not real and finite."""
    try:
        given = matrix if sp.issparse(matrix) else np.atleast_2d(np.asarray(matrix))
        array = sp.csr_array(given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is no matrix of numbers: {error}.", subject=matrix) from error
    if array.shape != (n, n):
        raise ConfigError(f"{name} has shape {array.shape}, expected {(n, n)}.", subject=matrix)
    if np.iscomplexobj(array.data) or not np.isfinite(array.data).all():
        raise ConfigError(f"{name} has complex, NaN or infinite entries.", subject=matrix)
    return sp.csr_array(array.astype(np.float64))


def _groups(wanted: Sequence[int | Sequence[int]] | None, n: int) -> NDArray[np.int64]:
    """Indices of shape (m, copies)."""
    given = list(range(n)) if wanted is None else [np.atleast_1d(np.asarray(group)) for group in wanted]
    lengths = {np.size(group) for group in given}
    flat = np.concatenate([np.ravel(group) for group in given]) if given else np.array([])
    if len(lengths) != 1 or len(set(flat.tolist())) != flat.size or not set(flat.tolist()) <= set(range(n)):
        raise ConfigError(
            f"wanted must be distinct indices below {n}, or tuples of them of one length.", subject=wanted
        )
    return flat.astype(np.int64).reshape(len(given), -1)
