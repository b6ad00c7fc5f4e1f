"""Linear combination of Pauli strings, with a SELECT of CX and CZ alone."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.base import BlockEncoding, Entries, Matrix, dense, units
from qgd_core.state.prepare import prepare


def encode_pauli(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a matrix as sum_xz c_xz X^x Z^z, the bits of x and z being the labels.

    Arguments: matrix, CSR, real or complex, shape (2**n_system, 2**n_system), not all zero.
    Result: alpha = sum |c_xz| on 2 n_system ancillas; 2 * 4**n_system CX for the label states (3 where c is complex) and
    2 n_system for SELECT. It does not scale: every label has an amplitude of its own.
    Raises: nothing beyond `padded`, which checks the matrix.
    Source: Childs, Wiebe, arXiv:1202.5822; a Pauli string is a CX and a CZ per qubit from its two label bits.
    """
    q = n_system
    weights = _coefficients(dense(matrix))
    alpha = float(np.abs(weights).sum())
    amplitudes = np.sqrt(np.abs(weights) / alpha)

    def build() -> Circuit:
        builder = CircuitBuilder("pauli", 3 * q)
        labels = range(2 * q)
        builder.call(prepare(amplitudes * units(weights), "signed_labels"), labels)
        for k in range(q):
            builder.gate("z", [2 * q + k], (), ((q + k, 1),))
            builder.gate("x", [2 * q + k], (), ((k, 1),))
        builder.call(prepare(amplitudes, "labels"), labels, adjoint=True)
        return builder.build()

    return BlockEncoding(
        method="pauli",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=2 * q,
        eps=1e-13 * alpha,
        two_qubit=(2 + np.iscomplexobj(weights)) * (4**q - 2) + 2 * q,
        rotations=(2 + np.iscomplexobj(weights)) * (4**q - 1),
        build=build,
    )


def _coefficients(entries: Entries) -> Entries:
    """c_xz at index x * n + z: mean over j of A[j ^ x, j] (-1)^(z . j)."""
    n = entries.shape[0]
    x, j = np.arange(n)[:, np.newaxis], np.arange(n)[np.newaxis, :]
    table = entries[j ^ x, j].reshape(n, *(2,) * (n.bit_length() - 1))
    for axis in range(1, table.ndim):
        low, high = np.moveaxis(table, axis, 0)
        table = np.stack([low + high, low - high], axis) / 2
    return np.asarray(table.reshape(-1))
