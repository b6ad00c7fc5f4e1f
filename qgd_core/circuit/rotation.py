"""Real rotations as circuits at the least cost known: the Shannon decomposition kept real."""

from __future__ import annotations

import numpy as np
from scipy.linalg import block_diag, cossin, schur

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import open_turn
from qgd_core.errors import ConfigError

_ORTHOGONALITY = 1e-10
# Rx(pi/2) on the second qubit, S^dagger on the first, CX from the second to the first: SO(4) becomes a product.
_QUARTER = np.array([[1.0, -1.0j], [-1.0j, 1.0]]) / np.sqrt(2.0)
_MAGIC = np.eye(4)[[0, 3, 2, 1]] @ np.kron(np.diag([1.0, -1.0j]), _QUARTER)
_LEAST_CX = (0, 0, 2, 15)
_LEAST_TURNS = (0, 1, 6, 32)


def rotation(matrix: RealArray, name: str = "rotation") -> Circuit:
    """Circuit for a real orthogonal matrix of determinant 1.

    Arguments: matrix, shape (2**q, 2**q) with q >= 1; name of the block.
    Result: a circuit on q qubits, exact to rounding, global phase included; `rotation_cost` CX.
    Raises: ConfigError when the shape is not a power of two, or the matrix is not a rotation to 1e-10.
    Source: Shende, Bullock, Markov, arXiv:quant-ph/0406176, theorem 12 and 13, with the eigenvalues of a real
    quotient as plane rotations, and SO(4) as SU(2) x SU(2), Vatan, Williams, arXiv:quant-ph/0308006.
    """
    if _determinant(matrix, name) < 0.0:
        raise ConfigError(f"The matrix {name!r} is not a rotation: its determinant is -1.", value=-1.0)
    q = len(matrix).bit_length() - 1
    builder = CircuitBuilder(name, q)
    _rotate(builder, np.asarray(matrix, dtype=np.float64), [*range(q)])
    return builder.build()


def orthogonal(matrix: RealArray, name: str = "orthogonal") -> tuple[Circuit, float]:
    """Circuit for a real orthogonal matrix up to the sign of its last row: (circuit, sign); see `rotation`."""
    sign = _determinant(matrix, name)
    turned = np.array(matrix, dtype=np.float64)
    turned[-1] *= sign
    return rotation(turned, name), sign


def controlled_rotation(matrix: RealArray, name: str = "controlled_rotation") -> Circuit:
    """Circuit for a rotation under one control in front.

    Arguments: as `rotation`, q >= 2.
    Result: a circuit on [control, q qubits], exact to rounding: V, the planes of the matrix turned by half under
    the control, and back; 6, 35, 163 CX on 2, 3, 4 qubits at most.
    Raises: nothing.
    Source: as `rotation`, one of two rotations of which one is the identity.
    """
    q = matrix.shape[0].bit_length() - 1
    builder = CircuitBuilder(name, q + 1)
    _rotate_either(builder, np.eye(2**q), np.asarray(matrix, dtype=np.float64), [*range(q + 1)])
    return builder.build()


def rotation_cost(n_qubits: int) -> int:
    """CX of `rotation` at most: 0, 2, 15, 77, 341 on 1 to 5 qubits, near 1.3 * 4**(n_qubits - 1)."""
    if n_qubits < len(_LEAST_CX):
        return _LEAST_CX[n_qubits]
    half = 1 << (n_qubits - 2)
    return 4 * rotation_cost(n_qubits - 1) + 2 * (half + 1) + 2 * half - 1


def rotation_turns(n_qubits: int) -> int:
    """Rotations of `rotation` at most, not counting Clifford ones: 0, 1, 6, 32, 144 on 0 to 4 qubits."""
    if n_qubits < len(_LEAST_TURNS):
        return _LEAST_TURNS[n_qubits]
    return 4 * rotation_turns(n_qubits - 1) + (1 << n_qubits)


def _determinant(matrix: RealArray, name: str) -> float:
    """1 or -1; anything that is not orthogonal, or fits no qubits, is refused."""
    size = matrix.shape[0]
    if matrix.shape != (size, size) or size < 2 or size & (size - 1):
        raise ConfigError(f"A rotation needs shape (2**q, 2**q), got {matrix.shape}.")
    defect = float(np.abs(matrix @ matrix.T - np.eye(size)).max())
    if not defect < _ORTHOGONALITY:
        raise ConfigError(f"The matrix {name!r} is not a rotation (defect {defect:.1e}).", value=defect)
    return float(np.sign(np.linalg.det(matrix)))


def _rotate(builder: CircuitBuilder, matrix: RealArray, qubits: list[int]) -> None:
    first, *rest = qubits
    if not rest:
        builder.gate("ry", [first], [2.0 * np.arctan2(matrix[1, 0], matrix[0, 0])])
        return
    if len(rest) == 1:
        _rotate_pair(builder, matrix, first, rest[0])
        return
    half = len(matrix) // 2
    left, angles, right = cossin(matrix, p=half, q=half, separate=True)
    lefts, rights = ([np.array(part, dtype=np.float64) for part in parts] for parts in (left, right))
    theta = 2.0 * np.asarray(angles)
    # A sign of a row on the right passes to a column on the left and turns the angle back.
    for own_left, own_right in zip(lefts, rights, strict=True):
        if np.linalg.det(own_right) < 0:
            own_right[0] *= -1.0
            own_left[:, 0] *= -1.0
            theta[0] *= -1.0
    if np.linalg.det(lefts[0]) < 0:
        # A full turn negates both rows of a pair.
        theta[0] += 2.0 * np.pi
        for own_left in lefts:
            own_left[:, 0] *= -1.0
    _rotate_either(builder, rights[0], rights[1], qubits)
    open_turn(builder, rest, first, theta)
    _rotate_either(builder, lefts[0], lefts[1] * _z_of_top(half), qubits)


