"""Block encodings with their operators, and what every method checks of its matrix first."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Number
from typing import Any, Self, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from qgd_core.encodings import algebra
from qgd_core.encodings.action import Action, transposed
from qgd_core.encodings.block import Block, Layout
from qgd_core.encodings.polynomial import transform
from qgd_core.errors import ConfigError
from qgd_core.phases.chebyshev import Chebyshev

__all__ = [
    "Action",
    "BlockEncoding",
    "Entries",
    "Layout",
    "Matrix",
    "dense",
    "padded",
    "row_strips",
    "transposed",
    "units",
    "used_diagonals",
]

Matrix = sp.csr_array
_SMALLEST, _LARGEST = 1e-290, 1e290
# Rows that are looked at together.
_STRIP = 1 << 18
Entries: TypeAlias = NDArray[Any]  # float64 or complex128


class BlockEncoding(Block):
    """A block encoding (see `Block` for what it holds) with + - * @ and their kin."""

    def __mul__(self, factor: complex) -> Self:
        if not isinstance(factor, Number):
            return NotImplemented
        return algebra.scaled(self, complex(factor))

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return self * -1.0

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, Block):
            return NotImplemented
        return algebra.combine([self, other], [1.0, 1.0])

    def __sub__(self, other: Self) -> Self:
        if not isinstance(other, Block):
            return NotImplemented
        return algebra.combine([self, other], [1.0, -1.0])

    def __matmul__(self, other: Self) -> Self:
        return algebra.product(self, other) if isinstance(other, Block) else NotImplemented

    def kron(self, other: Self) -> Self:
        """The encoding of the Kronecker product, this register first."""
        return algebra.kron(self, other)

    def kron_sum(self, other: Self) -> Self:
        """The encoding of A (x) I + I (x) B."""
        return algebra.kron_sum(self, other)

    def polynomial(self, polynomial: Chebyshev) -> Self:
        """The encoding of polynomial(A / alpha), real and even or odd: see `encodings.polynomial.transform`."""
        return transform(self, polynomial)


def padded(matrix: Matrix | ArrayLike) -> tuple[Matrix, int]:
    """Check a square matrix and pad it with zeros to the next power of two.

    Arguments: matrix, dense or sparse, real or complex, shape (n, n).
    Result: (CSR of shape (2**q, 2**q), q) with q >= 1, exact.
    Raises: ConfigError when it is not square, not numeric, not finite, empty, all zero, or its largest entry is not
    between 1e-290 and 1e290.
    Source: none.
    """
    try:
        given = sp.csr_array(matrix if sp.issparse(matrix) else np.atleast_2d(_numbers(matrix)))
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"The matrix to encode is not a table of numbers: {error}.", subject=matrix
        ) from error
    rows, columns = given.shape
    if rows != columns or rows == 0:
        raise ConfigError(f"A block encoding needs a square matrix, got shape {given.shape}.", subject=matrix)
    if not np.isfinite(given.data).all():
        raise ConfigError("The matrix to encode has NaN or infinite entries.", subject=matrix)
    if not np.any(given.data):
        raise ConfigError("The matrix to encode is all zero.", subject=matrix)
    largest = float(np.abs(given.data).max())
    if not _SMALLEST < largest < _LARGEST:
        raise ConfigError(
            f"The largest entry is {largest:.3g} in magnitude: sums or products of entries would leave float64.",
            subject=matrix,
            value=largest,
            remedy="Scale the matrix, and its encoding back by a factor.",
        )
    q = max(1, (rows - 1).bit_length())
    # A complex matrix without imaginary part is real.
    real = not np.iscomplexobj(given.data) or not np.any(given.data.imag)
    data = np.array(given.data.real if real else given.data, np.float64 if real else np.complex128)
    ends = np.concatenate([given.indptr, np.full(2**q - rows, given.indptr[-1], given.indptr.dtype)])
    whole = sp.csr_array((data, given.indices.copy(), ends), shape=(2**q, 2**q))
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole, q


def row_strips(matrix: Matrix) -> Iterator[tuple[NDArray[np.int64], NDArray[Any], Entries]]:
    """Rows, columns and values of a CSR array's entries, some rows at a time."""
    n = matrix.shape[0]
    for first in range(0, n, _STRIP):
        ends = matrix.indptr[first : min(n, first + _STRIP) + 1]
        here = slice(int(ends[0]), int(ends[-1]))
        rows = np.repeat(np.arange(first, first + ends.size - 1), np.diff(ends))
        yield rows, matrix.indices[here], matrix.data[here]


def used_diagonals(matrix: Matrix) -> NDArray[np.int64]:
    """The diagonals, row less column modulo the size, that hold an entry of a CSR array, ascending."""
    seen = np.zeros(matrix.shape[0], dtype=bool)
    for rows, columns, _ in row_strips(matrix):
        seen[(rows - columns) % seen.size] = True
    return np.flatnonzero(seen)


def _numbers(values: Any) -> NDArray[Any]:
    """An array of numbers; integers too large for 64 bits become floats."""
    array: NDArray[Any] = np.asarray(values)
    return array if array.dtype.kind in "biufc" else array.astype(np.float64)


def dense(matrix: Matrix) -> Entries:
    """The matrix as a float64 or complex128 array."""
    return np.asarray(matrix.toarray())


def units(entries: Entries) -> Entries:
    """Signs of real entries, exp(i argument) of complex ones; 1 where an entry is zero."""
    if np.iscomplexobj(entries):
        return np.exp(1j * np.angle(entries))
    return np.where(entries < 0, -1.0, 1.0)
