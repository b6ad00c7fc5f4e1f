"""Matrices as they act: assembled while small, else operators by structure that never are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

# A CSR array, or a LinearOperator where the matrix is too large to assemble.
Action: TypeAlias = Any
Values: TypeAlias = NDArray[Any]  # float64 or complex128
# Adds a multiple of a matrix times x to y, in the place of y: (x, y, factor).
Adder: TypeAlias = Callable[[Values, Values, float], None]
# Rows past which a Kronecker product is not assembled.
_ASSEMBLED = 1 << 20
# Numbers that are multiplied together, and rows that are: what they make is added while it is still at hand.
_TOGETHER, _STRIP = 1 << 22, 1 << 16


def transposed(action: Action) -> Action:
    """The conjugate transpose of a CSR array or a LinearOperator."""
    if isinstance(action, LinearOperator):
        return action.H
    return sp.csr_array(action.T.conj(copy=False))


def operator(
    size: int,
    forward: Callable[[Values], Values],
    backward: Callable[[Values], Values],
    dtype: Any = np.float64,
) -> LinearOperator:
    """A square matrix by what it and its conjugate transpose do to vectors of shape (size,)."""
    return LinearOperator(
        (size, size),
        matvec=lambda x: forward(np.reshape(x, -1)),
        rmatvec=lambda x: backward(np.reshape(x, -1)),
        dtype=dtype,
    )


class Adding(LinearOperator):
    """A square matrix by what it and its conjugate transpose add to a vector: no vector besides the two."""

    def __init__(self, size: int, forward: Adder, backward: Adder, dtype: Any) -> None:
        # As scipy documents it; its stubs declare __new__ alone.
        super().__init__(dtype, (size, size))  # type: ignore[call-arg]
        self.add, self._back = forward, backward

    def _matvec(self, x: Values) -> Values:
        flat = np.reshape(x, -1)
        found = np.zeros(flat.size, np.result_type(flat, self.dtype))
        self.add(flat, found, 1.0)
        return found

    def _adjoint(self) -> Adding:
        return Adding(self.shape[0], self._back, self.add, self.dtype)


def adding(action: Action) -> Adder:
    """What adds a multiple of a matrix times x, shape (size,) or (size, m), to y: with no more than a strip besides."""
    if isinstance(action, Adding):
        return action.add
    parts = strips(action)

    def add(x: Values, y: Values, factor: float) -> None:
        for here, part in parts:
            found = np.asarray(part @ x)
            found *= factor
            y[here] += found

    return add


def add_multiple(x: Values, y: Values, factor: float) -> None:
    """Add a multiple of x to y, in the place of y, without a vector of their size."""
    for first in range(0, len(x), _STRIP):
        here = slice(first, first + _STRIP)
        y[here] += factor * x[here]


def strips(action: Action) -> list[tuple[slice, Action]]:
    """A matrix as strips of rows, and where they stand: views of a CSR array, or an operator as it is."""
    size = action.shape[0]
    if size <= _STRIP or isinstance(action, LinearOperator):
        return [(slice(0, size), action)]
    found = []
    for first in range(0, size, _STRIP):
        ends = action.indptr[first : first + _STRIP + 1]
        entries = slice(int(ends[0]), int(ends[-1]))
        # Made of parts of a larger array it would copy them.
        part = sp.csr_array((ends.size - 1, size), dtype=action.dtype)
        part.data, part.indices, part.indptr = action.data[entries], action.indices[entries], ends - ends[0]
        found.append((slice(first, first + ends.size - 1), part))
    return found


def tiles(parts: list[tuple[slice, Action]], rows: Values) -> Iterator[tuple[slice, slice, Values]]:
    """A matrix in strips times every row of a table (count, size): which rows, which states, and the products.

    Strips that are large are read once for all rows, small matrices multiply some rows together.
    """
    width = 1 if len(parts) > 1 else max(1, _TOGETHER // rows.shape[1])
    for here, part in parts:
        for first in range(0, len(rows), width):
            at = slice(first, min(first + width, len(rows)))
            if width == 1:
                yield at, here, np.asarray(part @ rows[first])[np.newaxis]
            else:
                yield at, here, np.asarray(part @ rows[at].T).T


def kron_action(left: Action | int, right: Action | int) -> Action:
    """The Kronecker product of two matrices, an integer standing for the identity of that size.

    Result: CSR up to 2**20 rows of assembled factors, else an operator that applies one factor after the other.
    """
    sizes = [part if isinstance(part, int) else part.shape[0] for part in (left, right)]
    if sizes[0] * sizes[1] <= _ASSEMBLED and not any(
        isinstance(part, LinearOperator) for part in (left, right)
    ):
        one, other = (
            sp.eye_array(part, format="csr") if isinstance(part, int) else part for part in (left, right)
        )
        return sp.csr_array(sp.kron(one, other))

    def act(first: Action | int, second: Action | int, x: Values) -> Values:
        table = np.reshape(x, sizes)
        if not isinstance(first, int):
            table = np.asarray(first @ table)
        if not isinstance(second, int):
            table = np.asarray(second @ table.T).T
        return np.ascontiguousarray(table).reshape(-1)

    factors = [part for part in (left, right) if not isinstance(part, int)]
    back = [part if isinstance(part, int) else transposed(part) for part in (left, right)]
    return operator(
        sizes[0] * sizes[1],
        lambda x: act(left, right, x),
        lambda x: act(back[0], back[1], x),
        np.result_type(np.float64, *(part.dtype for part in factors)),
    )
