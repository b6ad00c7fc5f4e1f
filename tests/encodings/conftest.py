"""The contract every block encoding is held to, by simulation."""

import numpy as np
import pytest

from qgd_core.carleman.system import carleman
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.polynomial import PolynomialField


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


def largest_defect(encoding, wanted, supported=None):
    circuit, size = encoding.circuit(), 2**encoding.n_system
    states = np.arange(size) if supported is None else supported
    rng, worst = np.random.default_rng(0), 0.0
    for gates, sought in [(circuit, wanted), (circuit.adjoint(), wanted.T)] * 2:
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[states] = rng.normal(size=states.size)
        found = encoding.alpha * simulate(gates, start)[:size]
        worst = max(worst, np.abs(found - sought @ start[:size]).max())
    return worst


@pytest.fixture(scope="session")
def defect():
    """defect(encoding, wanted, supported): the circuit's largest error, forth and back, on random supported vectors."""
    return largest_defect


def other_blocks(monkeypatch, module):
    kept = module.mark_steps

    def mark_others(n_time, n_leading):
        mark = kept(n_time, n_leading)
        builder = CircuitBuilder("other_blocks", mark.n_qubits)
        last = [mark.n_qubits - n_time + n_leading - 1]
        builder.gate("x", last)
        builder.call(mark, range(mark.n_qubits))
        builder.gate("x", last)
        return builder.build()

    monkeypatch.setattr(module, "mark_steps", mark_others)


@pytest.fixture(scope="session")
def mark_other_blocks():
    """mark_other_blocks(monkeypatch, module): plants copies of the end in other blocks of a history."""
    return other_blocks


def check_on_vectors(circuit, places, wanted, alpha, draws=2):
    rng = np.random.default_rng(0)
    for _ in range(draws):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[places] = rng.normal(size=places.size) + 1j * rng.normal(size=places.size)
        found = alpha * simulate(circuit, start)[: wanted.shape[0]]
        np.testing.assert_allclose(found, wanted @ start[: wanted.shape[0]], rtol=0, atol=1e-12)


@pytest.fixture(scope="session")
def assert_block():
    """assert_block(circuit, places, wanted, alpha, draws): the circuit's block on random vectors over these states."""
    return check_on_vectors


def diffusing(
    n, seed=0, offset=0.05, diagonal=-0.5, beside=0.25, spread=0.1, quadratic=0.1, neighbours=(1, -1)
):
    """Diffusion with coefficients that vary, transport u_i (u_{i+1} - u_{i-1}), and a force."""
    rng = np.random.default_rng(seed)

    def vary(value, size):
        return value * (1 + spread * rng.uniform(-1, 1, size))

    linear = np.diag(vary(diagonal, n)) + np.diag(vary(beside, n - 1), 1) + np.diag(vary(beside, n - 1), -1)
    square = np.zeros((n, n, n))
    for i in range(n):
        for move in neighbours:
            if 0 <= i + move < n:
                square[i, i, i + move] = (1 if move > 0 else -1) * vary(quadratic, 1)[0]
    force = rng.normal(size=(n, 1))
    return PolynomialField(
        {0: offset * force / np.linalg.norm(force), 1: linear, 2: square.reshape(n, n * n)}
    )


def any_entries(n, seed):
    """Tridiagonal entries of any sign and size."""
    rng = np.random.default_rng(seed)
    near = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= 1
    square = np.zeros((n, n, n))
    square[np.arange(n), np.arange(n)] = near * rng.normal(size=(n, n))
    return PolynomialField(
        {0: rng.normal(size=(n, 1)), 1: near * rng.normal(size=(n, n)), 2: square.reshape(n, n * n)}
    )


def reducible():
    return PolynomialField({0: [[0.1], [0.2], [0.0]], 1: np.diag([0.3, 0.0, -0.8]), 2: np.zeros((3, 9))})


FLOWS = {
    "one variable": diffusing(1),
    "two": diffusing(2),
    "padded": diffusing(3),
    "four": diffusing(4),
    "no force": diffusing(4, offset=0.0),
    "no quadratic part": diffusing(4, neighbours=()),
    "linear alone": diffusing(4, offset=0.0, neighbours=()),
    "squares and a neighbour": diffusing(4, neighbours=(0, 1)),
    "zero diagonal": diffusing(4, diagonal=0.0),
    "zero diagonal of two": diffusing(2, diagonal=0.0),
    "unrelated entries": any_entries(4, 1),
    "unrelated entries, padded": any_entries(3, 2),
    "unrelated entries of two": any_entries(2, 3),
    "reducible": reducible(),
}


@pytest.fixture(scope="session")
def flow():
    """flow(n, seed, ...): diffusion, transport and a force."""
    return diffusing


@pytest.fixture(scope="session")
def unrelated():
    """unrelated(n, seed): tridiagonal entries of any sign and size."""
    return any_entries


@pytest.fixture(scope="session")
def flow_cases():
    """Flows of every kind, by name."""
    return FLOWS


@pytest.fixture(params=FLOWS.values(), ids=FLOWS)
def field(request):
    """Each flow of the table."""
    return request.param


@pytest.fixture(scope="session")
def assembled():
    """assembled(field): its Carleman matrix of order 2, dense, coordinates scaled by 1.3."""
    return lambda field: carleman(
        field, order=2, form="continuous", basis="kronecker", scale=1.3
    ).matrix.toarray()
