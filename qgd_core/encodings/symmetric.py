"""Symmetric and Hermitian matrices as A = alpha R^dagger T R with one and the same R: a control is needed on T alone."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.base import BlockEncoding, Matrix, dense, units
from qgd_core.encodings.perron import perron_weights
from qgd_core.errors import ConfigError
from qgd_core.state.prepare import prepare_rows

_COMPLETE = 1e-7


def is_symmetric(matrix: Matrix) -> bool:
    """True for a Hermitian matrix whose diagonal has no negative entry."""
    return bool(abs(matrix - matrix.conj().T).max() == 0 and matrix.diagonal().real.min() >= 0)


def encode_symmetric(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a symmetric or Hermitian matrix by a register pair whose two sides are the same block.

    Arguments: matrix, Hermitian CSR with diagonal >= 0, shape (2**n_system, 2**n_system), not all zero.
    Result: an exact encoding with alpha = || |A| ||_2 on n_system ancillas, two more where a state is short of
    norm 1. About 2 * 4**n_system CX (4 for complex entries); controlled, about 7 n_system more, since R and
    its inverse cancel.
    Raises: ConfigError when the matrix is not Hermitian or has a negative diagonal entry.
    Source: the walk operator of Childs, arXiv:0810.0312, with Perron weights; phases sit above the diagonal.
    """
    if not is_symmetric(matrix):
        raise ConfigError(
            "The matrix is not symmetric or Hermitian with a diagonal >= 0.",
            subject=matrix,
            remedy="Use 'row_column'.",
        )
    q, n = n_system, 2**n_system
    alpha, u, v = perron_weights(matrix)
    # |A| u <= alpha v and |A| v <= alpha u give |A| w <= alpha w for the geometric mean.
    w = np.sqrt(u * v)
    entries = dense(matrix)
    states = np.sqrt(np.abs(entries) / alpha * (w[np.newaxis, :] / w[:, np.newaxis]))
    states = states * units(np.triu(entries.conj()))
    rest = np.sqrt(np.clip(1.0 - np.sum(np.abs(states) ** 2, axis=1), 0.0, None))
    short = bool(rest.max() > _COMPLETE)
    if short:
        spare = np.zeros((n, n))
        spare[:, 0] = np.where(rest > _COMPLETE, rest, 0.0)
        states = np.hstack([states, spare])
    n_ancilla = q + 2 * short

    def build() -> Circuit:
        builder = CircuitBuilder("symmetric", n_ancilla + q)
        system, pair = range(n_ancilla, n_ancilla + q), range(n_ancilla - q, n_ancilla)
        register = [*system, *([1] if short else []), *pair]
        block = prepare_rows(states, "states")
        builder.call(block, register)
        if short:
            # What is missing must not meet itself on the other side.
            builder.gate("x", [0], (), ((1, 1),))
        for a, s in zip(pair, system, strict=True):
            builder.gate("swap", [a, s])
        builder.call(block, register, adjoint=True)
        return builder.build()

    each = n * (states.shape[1] - 1) + states.size * np.iscomplexobj(states)
    return BlockEncoding(
        method="symmetric",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=n_ancilla,
        eps=1e-13 * alpha,
        two_qubit=2 * each + 3 * q + short,
        rotations=2 * each,
        build=build,
    )
