"""Constant-coefficient Carleman steps and their histories against kron algebra and the maps themselves."""

import itertools
import time

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.stencil import encode_stencil
from qgd_core.errors import ConfigError

HEAT = {-1: 0.2, 0: 0.55, 1: 0.2}
BALANCE = 0.8
CASES = {
    "heat": (HEAT, 0.1, 2),
    "eight rows": (HEAT, -0.3, 3),
    "signed": ({-1: -0.2, 0: -0.55, 1: 0.2}, -0.3, 2),
    "growing": ({-1: 1.0, 0: 0.3}, 0.2, 2),
    "upwind": ({0: 0.5, 1: -0.3}, 0.2, 2),
    "five": ({-2: 0.1, -1: 0.2, 0: 0.5, 1: 0.2, 2: -0.1}, 0.2, 2),
    "far": ({3: 0.5}, 0.1, 2),
    "two passes": ({-3: 0.2, 0: 0.5, 3: 0.1}, 0.2, 2),
    "linear": ({0: -0.9}, 0.0, 2),
    "linear and growing": ({0: 1.2, 1: 0.1}, 0.0, 2),
    "nearly linear": ({0: 1.0}, 1e-13, 1),
    "two rows": ({0: 1.2}, -0.5, 1),
}


def matrix_of(diagonals, n):
    return sum(value * np.eye(n, k=d) for d, value in diagonals.items())


def wanted_step(diagonals, square, p):
    """[[W, C / b], [0, W (x) W]] on [second, B, A], nothing where degree 1 has slot B in use."""
    n = 2**p
    linear, whole = matrix_of(diagonals, n), np.zeros((2, n, n, 2, n, n))
    whole[0, 0, :, 0, 0, :] = linear
    for i in range(n):
        whole[0, 0, i, 1, i, i] = square / BALANCE
    whole[1, :, :, 1] = np.einsum("ba,dc->bdac", linear, linear)
    return whole.reshape(2 * n * n, 2 * n * n)


def supported(p):
    used = np.ones((2, 2**p, 2**p))
    used[0, 1:] = 0.0
    return np.flatnonzero(used.reshape(-1))


@pytest.mark.parametrize(("diagonals", "square", "p"), CASES.values(), ids=CASES)
def test_step_is_the_block_matrix(assert_block, diagonals, square, p):
    encoding = encode_stencil(diagonals, square, p, BALANCE)
    wanted, circuit = wanted_step(diagonals, square, p), encoding.circuit()
    assert circuit.n_qubits == encoding.n_ancilla + encoding.n_system
    np.testing.assert_allclose(encoding.target.toarray(), wanted, rtol=0, atol=1e-15)
    assert_block(circuit, supported(p), wanted, encoding.alpha)
    assert_block(circuit.adjoint(), supported(p), wanted.T, encoding.alpha)
    counts = cost(circuit)
    assert counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations


@pytest.mark.parametrize(("diagonals", "square", "p"), CASES.values(), ids=CASES)
def test_a_gate_in_front_leaves_the_identity(diagonals, square, p):
    encoding = encode_stencil(diagonals, square, p, BALANCE)
    if encoding.circuit().n_qubits > 20:
        pytest.skip("too wide for the dense simulator in a fast test")
    gated, n = encoding.gated(), encoding.n_system
    rng = np.random.default_rng(1)
    v = np.zeros(2**n)
    v[supported(p)] = rng.normal(size=supported(p).size)
    start = np.zeros((2, 2 ** (gated.n_qubits - 1)), dtype=complex)
    start[0, : 2**n] = start[1, : 2**n] = v
    idle, moved = simulate(gated, start.reshape(-1)).reshape(2, -1)[:, : 2**n]
    np.testing.assert_allclose(idle, v, rtol=0, atol=1e-12)
    np.testing.assert_allclose(encoding.alpha * moved, encoding.target @ v, rtol=0, atol=1e-12)


def matrix_round(diagonals, n):
    return sum(value * np.roll(np.eye(n), d, axis=1) for d, value in diagonals.items())


ROUND = {
    "heat": (HEAT, 0.1, 2),
    "far": ({3: 0.5, -2: -0.1}, 0.1, 2),
    "no neighbour": ({0: -0.5}, 0.3, 2),
    "two rows": ({0: 0.4, 1: 0.7}, -0.5, 1),
}


@pytest.mark.parametrize(("diagonals", "square", "p"), ROUND.values(), ids=ROUND)
def test_periodic_steps(assert_block, diagonals, square, p):
    n, encoding = 2**p, encode_stencil(diagonals, square, p, BALANCE, periodic=True)
    linear = matrix_round(diagonals, n)
    whole = np.zeros((2, n, n, 2, n, n))
    whole[0, 0, :, 0, 0, :] = linear
    whole[0, 0, :, 1] = square / BALANCE * np.einsum("ib,ia->iba", np.eye(n), np.eye(n))
    whole[1, :, :, 1] = np.einsum("ba,dc->bdac", linear, linear)
    wanted = whole.reshape(2 * n * n, 2 * n * n)
    np.testing.assert_allclose(encoding.target.toarray(), wanted, rtol=0, atol=1e-15)
    assert_block(encoding.circuit(), supported(p), wanted, encoding.alpha, draws=1)
    assert_block(encoding.circuit().adjoint(), supported(p), wanted.T, encoding.alpha, draws=1)