def _rotate_either(builder: CircuitBuilder, zero: RealArray, one: RealArray, qubits: list[int]) -> None:
    """Apply one of two rotations to the lower qubits, as the first one says: V (R or R^T) W."""
    if len(qubits) == 3:
        _rotate_either_pair(builder, zero, one, qubits)
        return
    top, *lower = qubits
    frame, turns = plane_angles(zero @ one.T)
    cosines, sines = np.cos(turns / 2.0), np.sin(turns / 2.0)
    plane = block_diag(*(np.array([[c, -s], [s, c]]) for c, s in zip(cosines, sines, strict=True)))
    _rotate(builder, plane.T @ frame.T @ zero, lower)
    builder.gate("z", [lower[-1]], controls=((top, 1),))
    open_turn(builder, lower[:-1], lower[-1], turns)
    builder.gate("z", [lower[-1]], controls=((top, 1),))
    # What the turn leaves is a CZ of the lower register's ends.
    size = len(frame)
    _rotate(builder, frame * np.where(np.arange(size) % 2, _z_of_top(size), 1.0), lower)


def plane_angles(quotient: RealArray) -> tuple[RealArray, RealArray]:
    """Frame V of determinant 1, and angles: quotient = V diag(rotations by the angles) V^T."""
    triangle, frame = schur(quotient, output="real")
    planes: list[tuple[int, int]] = []
    angles: list[float] = []
    alone: dict[bool, list[int]] = {False: [], True: []}
    i = 0
    while i < len(triangle):
        if i + 1 < len(triangle) and triangle[i + 1, i] != 0.0:
            planes.append((i, i + 1))
            angles.append(float(np.arctan2(triangle[i + 1, i], triangle[i, i])))
            i += 2
        else:
            alone[bool(triangle[i, i] < 0.0)].append(i)
            i += 1
    for turned, found in alone.items():
        planes += zip(found[::2], found[1::2], strict=True)
        angles += [np.pi * turned] * (len(found) // 2)
    ordered = np.asarray(frame)[:, [i for plane in planes for i in plane]]
    turns = np.array(angles)
    if np.linalg.det(ordered) < 0:
        ordered[:, 0] *= -1.0
        turns[0] *= -1.0
    return ordered, turns


def _rotate_pair(builder: CircuitBuilder, matrix: RealArray, first: int, second: int) -> None:
    one, other = _factors(matrix)
    _enter_magic(builder, first, second)
    _rotate_one(builder, one, first)
    _rotate_one(builder, other, second)
    _leave_magic(builder, first, second)


def _rotate_either_pair(builder: CircuitBuilder, zero: RealArray, one: RealArray, qubits: list[int]) -> None:
    """One of two members of SO(4): each factor is V (D or D^dagger) W with a diagonal D."""
    top, first, second = qubits
    _enter_magic(builder, first, second)
    for qubit, a, b in zip((first, second), _factors(zero), _factors(one), strict=True):
        triangle, frame = schur(a @ b.conj().T, output="complex")
        # D^2 has the eigenvalues e^(-+ i turn).
        turn = -float(np.angle(triangle[0, 0]))
        frame = frame / np.sqrt(np.linalg.det(frame) + 0j)
        phases = np.exp([-0.5j * turn, 0.5j * turn])
        _rotate_one(builder, phases.conj()[:, np.newaxis] * (frame.conj().T @ a), qubit)
        builder.gate("x", [qubit], controls=((top, 1),))
        builder.gate("rz", [qubit], [turn])
        builder.gate("x", [qubit], controls=((top, 1),))
        _rotate_one(builder, frame, qubit)
    _leave_magic(builder, first, second)


def _enter_magic(builder: CircuitBuilder, first: int, second: int) -> None:
    builder.gate("rx", [second], [np.pi / 2])
    builder.gate("sdg", [first])
    builder.gate("x", [first], controls=((second, 1),))


def _leave_magic(builder: CircuitBuilder, first: int, second: int) -> None:
    builder.gate("x", [first], controls=((second, 1),))
    builder.gate("s", [first])
    builder.gate("rx", [second], [-np.pi / 2])


def _factors(rotation: RealArray) -> tuple[ComplexArray, ComplexArray]:
    """A and B of SU(2) whose product is a member of SO(4) in the magic frame."""
    product = _MAGIC @ rotation @ _MAGIC.conj().T
    blocks = product.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3)
    i, j = np.unravel_index(int(np.abs(blocks).max(axis=(2, 3)).argmax()), (2, 2))
    second = blocks[i, j] / np.sqrt(np.linalg.det(blocks[i, j]) + 0j)
    first = np.einsum("ijkl,kl->ij", blocks, second.conj()) / 2.0
    return first, second


def _rotate_one(builder: CircuitBuilder, matrix: ComplexArray, qubit: int) -> None:
    """A member of SU(2) as Rz Ry Rz."""
    middle = 2.0 * np.arctan2(abs(matrix[1, 0]), abs(matrix[0, 0]))
    total, rest = 2.0 * np.angle(matrix[1, 1]), 2.0 * np.angle(matrix[1, 0])
    if abs(matrix[1, 1]) < abs(matrix[1, 0]) * 1e-12:
        total = 0.0
    if abs(matrix[1, 0]) < abs(matrix[1, 1]) * 1e-12:
        rest = 0.0
    for name, angle in (("rz", (total - rest) / 2.0), ("ry", middle), ("rz", (total + rest) / 2.0)):
        builder.gate(name, [qubit], [angle])


def _z_of_top(size: int) -> RealArray:
    """Z of the most significant qubit, as signs."""
    return np.where(np.arange(size) < size // 2, 1.0, -1.0)
