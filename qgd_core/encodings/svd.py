"""The dense dilation through the singular value decomposition: a check, it does not scale."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.orthogonal import orthogonal
from qgd_core.circuit.turns import open_turn
from qgd_core.encodings.base import BlockEncoding, Matrix, dense


def encode_svd(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a matrix by A = W diag(sigma) V^T with one ancilla turned by 2 arccos(sigma / sigma_max).

    Arguments: matrix, real CSR, shape (2**n_system, 2**n_system), not all zero.
    Result: an exact encoding (eps is rounding) with alpha = |A| on one ancilla; about 4**n_system CX and a
    classical factorisation of 8**n_system operations: labelled as not scalable.
    Raises: nothing beyond `padded`, which checks the matrix.
    Source: unitary dilation (Halmos), with Mottonen et al., arXiv:quant-ph/0404089, for the two frames.
    """
    q = n_system

    def build() -> Circuit:
        left, sigma, right = np.linalg.svd(dense(matrix))
        builder = CircuitBuilder("svd", q + 1)
        system = range(1, q + 1)
        frame, signs = orthogonal(np.asarray(right), "right_frame")
        builder.call(frame, system)
        # Both frames' signs are diagonal: the right one joins the columns of the left, whose determinant is
        # made +1 by the sign of one singular value.
        left = left * signs[np.newaxis, :]
        turned = float(np.sign(np.linalg.det(left)))
        left[:, 0] *= turned
        sigma[0] *= turned
        last, _ = orthogonal(np.asarray(left), "left_frame")
        open_turn(builder, [*system], 0, 2.0 * np.arccos(np.clip(sigma / np.abs(sigma[0]), -1.0, 1.0)))
        builder.call(last, system)
        if q > 1:
            builder.gate("z", [q], (), ((1, 1),))
        return builder.build()

    frame_cost = (2**q - 1) * (2 ** (q - 1) - 1)
    alpha = float(np.linalg.norm(dense(matrix), 2))
    return BlockEncoding(
        method="svd",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=1,
        eps=1e-13 * alpha,
        two_qubit=2 * frame_cost + 2**q,
        rotations=(2**q - 1) * 2**q + 2**q,
        build=build,
    )
