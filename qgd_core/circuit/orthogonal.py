"""Real orthogonal matrices as circuits: the cosine-sine decomposition, down to multiplexed Ry."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cossin

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import open_turn
from qgd_core.errors import ConfigError

_ORTHOGONALITY = 1e-10


def orthogonal(matrix: RealArray, name: str = "orthogonal") -> tuple[Circuit, RealArray]:
    """Circuit for a real orthogonal matrix, up to the signs of its rows.

    Arguments: matrix, real orthogonal, shape (2**q, 2**q) with q >= 1; name of the block.
    Result: (circuit on q qubits, signs of shape (2**q,)) with matrix = diag(signs) @ unitary(circuit) to
    rounding. It costs 2**q - 1 multiplexed Ry of q - 1 selects, each without its last CZ:
    (2**q - 1) * (2**(q-1) - 1) CX. The signs are left out because a measurement that follows does not see
    them; for determinant +1 they are a CZ of the first and the last qubit, and `sign_phases` turns any into a gate.
    Raises: ConfigError when the shape is not a power of two or the matrix is not orthogonal to 1e-10.
    Source: Mottonen, Vartiainen, Bergholm, Salomaa, arXiv:quant-ph/0404089, section II; here the signs are
    carried to the left end instead of being made +1 in each factor.
    """
    size = matrix.shape[0]
    q = size.bit_length() - 1
    if matrix.shape != (size, size) or size != 2**q or q < 1:
        raise ConfigError(f"An orthogonal block needs shape (2**q, 2**q), got {matrix.shape}.")
    defect = float(np.abs(matrix @ matrix.T - np.eye(size)).max())
    if not defect < _ORTHOGONALITY:
        raise ConfigError(f"The matrix {name!r} is not orthogonal (defect {defect:.1e}).", value=defect)
    builder = CircuitBuilder(name, q)
    signs = _emit(builder, [np.array(matrix, dtype=np.float64)], 0)
    return builder.build(), signs


def sign_phases(signs: RealArray) -> tuple[float, ...]:
    """Angles of the `diagonal` gate that applies `signs` (each +1 or -1)."""
    return tuple(np.where(signs < 0, np.pi, 0.0).tolist())


def _emit(builder: CircuitBuilder, blocks: list[RealArray], qubit: int) -> RealArray:
    """Append the block-diagonal matrix diag(blocks), selected by the qubits above `qubit`; return row signs."""
    size = blocks[0].shape[0]
    if size == 1:
        return np.array([float(np.sign(block[0, 0])) for block in blocks])
    half = size // 2
    lefts: list[RealArray] = []
    rights: list[RealArray] = []
    turns: list[RealArray] = []
    for block in blocks:
        left, angles, right = cossin(block, p=half, q=half, separate=True)
        lefts += [np.asarray(left[0]), np.asarray(left[1])]
        rights += [np.asarray(right[0]), np.asarray(right[1])]
        turns.append(np.asarray(angles))
    signs = _emit(builder, rights, qubit + 1)
    # The signs standing right of the rotation pass to its left: equal ones commute, opposite ones turn it back.
    pairs = signs.reshape(len(blocks), 2, half)
    theta = 2.0 * np.array(turns) * pairs[:, 0] * pairs[:, 1]
    others = [*range(qubit), *range(qubit + 1, builder.n_qubits)]
    # So does the sign that the multiplexer leaves.
    signs = signs * _both_set(builder.n_qubits, qubit, others[0]) if others else signs
    flipped = [left * row for left, row in zip(lefts, signs.reshape(-1, half), strict=True)]
    for i in range(len(blocks)):
        if np.linalg.det(flipped[2 * i]) < 0:
            # A full turn negates both rows of a pair: the upper block becomes a rotation.
            theta[i, 0] += 2.0 * np.pi
            flipped[2 * i][:, 0] *= -1.0
            flipped[2 * i + 1][:, 0] *= -1.0
    open_turn(builder, others, qubit, theta.reshape(-1))
    return _emit(builder, flipped, qubit + 1)


def _both_set(n_qubits: int, first: int, second: int) -> RealArray:
    """-1 on the basis states where both qubits are 1, else 1."""
    states = np.arange(2**n_qubits)
    return np.where(states >> (n_qubits - 1 - first) & states >> (n_qubits - 1 - second) & 1, -1.0, 1.0)
