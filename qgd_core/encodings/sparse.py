"""Sparse matrices without structure: a label per colour, and each colour's permutation loaded as data."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import open_turn
from qgd_core.encodings.base import BlockEncoding, Entries, Matrix, units
from qgd_core.encodings.perron import perron_weights
from qgd_core.oracles.colouring import Indices, colour_edges
from qgd_core.state.prepare import prepare_rows

_COMPLETE = 1e-7


def encode_sparse(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a matrix with at most s entries a row and a column by s partial permutations.

    Arguments: matrix, CSR, real or complex, shape (2**n_system, 2**n_system), not all zero.
    Result: an exact encoding with alpha = || |A| ||_2 and about 2 (n_system + 1) s 2**n_system CX, s rounded up
    to a power of two; ancillas log2 s, one more where a state is short of norm 1, and n_system restored ones.
    Raises: nothing beyond `padded`, which checks the matrix.
    Source: row and column states as in arXiv:0810.0312; i XOR j is loaded from (colour, j), added, and
    unloaded from (colour, i), each bit by one multiplexed rotation.
    """
    q, n = n_system, 2**n_system
    alpha, u, v = perron_weights(matrix)
    magnitude = abs(matrix)
    # As many colours as the largest degree, which is known before they are found.
    b = max(1, (degree(matrix) - 1).bit_length())
    short = max(_missing(magnitude @ v / (alpha * u)), _missing(magnitude.T @ u / (alpha * v))) > _COMPLETE
    n_labels, phased = b + int(short), np.iscomplexobj(matrix.data)

    def build() -> Circuit:
        builder = CircuitBuilder("sparse", n_labels + 2 * q)
        labels, pair = range(n_labels), range(n_labels, n_labels + q)
        system = range(n_labels + q, n_labels + 2 * q)
        selects = [*labels[int(short) :], *system]
        right, left, loads = _tables(matrix, (alpha, u, v), b, q)
        if not short:
            right, left = right[:, : 2**b], left[:, : 2**b]
        builder.call(prepare_rows(right, "column_states"), [*system, *labels])
        _load(builder, selects, pair, loads[0])
        for a, s in zip(pair, system, strict=True):
            builder.gate("x", [s], (), ((a, 1),))
        unload = CircuitBuilder("load", n_labels + 2 * q)
        _load(unload, selects, pair, loads[1])
        builder.call(unload.build(), range(n_labels + 2 * q), adjoint=True)
        builder.call(prepare_rows(left, "row_states"), [*system, *labels], adjoint=True)
        return builder.build()

    each = n * (2**n_labels - 1)
    phases = n * 2**n_labels * phased
    return BlockEncoding(
        method="sparse",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=n_labels + q,
        eps=1e-13 * alpha,
        two_qubit=2 * each + 2 * q * (2 ** (b + q) - 1) + q + phases,
        rotations=2 * each + 2 * q * 2 ** (b + q) + phases,
        build=build,
        restored=q,
    )


def degree(matrix: Matrix) -> int:
    """The most entries in any row or column."""
    return int(max(np.diff(matrix.indptr).max(), np.bincount(matrix.indices).max()))


def _missing(kept: RealArray) -> float:
    """The most that a state is short of norm 1, from what it keeps squared."""
    return float(np.sqrt(np.clip(1.0 - np.asarray(kept), 0.0, None)).max())


def _tables(
    matrix: Matrix, weights: tuple[float, RealArray, RealArray], b: int, q: int
) -> tuple[Entries, RealArray, list[RealArray]]:
    """States of columns and of rows by colour, with labels past 2**b for what is missing, and the angles of both loads."""
    alpha, u, v = weights
    coo = matrix.tocoo()
    rows, columns = coo.row.astype(np.int64), coo.col.astype(np.int64)
    colours = colour_edges(rows, columns)
    share = np.sqrt(np.abs(coo.data) / alpha)
    ratio = np.sqrt(u[rows] / v[columns])
    right, left = np.zeros((2**q, 2 ** (b + 1)), coo.data.dtype), np.zeros((2**q, 2 ** (b + 1)))
    jump = rows ^ columns
    # Each loaded bit keeps the sign (-1)^(bit and top label bit); loading and unloading differ in nothing else.
    right[columns, colours] = share * ratio * units(coo.data)
    left[rows, colours] = share / ratio
    # What is missing goes to labels past the colours that never meet.
    _fill(right, 2**b)
    _fill(left, 2**b + 1)
    return right, left, [_table(colours, ends, jump, b, q) for ends in (columns, rows)]


def _fill(states: Entries, label: int) -> None:
    """Bring every row to norm 1 by one label."""
    rest = np.sqrt(np.clip(1.0 - np.sum(np.abs(states) ** 2, axis=1), 0.0, None))
    states[:, label] = np.where(rest > _COMPLETE, rest, 0.0)


def _table(colours: Indices, ends: Indices, jump: Indices, b: int, q: int) -> RealArray:
    """Angles that write each bit of i XOR j, shape (q, 2**(b + q)), selected by (colour, end)."""
    bits = np.zeros((q, 2 ** (b + q)))
    for k in range(q):
        bits[k, (colours << q) + ends] = np.pi * ((jump >> (q - 1 - k)) & 1)
    return bits


def _load(builder: CircuitBuilder, selects: list[int], pair: range, angles: RealArray) -> None:
    for target, row in zip(pair, angles, strict=True):
        open_turn(builder, selects, target, row)
