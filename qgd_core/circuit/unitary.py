"""Any unitary matrix as a circuit: the Shannon decomposition."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cossin, schur

from qgd_core.arrays import ComplexArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.errors import ConfigError

_UNITARITY = 1e-10


def decompose_unitary(matrix: ComplexArray, name: str = "unitary") -> Circuit:
    """Circuit for a unitary matrix; `circuit.rotation` serves real ones at a third of the cost.

    Arguments: matrix, shape (2**q, 2**q) with q >= 1; name of the block.
    Result: a circuit on q qubits, exact to rounding, global phase included; `unitary_cost` CX.
    Raises: ConfigError when the shape is not a power of two, or the matrix is not unitary to 1e-10.
    Source: Shende, Bullock, Markov, arXiv:quant-ph/0406176, theorems 10 and 12, down to single qubits.
    """
    size = matrix.shape[0]
    q = size.bit_length() - 1
    if matrix.shape != (size, size) or size != 2**q or q < 1:
        raise ConfigError(f"A unitary block needs shape (2**q, 2**q), got {matrix.shape}.")
    defect = float(np.abs(matrix @ matrix.conj().T - np.eye(size)).max())
    if not defect < _UNITARITY:
        raise ConfigError(f"The matrix {name!r} is not unitary (defect {defect:.1e}).", value=defect)
    builder = CircuitBuilder(name, q)
    _apply(builder, np.asarray(matrix, dtype=np.complex128), [*range(q)])
    return builder.build()


def unitary_cost(n_qubits: int) -> int:
    """CX of `decompose_unitary` at most: 3 * 2**(n - 1) (2**(n - 1) - 1)."""
    half = 1 << (n_qubits - 1)
    return 3 * half * (half - 1)


def _apply(builder: CircuitBuilder, matrix: ComplexArray, qubits: list[int]) -> None:
    first, *rest = qubits
    if not rest:
        _apply_one(builder, matrix, first)
        return
    half = len(matrix) // 2
    left, angles, right = cossin(matrix, p=half, q=half, separate=True)
    _apply_either(builder, np.asarray(right[0]), np.asarray(right[1]), qubits)
    builder.gate("mux_ry", [*rest, first], 2.0 * np.asarray(angles))
    _apply_either(builder, np.asarray(left[0]), np.asarray(left[1]), qubits)


def _apply_either(builder: CircuitBuilder, zero: ComplexArray, one: ComplexArray, qubits: list[int]) -> None:
    """One of two unitaries on the lower qubits, as the first one says: V (D or D^dagger) W with a diagonal D."""
    first, *rest = qubits
    triangle, frame = schur(zero @ one.conj().T, output="complex")
    turns = np.angle(np.diagonal(triangle))
    _apply(builder, np.exp(-0.5j * turns)[:, np.newaxis] * (frame.conj().T @ zero), rest)
    builder.gate("mux_rz", [*rest, first], -turns)
    _apply(builder, frame, rest)


def _apply_one(builder: CircuitBuilder, matrix: ComplexArray, qubit: int) -> None:
    """A phase and Rz Ry Rz."""
    phase = np.angle(np.linalg.det(matrix)) / 2.0
    special = matrix * np.exp(-1j * phase)
    middle = 2.0 * np.arctan2(abs(special[1, 0]), abs(special[0, 0]))
    total, rest = 2.0 * np.angle(special[1, 1]), 2.0 * np.angle(special[1, 0])
    builder.gate("rz", [qubit], [(total - rest) / 2.0])
    builder.gate("ry", [qubit], [middle])
    builder.gate("rz", [qubit], [(total + rest) / 2.0])
    builder.gate("gphase", [], [phase])
