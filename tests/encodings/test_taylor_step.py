"""Histories of a flow in slots by simulation, against matrices written out: Taylor steps and the trapezoid."""

import math

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings import flow_action, slot_flow, taylor_step
from qgd_core.encodings.slot_flow import encode_flow
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.taylor_step import encode_taylor
from qgd_core.encodings.trapezoid_history import encode_trapezoid
from qgd_core.errors import ConfigError

STEP = 0.4
N = 2
FIELD = PolynomialField(
    {0: [[0.1], [-0.2]], 1: [[-0.6, 0.2], [0.25, -0.5]], 2: [[0.1, 0.15, 0.0, 0.0], [0.0, 0.0, -0.2, 0.0]]}
)


def generator():
    """The Carleman matrix on (1, u, u (x) u), written out."""
    f0, f1, f2 = (FIELD.coefficient(k).toarray() for k in range(3))
    one = np.eye(N)
    whole = np.zeros((1 + N + N * N,) * 2)
    whole[1 : 1 + N, :1], whole[1 : 1 + N, 1 : 1 + N], whole[1 : 1 + N, 1 + N :] = f0, f1, f2
    whole[1 + N :, 1 : 1 + N] = np.kron(f0, one) + np.kron(one, f0)
    whole[1 + N :, 1 + N :] = np.kron(f1, one) + np.kron(one, f1)
    return whole


def series(order):
    a, total = STEP * generator(), np.eye(1 + N + N * N)
    power = total
    for k in range(1, order + 1):
        power = power @ a / k
        total = total + power
    return total


def history(step, blocks):
    return np.eye(blocks * len(step)) - np.kron(np.eye(blocks, k=-1), step)


def rule(blocks, copies):
    a, below = STEP / 2 * generator(), np.eye(blocks, k=-1)
    active = np.diag(np.arange(blocks) < blocks - copies).astype(float)
    one = np.eye(len(a))
    return np.kron(np.eye(blocks) - below, one) - np.kron((np.eye(blocks) + below) @ active, a)


def defect(encoding, supported, wanted):
    """Largest error of the circuit and its adjoint on a random vector in use, what leaves those states included."""
    circuit, size = encoding.circuit(), 2**encoding.n_system
    rng, valid, worst = np.random.default_rng(0), np.flatnonzero(supported), 0.0
    assert circuit.n_qubits == encoding.n_ancilla + encoding.n_system
    for gates, block in ((circuit, wanted), (circuit.adjoint(), wanted.T)):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[valid] = rng.normal(size=valid.size)
        sought = np.zeros(size)
        sought[valid] = block @ start[valid].real
        worst = max(worst, np.abs(encoding.alpha * simulate(gates, start)[:size] - sought).max())
    return worst


def check_counts(encoding):
    counts = cost(encoding.circuit())
    assert counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations


@pytest.mark.parametrize("order", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_step_is_the_series_and_so_is_its_adjoint(order):
    flow = encode_flow(FIELD, sourced=True)
    step = encode_taylor(flow, STEP, order)
    assert defect(step, step.supported, series(order)) < 1e-10
    size = STEP * flow.alpha
    assert step.alpha == pytest.approx(sum([1, size, size**2 / 2][: order + 1]), abs=1e-14)
    check_counts(step)


def test_a_classical_action_of_any_order():
    step = encode_taylor(encode_flow(FIELD, sourced=True), STEP, 7)
    valid = np.flatnonzero(step.supported)
    np.testing.assert_allclose(step.target.toarray()[np.ix_(valid, valid)], series(7), rtol=0, atol=1e-14)


def test_a_history_of_steps():
    step = encode_taylor(encode_flow(FIELD, sourced=True), STEP, 1)
    whole = encode_history(step, 2)
    assert defect(whole, np.tile(step.supported, 4), history(series(1), 4)) < 1e-10
    check_counts(whole)


@pytest.mark.parametrize(("n_time", "n_idle"), [(1, 0), (2, 1)])
def test_a_history_of_the_trapezoid(n_time, n_idle):
    flow = encode_flow(FIELD, sourced=True)
    whole = encode_trapezoid(flow, STEP, n_time, n_idle)
    assert defect(whole, np.tile(flow.supported, 2**n_time), rule(2**n_time, 2**n_idle)) < 1e-10
    check_counts(whole)


def test_bad_steps_are_refused():
    flow = encode_flow(FIELD, sourced=True)
    for step, order in ((0.0, 1), (-1.0, 1), (float("nan"), 1), (1.0, 0)):
        with pytest.raises(ConfigError, match="Taylor"):
            encode_taylor(flow, step, order)


def unclear_degree(monkeypatch):
    """A constant that is raised to degree 2, not 1."""
    monkeypatch.setattr(
        slot_flow,
        "_raise_degree",
        lambda builder, up, first, second: [
            builder.gate("x", [q], controls=((up, 1),)) for q in (first, second)
        ],
    )


def half_shown(monkeypatch):
    """The row of degree 1 forgets the source's share: circuit and adjoint still agree with one another."""
    monkeypatch.setattr(
        slot_flow._Levels, "lowered_angle", property(lambda levels: 2.0 * math.asin(levels.lower_out))
    )


def wrong_shares(monkeypatch):
    kept = taylor_step._unary_angles
    monkeypatch.setattr(taylor_step, "_unary_angles", lambda sizes: [1.01 * x for x in kept(sizes)])


@pytest.mark.parametrize("plant", [unclear_degree, half_shown, wrong_shares])
def test_a_planted_bug_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    step = encode_taylor(encode_flow(FIELD, sourced=True), STEP, 1)
    assert defect(step, step.supported, series(1)) > 1e-4


@pytest.mark.parametrize("order", [1, 2])
def test_a_gate_leaves_the_identity(order):
    step = encode_taylor(encode_flow(FIELD, sourced=True), STEP, order)
    gated, size = step.gated(), 2**step.n_system
    valid = np.flatnonzero(step.supported)
    x = np.zeros(size)
    x[valid] = np.random.default_rng(1).normal(size=valid.size)
    for circuit, wanted in ((gated, series(order)), (gated.adjoint(), series(order).T)):
        start = np.zeros((2, 2**step.n_ancilla, size), dtype=complex)
        start[:, 0] = x
        still, moved = simulate(circuit, start.reshape(-1)).reshape(start.shape)
        still[0] -= x
        assert np.abs(still).max() < 1e-13
        np.testing.assert_allclose(step.alpha * moved[0, valid], wanted @ x[valid], rtol=0, atol=1e-12)
    counts = cost(gated)
    assert counts.two_qubit <= step.gated_cost()[0]
    assert counts.rotations <= step.gated_cost()[1]


def test_histories_of_large_flows_act_without_being_assembled(monkeypatch):
    def actions():
        flow = encode_flow(FIELD, sourced=True)
        return encode_taylor(flow, STEP, 3).target, encode_trapezoid(flow, STEP, 2, 1).target

    dense = [action.toarray() for action in actions()]
    monkeypatch.setattr(flow_action, "_ASSEMBLED", 1)
    for action, wanted in zip(actions(), dense, strict=True):
        assert isinstance(action, LinearOperator)
        np.testing.assert_allclose(action @ np.eye(len(wanted)), wanted, rtol=0, atol=1e-14)
        np.testing.assert_allclose(action.H @ np.eye(len(wanted)), wanted.T, rtol=0, atol=1e-14)
