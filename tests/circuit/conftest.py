"""An independent dense construction by Kronecker products, and seeded random circuits to compare with it."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy.linalg import block_diag, expm

from qgd_core.circuit.circuit import Call, CircuitBuilder
from qgd_core.circuit.ops import GATES, Gate, PostSelect
from qgd_core.circuit.simulate import simulate

X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1.0 + 0j, -1])
FIXED = {
    "x": X,
    "y": Y,
    "z": Z,
    "h": (X + Z) / np.sqrt(2),
    "s": np.diag([1, 1j]),
    "sdg": np.diag([1, -1j]),
    "t": np.diag([1, (1 + 1j) / np.sqrt(2)]),
    "tdg": np.diag([1, (1 - 1j) / np.sqrt(2)]),
    "swap": np.eye(4)[[0, 2, 1, 3]],
}
AXES = {"rx": X, "ry": Y, "rz": Z}


def gate_matrix(name, params):
    if name in FIXED:
        return FIXED[name]
    if name in AXES:
        return expm(-0.5j * params[0] * AXES[name])
    if name.startswith("mux_"):
        return block_diag(*(expm(-0.5j * p * AXES[name[4:]]) for p in params))
    phases = {"phase": (0, *params)}.get(name, params)
    return np.diag(np.exp(1j * np.array(phases)))


def embed(matrix, qubits, n):
    """matrix (x) identity, its tensor factors moved to `qubits`."""
    rest = [q for q in range(n) if q not in qubits]
    states = (np.arange(2**n)[:, None] >> np.arange(n - 1, -1, -1)) & 1
    order = states[:, [*qubits, *rest]] @ (1 << np.arange(n - 1, -1, -1)) if n else np.zeros(1, int)
    return np.kron(matrix, np.eye(2 ** len(rest)))[np.ix_(order, order)]


def under_controls(matrix, values):
    """|values><values| (x) matrix + (1 - |values><values|) (x) identity."""
    on = functools.reduce(np.kron, [np.diag([1 - v, v]) for v in values], np.eye(1))
    return np.kron(on, matrix) + np.kron(np.eye(len(on)) - on, np.eye(len(matrix)))


def dense_matrix(circuit):
    n = circuit.n_qubits
    total = np.eye(2**n, dtype=complex)
    for op in circuit.ops:
        match op:
            case Gate():
                small, qubits, controls = gate_matrix(op.name, op.params), op.targets, op.controls
            case Call():
                small, qubits, controls = dense_matrix(op.circuit), op.qubits, op.controls
                small = np.linalg.matrix_power(small.conj().T if op.adjoint else small, op.repeat)
            case PostSelect():
                small = functools.reduce(np.kron, [np.diag([1 - v, v]) for v in op.values], np.eye(1))
                qubits, controls = op.qubits, ()
            case _:
                continue  # a last measurement
        small = under_controls(small, [v for _, v in controls])
        total = embed(small, [*(q for q, _ in controls), *qubits], n) @ total
    return total


def draw_gate(rng, n, name=None, n_controls=None):
    """(name, targets, params, controls) of a random gate on at most n qubits, or None if it does not fit."""
    name = name or str(rng.choice(list(GATES)))
    size = GATES[name].n_targets
    size = int(rng.integers(1, max(2, min(4, n - (n_controls or 0) + 1)))) if size is None else size
    if size + (n_controls or 0) > n:
        return None
    n_params = GATES[name].n_params
    n_params = 2 ** (size - (name != "diagonal")) if n_params is None else n_params
    special = rng.random() < 0.3
    params = rng.integers(-8, 9, n_params) * math.pi / 4 if special else rng.normal(size=n_params)
    order = rng.permutation(n)
    if n_controls is None:
        n_controls = int(rng.integers(0, n - size + 1))
    controls = [(q, int(rng.integers(2))) for q in order[size : size + n_controls]]
    return name, order[:size], params, controls


def draw_block(rng, n, depth, length=6):
    builder = CircuitBuilder(f"block{depth}", n)
    children = [
        draw_block(rng, int(rng.integers(1, n + 1)), depth - 1, length) for _ in range(2 * bool(depth))
    ]
    for _ in range(length):
        if children and rng.random() < 0.5:
            child = children[int(rng.integers(2))]
            order = rng.permutation(n)
            n_controls = int(rng.integers(0, n - child.n_qubits + 1))
            controls = [(q, int(rng.integers(2))) for q in order[child.n_qubits :][:n_controls]]
            use = {"adjoint": rng.random() < 0.5, "repeat": int(rng.integers(0, 4)), "controls": controls}
            builder.call(child, order[: child.n_qubits], **use)
        elif drawn := draw_gate(rng, n):
            builder.gate(*drawn)
    return builder.build()


@pytest.fixture(scope="session")
def dense():
    """dense(circuit): its matrix, by Kronecker products."""
    return dense_matrix


@pytest.fixture(scope="session")
def assert_clean():
    """assert_clean(lowered, expected): on random vectors and a clean workspace it acts as the matrix, exactly."""

    def check(lowered, expected, tolerance=1e-12):
        rng = np.random.default_rng(0)
        for _ in range(2):
            vector = rng.normal(size=len(expected)) + 1j * rng.normal(size=len(expected))
            vector /= np.linalg.norm(vector)
            initial = np.zeros((len(expected), 2**lowered.n_qubits // len(expected)), dtype=complex)
            initial[:, 0] = vector
            final = simulate(lowered, initial.reshape(-1)).reshape(initial.shape)
            np.testing.assert_allclose(final[:, 0], expected @ vector, rtol=0, atol=tolerance)
            np.testing.assert_allclose(final[:, 1:], 0, rtol=0, atol=tolerance)

    return check


@pytest.fixture(scope="session")
def random_gate():
    """random_gate(rng, n, name, n_controls): a circuit of one gate with mixed controls."""

    def build(rng, n, name, n_controls):
        builder = CircuitBuilder(name, n)
        builder.gate(*draw_gate(rng, n, name, n_controls))
        return builder.build()

    return build


@pytest.fixture(scope="session")
def random_tree():
    """random_tree(rng, n, depth): a random unitary tree that shares, controls, inverts and repeats blocks."""
    return draw_block


@pytest.fixture(scope="session")
def random_marching():
    """random_marching(rng): (circuit, S), S post-selections before the last, most in repeated and nested blocks."""

    def build(rng):
        def turn(builder, target, *controls):
            builder.gate("ry", [target], [rng.uniform(0.4, 0.8)], controls)

        step = CircuitBuilder("step", 3)
        turn(step, 2)
        turn(step, 0, (2, 0))
        turn(step, 1, (2, 1))
        step.gate("x", [1])
        step.postselect([0, 1], [0, 1])
        step.gate("x", [1])
        pair = CircuitBuilder("pair", 4)
        pair.call(step.build(), [2, 0, 3], repeat=2)
        turn(pair, 1, (3, 0))
        pair.postselect([1])
        turn(pair, 0)
        whole = CircuitBuilder("whole", 4, 2)
        turn(whole, 3)
        whole.call(pair.build(), [1, 0, 3, 2], repeat=2)
        whole.postselect([2])
        turn(whole, 2)
        whole.call(draw_block(rng, 2, 1), [2, 3])
        whole.postselect([0])
        whole.measure([3, 2], [0, 1])
        return whole.build(), 7

    return build