def test_the_first_degree_moves_as_the_map():
    diagonals, square, p = CASES["eight rows"]
    v = np.random.default_rng(2).uniform(-0.5, 0.5, 8)
    encoding = encode_stencil(diagonals, square, p, BALANCE)
    found = (encoding.target @ encoding.layout.lift(v, BALANCE))[:8]
    np.testing.assert_allclose(found, matrix_of(diagonals, 8) @ v + square * v**2, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["heat", "signed", "growing", "linear"])
def test_history_is_identity_less_shifted_step(assert_block, name):
    diagonals, square, p = CASES[name]
    encoding = encode_stencil(diagonals, square, p, BALANCE)
    history = encode_history(encoding, 2)
    step = wanted_step(diagonals, square, p)
    wanted = np.eye(4 * len(step)) - np.kron(np.eye(4, k=-1), step)
    np.testing.assert_allclose(history.target.toarray(), wanted, rtol=0, atol=1e-15)
    places = (len(step) * np.arange(4)[:, np.newaxis] + supported(p)).reshape(-1)
    assert_block(history.circuit(), places, wanted, history.alpha)
    assert_block(history.circuit().adjoint(), places, wanted.T, history.alpha)
    counts = cost(history.circuit())
    assert counts.two_qubit <= history.two_qubit
    assert counts.rotations <= history.rotations
    assert counts.two_qubit - cost(encoding.circuit()).two_qubit <= 8 * 2 + 45
    assert history.alpha == 1.0 + encoding.alpha
    blocks = np.linalg.solve(wanted, np.eye(4 * len(step))[:, 1]).reshape(4, -1)
    for before, after in itertools.pairwise(blocks):
        np.testing.assert_allclose(after, step @ before, rtol=0, atol=1e-13)


def test_the_history_of_an_adjoint_steps_by_the_adjoint(assert_block):
    diagonals, square, p = CASES["two rows"]
    adjoint = encode_stencil(diagonals, square, p, BALANCE).adjoint()
    history, step = encode_history(adjoint, 1), wanted_step(diagonals, square, p).T
    wanted = np.eye(2 * len(step)) - np.kron(np.eye(2, k=-1), step)
    places = (len(step) * np.arange(2)[:, np.newaxis] + supported(p)).reshape(-1)
    assert_block(history.circuit(), places, wanted, history.alpha)


def test_alpha_is_the_norm_of_the_degrees_weights():
    encoding = encode_stencil(HEAT, 0.1, 4, BALANCE)
    assert abs(encoding.alpha - np.linalg.norm([[0.95, 0.125], [0.0, 0.9025]], 2)) < 1e-14


def test_a_million_rows_and_steps_cost_less_than_nine_hundred_cx():
    step = encode_stencil(HEAT, 0.1, 20)
    history = encode_history(step, 20)
    assert cost(step.circuit()).two_qubit <= 470
    assert cost(history.circuit()).two_qubit <= 620
    assert (history.n_system, history.n_ancilla) == (61, 29)


@pytest.mark.parametrize(
    ("order", "periodic", "cx"), [(2, False, 1200), (2, True, 1270), (3, False, 1750), (3, True, 1900)]
)
def test_two_to_the_forty_rows_and_steps_build_at_once(order, periodic, cx):
    began = time.process_time()
    history = encode_history(encode_stencil(HEAT, 0.1, 40, order=order, periodic=periodic), 40)
    assert cost(history.circuit()).two_qubit <= cx
    assert time.process_time() - began < 1


def test_operators_of_a_large_size_are_the_matrices_of_a_small_one(monkeypatch):
    diagonals, square, p = CASES["five"]
    small = encode_history(encode_stencil(diagonals, square, p, BALANCE), 1).target
    with monkeypatch.context() as patch:
        patch.setattr("qgd_core.encodings.stencil_action._ASSEMBLED", 1)
        step = encode_stencil(diagonals, square, p, BALANCE)
        operator = encode_history(step, 1).target
    assert isinstance(operator, LinearOperator)
    assert isinstance(step.adjoint().target, LinearOperator)
    x = np.random.default_rng(3).normal(size=small.shape[0])
    np.testing.assert_allclose(operator @ x, small @ x, rtol=0, atol=1e-14)
    np.testing.assert_allclose(operator.H @ x, small.T @ x, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("diagonals", "square", "balance"),
    [({}, 0.1, 1.0), ({0: np.nan}, 0.1, 1.0), ({8: 1.0}, 0.1, 1.0), (HEAT, np.inf, 1.0), (HEAT, 0.1, 0.0)],
)
def test_bad_input_is_refused(diagonals, square, balance):
    with pytest.raises(ConfigError):
        encode_stencil(diagonals, square, 3, balance)


def test_other_orders_and_diagonals_that_meet_are_refused():
    with pytest.raises(ConfigError, match="order"):
        encode_stencil(HEAT, 0.1, 3, order=4)
    with pytest.raises(ConfigError, match="meet"):
        encode_stencil({1: 0.2, -3: 0.1}, 0.1, 2, periodic=True)
