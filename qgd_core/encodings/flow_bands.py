"""A quadratic field of neighbours as labelled diagonals: what the slots of a flow need of F0, F1 and F2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.base import Matrix
from qgd_core.encodings.perron import perron_weights
from qgd_core.errors import ConfigError
from qgd_core.oracles.shifts import Shift, shift_by_label

# Labels are |l0, l1>: 0 for the diagonal, l1 for row = column + 1, l0 for row = column - 1.
_MOVES = (0, 1, -1)
_PLACES = (0, 1, 2)
_NEAR = 0.9


@dataclass(frozen=True, eq=False)
class Band:
    """A tridiagonal matrix over alpha as amplitudes of labels, of shape (3, 2**p), by column and by row.

    Columns have norm 1, rows at most 1, and the signs.
    """

    matrix: Matrix
    alpha: float
    columns: RealArray
    rows: RealArray


@dataclass(frozen=True)
class Pivot:
    """The label and row that a raised state passes through, where `moved` takes |0>, and the row's amplitude."""

    label: int
    moved: int
    row: int
    amplitude: float


@dataclass(frozen=True, eq=False)
class Bands:
    """F0 padded to a slot, F1, and G with F2(u, u)_i = u_i (G u)_i."""

    n: int
    offset: RealArray
    linear: Band
    quadratic: Band

    @property
    def n_slot(self) -> int:
        """Qubits of one slot."""
        return self.offset.size.bit_length() - 1

    @property
    def size(self) -> int:
        """States of one slot."""
        return self.offset.size

    @cached_property
    def shift(self) -> Shift:
        """The move of slot A by the labels (l1, l0)."""
        return shift_by_label([1, -1], self.n_slot)

    @cached_property
    def pivot(self) -> Pivot:
        """A row amplitude of F1 near the largest, the cheapest to reach from |0> and to leave."""
        values = self.linear.rows
        near = np.argwhere(np.abs(values) >= _NEAR * np.abs(values).max())
        cost = [(row ^ self._moved(label)).bit_count() + row.bit_count() for label, row in near.tolist()]
        label, row = near[int(np.argmin(cost))].tolist()
        _, signs = self._codes
        moved = self._moved(label)
        return Pivot(label, moved, row, float(values[label, row] * signs[label, moved] * signs[label, row]))

    def column_angles(self) -> tuple[RealArray, RealArray]:
        """Angles of l0 by (down, slot A), and of l1 by (down, l0, slot A)."""
        return _tree(self._states([band.columns for band in (self.linear, self.quadratic)], _PLACES))

    def row_angles(self, gated: bool = False) -> tuple[RealArray, RealArray]:
        """The same of the rows, in the codes that the shift leaves; gated, by (gate, down, ...).

        With the gate at 0 nothing has moved: the rows' places take the columns. Down is 0 then, and what stands at 1
        makes a sum, which saves a quarter of the rotations.
        """
        codes, signs = self._codes
        spare = ({0, 1, 2, 3} - set(codes)).pop()
        rows = [band.rows for band in (self.linear, self.quadratic)]
        states = self._states([one * signs for one in rows], codes)
        states[:, :, spare] = np.sqrt(
            np.clip(1.0 - np.stack([np.sum(one**2, axis=0) for one in rows]), 0.0, None)
        )
        moved = _tree(states)
        if not gated:
            return moved
        still = _tree(self._states([self.linear.columns], codes))
        first, then = (
            np.stack([[idle[0], idle[0] + own[1] - own[0]], own])
            for idle, own in zip(still, moved, strict=True)
        )
        return first, then

    def _states(self, kinds: Sequence[RealArray], codes: Sequence[int]) -> RealArray:
        """Amplitudes by (kind, slot A, code) of amplitudes by (label, slot A)."""
        states = np.zeros((len(kinds), self.size, 4))
        for own, kind in zip(states, kinds, strict=True):
            own[:, codes] = kind.T
        return states

    def _moved(self, label: int) -> int:
        return _MOVES[label] % self.size

    @cached_property
    def _codes(self) -> tuple[list[int], RealArray]:
        """What the shift leaves of each label, and its sign by label and row."""
        p = self.n_slot
        j = np.arange(self.size)
        bits = {2 + k: j >> (p - 1 - k) & 1 for k in range(p)}
        bits[0], bits[1] = np.array([[0], [1], [0]]), np.array([[0], [0], [1]])
        after, by_column = self.shift.ops.act(bits, (3, self.size))
        codes = [int(2 * after[1][label, 0] + after[0][label, 0]) for label in range(3)]
        signs = np.stack([np.roll(row, move) for row, move in zip(by_column, _MOVES, strict=True)])
        return codes, signs


