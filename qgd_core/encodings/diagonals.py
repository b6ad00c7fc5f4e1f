"""A matrix by its diagonals: one table, looked at strip by strip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qgd_core.arrays import RealArray
from qgd_core.encodings.base import Entries, Matrix, row_strips, used_diagonals

# Entries of a table of diagonals that are looked at together.
_STRIP = 1 << 20


@dataclass(frozen=True, eq=False)
class Diagonals:
    """Entries by diagonal: entries[l, j] is that of column j at row (j + shifts[l]) mod n; shifts[0] is 0.

    A part of it shows `span` alone, of the columns or of the rows. A complex entry is its magnitude in `values` and its
    argument in `phases`, which is None for a real matrix.
    """

    shifts: list[int]
    entries: Entries
    n_system: int
    span: slice

    @property
    def values(self) -> RealArray:
        """By label and column."""
        return self._sizes(self.entries[:, self.span])

    @property
    def phases(self) -> RealArray | None:
        """The arguments of complex entries."""
        return np.angle(self.entries[:, self.span]) if np.iscomplexobj(self.entries) else None

    @property
    def by_row(self) -> RealArray:
        """The values by label and row."""
        return self._sizes(np.take_along_axis(self.entries, self.columns, axis=1))

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of each label in each column."""
        return self._moved(1)

    @property
    def columns(self) -> NDArray[np.int64]:
        """The column of each label in each row."""
        return self._moved(-1)

    def strips(self) -> Iterator[Diagonals]:
        """Parts of about a million entries."""
        width, n = max(1, _STRIP >> (len(self.shifts) - 1).bit_length()), 2**self.n_system
        return (replace(self, span=slice(first, min(n, first + width))) for first in range(0, n, width))

    def transpose(self) -> Diagonals:
        """Of the conjugate transpose."""
        n = 2**self.n_system
        order = np.argsort([-shift % n for shift in self.shifts])
        flipped = np.zeros_like(self.entries)
        for label, own in enumerate(order.tolist()):
            flipped[label] = np.roll(self.entries[own], self.shifts[own]).conj()
        return replace(self, shifts=[-self.shifts[own] % n for own in order], entries=flipped)

    def _moved(self, sign: int) -> NDArray[np.int64]:
        place = np.arange(self.span.start, self.span.stop)
        moved: NDArray[np.int64] = np.add.outer(sign * np.array(self.shifts), place) % 2**self.n_system
        return moved

    @staticmethod
    def _sizes(entries: Entries) -> RealArray:
        return np.abs(entries) if np.iscomplexobj(entries) else entries


def split_diagonals(matrix: Matrix, n_system: int, *, transposed: bool = False) -> Diagonals:
    """The entries of a CSR array of 2**n_system rows, or of its conjugate transpose, by diagonal."""
    n = matrix.shape[0]
    used = [0, *(shift for shift in used_diagonals(matrix).tolist() if shift)]
    entries = np.zeros((len(used), n), matrix.dtype)
    for rows, columns, data in row_strips(matrix):
        entries[np.searchsorted(used, (rows - columns) % n), columns] = data
    parts = Diagonals(used, entries, n_system, slice(0, n))
    return parts.transpose() if transposed else parts
