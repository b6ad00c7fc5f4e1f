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
# Rows past which a Kronecker product is not assembled.
_ASSEMBLED = 1 << 20
# Numbers that are multiplied together.
_TOGETHER = 1 << 22


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


def by_rows(action: Action, rows: Values) -> Iterator[tuple[slice, Values]]:
    """A matrix times every row of a table (count, size), a few rows at a time: where they stand, and the products."""
    width = max(1, _TOGETHER // rows.shape[1])
    for first in range(0, len(rows), width):
        here = slice(first, min(len(rows), first + width))
        if width == 1:
            yield here, np.asarray(action @ rows[first])[np.newaxis]
        else:
            yield here, np.asarray(action @ rows[here].T).T


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