def read_bands(field: PolynomialField, scale: float) -> Bands:
    """Read F0, F1 and F2 in the coordinates scale * u.

    Arguments: field, F1 tridiagonal and not zero, F2 of monomials u_i u_j in row i with |i - j| <= 1; scale > 0.
    Result: the bands, exact.
    Raises: ConfigError when the pattern is another one.
    Source: none.
    """
    if not (np.isfinite(scale) and scale > 0.0):
        raise ConfigError(f"scale is {scale}, expected a positive number.", subject="scale", value=scale)
    n = field.n
    size = 1 << max(1, (n - 1).bit_length())
    offset = np.zeros(size)
    offset[:n] = scale * field.coefficient(0).toarray()[:, 0]
    pairs = sp.coo_array(field.coefficient(2))
    rows, columns = (np.asarray(part, dtype=np.int64) for part in pairs.coords)
    left, right = columns // n, columns % n
    partner = np.where(left == rows, right, left)
    linear = sp.csr_array(field.coefficient(1))
    quadratic = sp.csr_array((pairs.data / scale, (rows, partner)), shape=(n, n))
    for matrix in (linear, quadratic):
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    apart = np.subtract(*sp.coo_array(linear).coords), rows - partner
    if any(part.size and np.abs(part).max() > 1 for part in apart) or np.any(
        (left != rows) & (right != rows)
    ):
        raise ConfigError(
            "F1 must be tridiagonal and F2 have monomials u_i u_j with |i - j| <= 1 in row i.",
            subject=field,
            remedy="Encode the assembled matrix with block_encode.",
        )
    if field.degree > 2 or not linear.nnz:
        raise ConfigError("The field must be of degree 2 at most, with F1 not zero.", subject=field)
    return Bands(n, offset, _band(linear, size), _band(quadratic, size))


def _band(matrix: Matrix, size: int) -> Band:
    coo = sp.coo_array(matrix)
    i, j = coo.coords
    # Two rows have one neighbour: both moves are the same.
    label = (i - j) % (2 if size == 2 else 3)
    rows, columns = np.zeros((3, size)), np.zeros((3, size))
    alpha = 0.0
    if matrix.nnz:
        alpha, u, _ = perron_weights(matrix)
        # What a column is short of goes to the rows, which have a label to spare.
        v = np.asarray(abs(matrix).T @ u) / alpha
        share, ratio = np.sqrt(np.abs(coo.data) / alpha), np.sqrt(u[i] / v[j])
        columns[label, j] = share * ratio
        rows[label, i] = share / ratio * np.sign(coo.data)
    columns[0, np.all(columns == 0.0, axis=0)] = 1.0
    return Band(matrix, alpha, columns, rows)


def _tree(states: RealArray) -> tuple[RealArray, RealArray]:
    """Angles of two qubits for real states (kind, slot, 4): the first by (kind, slot), the second by (kind, first, slot)."""
    pairs = states.reshape(*states.shape[:2], 2, 2)
    norms = np.linalg.norm(pairs, axis=3)
    first = 2.0 * np.arctan2(norms[..., 1], norms[..., 0])
    return first, np.asarray(2.0 * np.arctan2(pairs[..., 1], pairs[..., 0]).swapaxes(1, 2))
