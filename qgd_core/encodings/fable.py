"""Every entry as one rotation: the simplest encoding of dense data, with compression that states its error."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.base import BlockEncoding, Matrix, dense, units


def encode_fable(matrix: Matrix, n_system: int, cutoff: float = 0.0) -> BlockEncoding:
    """Encode a matrix by rotations of one flag, an angle per entry in the Walsh basis.

    Arguments: matrix, CSR, real or complex, shape (2**n_system, 2**n_system), not all zero; cutoff, radians: rotations
    below it are left out.
    Result: alpha = 2**n_system max |A| on n_system + 1 ancillas and 4**n_system CX at most, twice that for
    complex entries, whose phases are not compressed: it does not scale.
    `eps` is the spectral norm of what compression changes, computed from the rotations that are kept.
    Raises: nothing beyond `padded`, which checks the matrix.
    Source: Camps, Van Beeumen, arXiv:2205.00081, with labels i XOR j so that n_system CX replace the swaps.
    """
    q, n = n_system, 2**n_system
    entries = dense(matrix)
    phased = np.iscomplexobj(entries)
    largest, phases = float(np.abs(entries).max()), units(entries) if phased else 1.0
    magnitudes = np.abs(entries) if phased else entries
    label, column = np.arange(n)[:, np.newaxis], np.arange(n)[np.newaxis, :]
    angles = 2.0 * np.arccos(np.clip(magnitudes[label ^ column, column] / largest, -1.0, 1.0))
    turns = _walsh(angles.reshape(-1))
    kept = np.where(np.abs(turns) >= cutoff, turns, 0.0)
    angles = _walsh(kept) * kept.size
    changed = np.zeros((n, n))
    changed[label ^ column, column] = largest * np.cos(angles.reshape(n, n) / 2.0)
    alpha = n * largest

    def build() -> Circuit:
        builder = CircuitBuilder("fable", 2 * q + 1)
        labels, system = range(1, q + 1), range(q + 1, 2 * q + 1)
        for k in labels:
            builder.gate("h", [k])
        builder.gate("mux_ry", [*labels, *system, 0], angles)
        if phased:
            builder.gate(
                "diagonal", [*labels, *system], np.angle(entries[label ^ column, column]).reshape(-1)
            )
        for a, s in zip(labels, system, strict=True):
            builder.gate("x", [s], (), ((a, 1),))
        for k in labels:
            builder.gate("h", [k])
        return builder.build()

    rotations = int(np.count_nonzero(kept))
    return BlockEncoding(
        method="fable",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=q + 1,
        eps=float(np.linalg.norm(changed * phases - entries, 2)) + 1e-13 * alpha,
        two_qubit=min(4**q, 2 * q * rotations) + q + 4**q * phased,
        rotations=rotations + 4**q * phased,
        build=build,
    )


def _walsh(values: RealArray) -> RealArray:
    """Walsh-Hadamard transform over the size; its own inverse up to that factor."""
    q = values.size.bit_length() - 1
    table = values.reshape((2,) * q)
    for axis in range(q):
        low, high = np.moveaxis(table, axis, 0)
        table = np.stack([low + high, low - high], axis) / 2
    return np.asarray(table.reshape(-1))
