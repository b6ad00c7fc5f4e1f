"""The dense dilation through the singular value decomposition: a check, it does not scale."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.rotation import rotation, rotation_cost
from qgd_core.circuit.turns import turn
from qgd_core.circuit.unitary import decompose_unitary, unitary_cost
from qgd_core.encodings.base import BlockEncoding, Matrix, dense


def encode_svd(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a matrix by A = W diag(sigma) V^T with one ancilla turned by 2 arccos(sigma / sigma_max).

    Arguments: matrix, CSR, real or complex, shape (2**n_system, 2**n_system), not all zero.
    Result: an exact encoding (eps is rounding) with alpha = |A| on one ancilla; about 0.7 * 4**n_system CX (1.5 for complex
    entries) and a
    classical factorisation of 8**n_system operations: labelled as not scalable.
    Raises: nothing beyond `padded`, which checks the matrix.
    Source: unitary dilation (Halmos); the two frames as in `circuit.rotation` and `circuit.unitary`.
    """
    q = n_system

    real = not np.iscomplexobj(matrix.data)

    def build() -> Circuit:
        left, sigma, right = np.linalg.svd(dense(matrix))
        # Real frames need determinant 1: a singular value takes the sign that is left.
        for frame, own in ((left.T, sigma), (right, sigma)):
            if real and np.linalg.det(frame) < 0:
                frame[0] *= -1.0
                own[0] *= -1.0
        builder = CircuitBuilder("svd", q + 1)
        system = range(1, q + 1)
        decompose = rotation if real else decompose_unitary
        builder.call(decompose(np.asarray(right), "right_frame"), system)
        angles = 2.0 * np.arccos(np.clip(sigma / np.abs(sigma[0]), -1.0, 1.0))
        # The ancilla starts and ends in |0>: signs on |1> are not seen.
        turn(builder, system, 0, angles, before=system, after=system)
        builder.call(decompose(np.asarray(left), "left_frame"), system)
        return builder.build()

    alpha = float(np.linalg.norm(dense(matrix), 2))
    return BlockEncoding(
        method="svd",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=1,
        eps=1e-13 * alpha,
        two_qubit=2 * (rotation_cost(q) if real else unitary_cost(q)) + 2**q - 1,
        rotations=(5 * 4**q // 4 if real else 3 * 4**q) + 2**q,
        build=build,
    )
