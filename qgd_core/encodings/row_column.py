"""Row and column states: A = alpha L^dagger SWAP R from the entries, for any matrix."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.base import BlockEncoding, Entries, Matrix, dense, units
from qgd_core.encodings.perron import perron_weights
from qgd_core.state.prepare import prepare_rows

# A norm this close to 1 is complete: the rest would be rounding.
_COMPLETE = 1e-7


def encode_row_column(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a matrix by a register pair: R writes column j's rows, L row i's columns, with Perron weights.

    Arguments: matrix, CSR, real or complex, shape (2**n_system, 2**n_system), not all zero.
    Result: an exact encoding (eps is rounding) with alpha = || |A| ||_2 on n_system ancillas, one more where
    a row or column state is short of norm 1 and no free label can take the rest. About
    2 * 4**n_system CX, for complex entries half as many more: it scales with the
    entries of the register, not of the pattern.
    Raises: nothing beyond `padded`, which checks the matrix.
    Source: the square-root weights of Childs, arXiv:0810.0312, balanced by Perron vectors so that
    alpha <= sqrt(|A|_1 |A|_inf); column sums need not be equal.
    """
    entries = dense(matrix)
    alpha, u, v = perron_weights(matrix)
    shares = np.abs(entries) / alpha
    column_states = np.sqrt(shares * u[:, np.newaxis] / v[np.newaxis, :]) * units(entries)
    row_states = np.sqrt(shares * v[np.newaxis, :] / u[:, np.newaxis])
    right, left = _complete(column_states.T, row_states)
    n_flag = int(right.shape[1] > right.shape[0])
    q = n_system

    def build() -> Circuit:
        ancillas, system = [*range(q + n_flag)], [*range(q + n_flag, 2 * q + n_flag)]
        builder = CircuitBuilder("row_column", 2 * q + n_flag)
        builder.call(prepare_rows(right, "column_states"), [*system, *ancillas])
        for a, s in zip(ancillas[n_flag:], system, strict=True):
            builder.gate("swap", [a, s])
        builder.call(prepare_rows(left, "row_states"), [*system, *ancillas], adjoint=True)
        return builder.build()

    labels = 2 ** (q + n_flag) - 1
    phases = 2 ** (2 * q + n_flag) * np.iscomplexobj(right)
    return BlockEncoding(
        method="row_column",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=q + n_flag,
        eps=1e-13 * alpha,
        two_qubit=2 * 2**q * labels + 3 * q + phases,
        rotations=2 * 2**q * labels + phases,
        build=build,
    )


def _complete(right: Entries, left: Entries) -> tuple[Entries, Entries]:
    """Bring every row of `right` (column states) and `left` (row states) to norm 1 without changing A.

    The rest of a short column goes to a label whose entry is zero and whose row is complete, so that the two
    rests never meet; where no such label exists both sides get a flag qubit, and one complete row or column
    (there always is one) keeps the rests apart.
    """
    rest_right = np.sqrt(np.clip(1.0 - np.sum(np.abs(right) ** 2, axis=1), 0.0, None))
    rest_left = np.sqrt(np.clip(1.0 - np.sum(left**2, axis=1), 0.0, None))
    short_right, short_left = rest_right > _COMPLETE, rest_left > _COMPLETE
    free_right = (right == 0) & ~short_left[np.newaxis, :]
    # A row's rest may sit at any zero entry: no short column ever points back at a short row.
    free_left = left == 0
    if free_right[short_right].any(axis=1).all() and free_left[short_left].any(axis=1).all():
        for states, rest, short, free in (
            (right, rest_right, short_right, free_right),
            (left, rest_left, short_left, free_left),
        ):
            states[short, free[short].argmax(axis=1)] = rest[short]
        return right, left
    wide_right, wide_left = np.hstack([right, np.zeros_like(right)]), np.hstack([left, np.zeros_like(left)])
    size = right.shape[0]
    wide_right[short_right, size + int(rest_left.argmin())] = rest_right[short_right]
    wide_left[short_left, size + int(rest_right.argmin())] = rest_left[short_left]
    return wide_right, wide_left
