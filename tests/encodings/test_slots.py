"""The Carleman step in slots against the assembled exact step, by simulation."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import eye_array

from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings import slots
from qgd_core.encodings.slot_circuits import lifted_start, lifted_start_cost
from qgd_core.encodings.slots import encode_slots
from qgd_core.phases.chebyshev import Chebyshev


def step_like(n, rank, seed=0, offset=0.05, cubic=0.15, multipliers=None):
    rng = np.random.default_rng(seed)
    f = rng.normal(size=n)
    y = rng.normal(size=(rank, n))
    c = rng.uniform(0.5, 1.0, size=rank)
    return LowRankMap(
        offset=offset * f / np.linalg.norm(f),
        multipliers=rng.uniform(0.3, 0.9, size=n) if multipliers is None else np.array(multipliers),
        weights=cubic * c / max(c.sum(), 1e-300),
        directions=y / np.linalg.norm(y, axis=1)[:, np.newaxis],
    )


CASES = {
    "plain": step_like(4, 2),
    "one direction": step_like(4, 1, seed=1),
    "padded slots and labels": step_like(3, 3, seed=2),
    "two variables": step_like(2, 1, seed=3),
    "one variable": step_like(1, 1, seed=4),
    "no offset": step_like(4, 2, seed=5, offset=0.0),
    "no cubic part": step_like(4, 0, seed=6, cubic=0.0),
    "neither": step_like(3, 0, seed=7, offset=0.0, cubic=0.0),
    "negative multiplier in front": step_like(4, 2, seed=8, multipliers=[0.2, -0.9, 0.5, -0.4]),
    "a zero multiplier": step_like(4, 2, seed=9, multipliers=[0.9, 0.0, 0.5, 0.0]),
    "all multipliers zero": step_like(2, 1, seed=10, multipliers=[0.0, 0.0]),
    "growing": step_like(4, 2, seed=11, multipliers=[1.2, 0.9, 0.5, 0.4]),
    "growing without offset": step_like(4, 2, seed=12, offset=0.0, multipliers=[1.2, 0.9, 0.5, 0.4]),
    "large cubic part without offset": step_like(4, 2, seed=13, offset=0.0, cubic=2.0),
    "large cubic part and offset": step_like(4, 2, seed=14, offset=0.8, cubic=1.0),
    "tiny offset": step_like(4, 2, seed=15, offset=1e-9),
}
SCALE, BALANCE = 1.3, 0.7


def system_of(step):
    """The exact discrete Carleman system of the map, assembled."""
    field = {k: step.polynomial().coefficient(k) for k in range(3)}
    field[1] = field[1] - eye_array(step.n)
    return carleman(PolynomialField(field), order=2, step=1.0, scale=SCALE)


@pytest.mark.parametrize("step", CASES.values(), ids=CASES)
def test_circuit_is_the_target_on_supported_states_and_keeps_to_them(step):
    encoding = encode_slots(step, SCALE, BALANCE)
    circuit, size = encoding.circuit(), 2**encoding.n_system
    assert circuit.n_qubits == encoding.n_ancilla + encoding.n_system
    target = encoding.target.toarray()
    outside = encoding.layout.supported == 0.0
    for j in np.flatnonzero(~outside):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[j] = 1.0
        column = encoding.alpha * simulate(circuit, start)[:size]
        np.testing.assert_allclose(column, target[:, j], rtol=0, atol=1e-12 * encoding.alpha)
        assert not np.any(target[outside, j])


@pytest.mark.parametrize("step", CASES.values(), ids=CASES)
def test_steps_follow_the_assembled_carleman_system(step):
    encoding = encode_slots(step, SCALE, BALANCE)
    system = system_of(step)
    u = np.random.default_rng(1).normal(size=step.n) / 2
    z, state = system.lift(u), encoding.layout.lift(SCALE * u, BALANCE)
    for _ in range(3):
        z = system.matrix @ z + system.source
        state = encoding.target @ state
    first = 2**encoding.layout.n_slot + np.array(encoding.layout.places)
    np.testing.assert_allclose(state[first], z[: step.n], rtol=0, atol=1e-12)
    assert abs(state[0] - 1.0) < 1e-14


@pytest.mark.parametrize("step", CASES.values(), ids=CASES)
def test_counts_are_bounded_before_the_circuit_exists(step):
    encoding = encode_slots(step, SCALE, BALANCE)
    counts = cost(encoding.circuit())
    assert counts["cx"] == counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations


@pytest.mark.parametrize(
    ("n", "rank", "offset", "qubits", "cx"),
    [(2, 1, 0.05, 10, 29), (4, 2, 0.05, 14, 63), (4, 2, 0.0, 12, 43), (8, 4, 0.02, 18, 185)],
)
def test_cost_of_a_step(n, rank, offset, qubits, cx):
    circuit = encode_slots(step_like(n, rank, offset=offset), 1.0).circuit()
    assert circuit.n_qubits == qubits
    assert cost(circuit)["cx"] <= cx


@pytest.mark.parametrize("offset", [0.0, 0.02])
@pytest.mark.parametrize("seed", range(6))
def test_eight_variables_cost_at_most_220_near_the_norm_of_the_step(seed, offset):
    encoding = encode_slots(step_like(8, 4, seed, offset=offset), 1.0)
    used = np.flatnonzero(encoding.supported)
    norm = np.linalg.norm(encoding.target.toarray()[np.ix_(used, used)], 2)
    assert cost(encoding.circuit())["cx"] <= 185
    assert norm - 1e-12 <= encoding.alpha <= 1.02 * norm


def test_alpha_is_near_the_norm_of_the_block_weights():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        f, c, w = rng.uniform(0.001, 0.1), rng.uniform(0.0, 0.2), 0.9
        step = step_like(4, 2, seed=seed, offset=f, cubic=c, multipliers=[w, 0.5, 0.6, 0.3])
        blocks = np.array([[1, 0, 0], [f, w, c], [f * f, 2 * f * w, w * w + 2 * f * c]])
        alpha = encode_slots(step, 1.0).alpha
        norm = np.linalg.norm(blocks, 2)
        assert norm - 1e-9 <= alpha <= 1.01 * norm


def test_alpha_is_one_for_a_dissipative_step_around_its_fixed_point():
    assert encode_slots(step_like(4, 2, offset=0.0, multipliers=[0.9, 0.8, 0.7, 0.6]), 1.0).alpha == 1.0


@pytest.mark.parametrize("n", [1, 2, 3, 4, 8])
def test_start_vector(n):
    step = step_like(n, 1, seed=n)
    layout = encode_slots(step, 1.0).layout
    v = np.random.default_rng(n).normal(size=n)
    wanted = layout.lift(v, 0.7)
    circuit = lifted_start(layout.place(v), 0.7)
    found = simulate(circuit)
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), rtol=0, atol=1e-14)
    assert cost(circuit)["cx"] <= lifted_start_cost(layout.n_slot)
    assert np.linalg.norm(wanted) == pytest.approx(np.sqrt(1 + v @ v + (0.7 * v @ v) ** 2), rel=1e-12)


@pytest.mark.parametrize("turned", [False, True], ids=["plain", "turned"])
@pytest.mark.parametrize("step", CASES.values(), ids=CASES)
def test_a_large_step_acts_without_being_assembled(step, turned, monkeypatch):
    frame = np.linalg.qr(np.random.default_rng(3).normal(size=(step.n, step.n)))[0] if turned else None
    dense = encode_slots(step, SCALE, BALANCE, frame).target.toarray()
    monkeypatch.setattr(slots, "_ASSEMBLED", 1)
    action = encode_slots(step, SCALE, BALANCE, frame).target
    supported = encode_slots(step, SCALE, BALANCE, frame).supported
    x = np.random.default_rng(4).normal(size=len(dense))
    np.testing.assert_allclose(action @ x, dense @ x, rtol=0, atol=1e-13)
    np.testing.assert_allclose(action.H @ x, dense.T @ x, rtol=0, atol=1e-13)
    assert not np.any((action @ x)[supported == 0.0])


def test_a_step_of_512_variables_is_encoded_at_once():
    step, began = step_like(512, 2), time.process_time()
    encoding = encode_slots(step, 1.0)
    found = encoding.target @ encoding.layout.lift(0.01 * np.ones(512), 1.0)
    assert time.process_time() - began < 1
    places = 512 + np.array(encoding.layout.places)
    wanted = 0.01 * step.multipliers + step.offset
    wanted = wanted + (step.weights * (0.01 * step.directions.sum(axis=1)) ** 2) @ step.directions
    np.testing.assert_allclose(found[places], wanted, rtol=0, atol=1e-13)


def leak(encoding, wanted):
    """The worst error of the circuit on a random supported state, what leaves those states included."""
    circuit, size = encoding.circuit(), 2**encoding.n_system
    start = np.zeros(2**circuit.n_qubits, dtype=complex)
    start[:size] = np.random.default_rng(6).normal(size=size) * CASES_LAYOUT
    found = encoding.alpha * simulate(circuit, start)[:size]
    return np.abs(found - wanted @ start[:size]).max()


CASES_LAYOUT = encode_slots(CASES["two variables"], SCALE, BALANCE).supported
DERIVED = {
    "adjoint": (lambda e: e.adjoint(), lambda a, alpha: a.T),
    "adjoint of a multiple": (lambda e: (-2.0 * e).adjoint(), lambda a, alpha: -2.0 * a.T),
    "adjoint of a product": (lambda e: (e @ e).adjoint(), lambda a, alpha: (a @ a).T),
    "adjoint of a sum": (lambda e: (e + e).adjoint(), lambda a, alpha: 2.0 * a.T),
    "cube": (lambda e: e.polynomial(Chebyshev([0.0, 0.2, 0.0, 0.5])), lambda a, alpha: cube(a / alpha)),
}


def cube(a):
    """0.2 T_1 + 0.5 T_3 of the singular values."""
    left, sigma, right = np.linalg.svd(a)
    return left @ np.diag(0.2 * sigma + 0.5 * (4 * sigma**3 - 3 * sigma)) @ right


@pytest.mark.parametrize(("derive", "wanted"), DERIVED.values(), ids=DERIVED)
def test_what_is_derived_keeps_to_the_supported_states(derive, wanted):
    """The circuit's own adjoint leaves them."""
    encoding = encode_slots(CASES["two variables"], SCALE, BALANCE)
    dense = encoding.target.toarray()
    assert leak(replace(encoding, build=lambda: encoding.circuit().adjoint()), dense.T) > 1e-3
    assert leak(derive(encoding), wanted(dense, encoding.alpha)) < 1e-12
    both = encoding.both_ways()
    assert leak(both, dense) < 1e-12
    assert both.both_ways() is both
    assert cost(both.circuit()).two_qubit <= both.two_qubit


def swapped(step):
    return replace(step, directions=step.directions[:, ::-1])


def lost_sign(step):
    return replace(step, directions=-step.directions)


def lost_offset(step):
    return replace(step, offset=0.9 * step.offset)


@pytest.mark.parametrize("bug", [swapped, lost_sign, lost_offset])
def test_a_planted_bug_is_seen(bug):
    step = CASES["plain"]
    encoding = replace(encode_slots(step, 1.0), build=encode_slots(bug(step), 1.0).build)
    circuit, size = encoding.circuit(), 2**encoding.n_system
    start = np.zeros(2**circuit.n_qubits, dtype=complex)
    start[np.flatnonzero(encoding.layout.supported)] = 0.2
    found = encoding.alpha * simulate(circuit, start)[:size]
    assert np.abs(found - encoding.target @ start[:size]).max() > 1e-3
