"""The contract every block encoding is held to, by simulation."""

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate


def block(circuit, n_system, columns=None):
    """The upper left block of a circuit, column by column."""
    size = 2**n_system
    picked = range(size) if columns is None else columns
    states = []
    for j in picked:
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[j] = 1
        states.append(simulate(circuit, start)[:size])
    return np.array(states).T


def controlled_block(circuit, n_system, control):
    """The block of the controlled circuit with the control held at one value."""
    builder = CircuitBuilder("held", circuit.n_qubits + 1)
    if control:
        builder.gate("x", [0])
    builder.call(circuit.controlled(), range(circuit.n_qubits + 1))
    if control:
        builder.gate("x", [0])
    return block(builder.build(), n_system)


def _check(encoding, matrix, tolerance=1e-10):
    wanted = np.atleast_2d(matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix))
    size = 2**encoding.n_system
    target = np.zeros((size, size), dtype=complex)
    target[: wanted.shape[0], : wanted.shape[1]] = wanted
    circuit = encoding.circuit()
    assert circuit.n_qubits == encoding.n_ancilla + encoding.n_system
    assert encoding.eps <= tolerance * encoding.alpha

    def near(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)

    near(encoding.matrix().toarray(), target)
    near(block(circuit, encoding.n_system), target / encoding.alpha)
    near(block(circuit.adjoint(), encoding.n_system), target.conj().T / encoding.alpha)
    near(controlled_block(circuit, encoding.n_system, 1), target / encoding.alpha)
    near(controlled_block(circuit, encoding.n_system, 0), np.eye(size))

    rng = np.random.default_rng(1)
    x = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    x /= np.linalg.norm(x)
    builder = CircuitBuilder("kept", circuit.n_qubits)
    builder.call(circuit, range(circuit.n_qubits))
    builder.postselect(range(encoding.n_ancilla))
    start = np.zeros(2**circuit.n_qubits, dtype=complex)
    start[:size] = x
    kept = simulate(builder.build(), start)
    near(np.vdot(kept, kept).real, np.linalg.norm(target @ x) ** 2 / encoding.alpha**2)

    counts = cost(circuit)
    assert counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations


@pytest.fixture(scope="session")
def check():
    """Assert alpha <0|U|0> = A, its adjoint, its controlled form, its success probability and its cost."""
    return _check
