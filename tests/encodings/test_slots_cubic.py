"""The Carleman step of order 3 in three slots against the assembled exact step, by simulation."""

from dataclasses import replace

import numpy as np
import pytest

from qgd_core.carleman.system import carleman
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings import cubic_action, slot_cubic_circuits
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.slots_cubic import encode_cubic_slots
from qgd_core.errors import ConfigError

SCALE, BALANCES = 1.2, (0.8, 0.7)


def step_like(n, rank, seed, offset=0.05, multipliers=None, cubic=0.05):
    """A map in its eigenframe, and the weights of its cubic terms."""
    rng = np.random.default_rng(seed)
    y, f = rng.normal(size=(rank, n)), rng.normal(size=n)
    step = LowRankMap(
        offset * f / np.linalg.norm(f),
        rng.uniform(0.3, 0.9, n) if multipliers is None else np.array(multipliers),
        rng.uniform(0.02, 0.1, rank),
        y / np.linalg.norm(y, axis=1)[:, np.newaxis],
    )
    return step, rng.uniform(-cubic, cubic, rank)


CASES = {
    "one variable": step_like(1, 1, 0),
    "two variables": step_like(2, 1, 1),
    "two directions": step_like(2, 2, 2),
    "negative multiplier in front": step_like(2, 1, 3, multipliers=[-0.9, 0.5]),
    "a zero multiplier": step_like(2, 2, 4, multipliers=[0.9, 0.0]),
    "no cubic part": step_like(2, 1, 5, cubic=0.0),
    "large offset": step_like(2, 1, 6, offset=0.6),
    "padded directions": step_like(2, 3, 7),
}


def defect(encoding, target):
    """The largest error of the circuit on random supported states."""
    circuit, size = encoding.circuit(), 2**encoding.n_system
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(2):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[:size] = rng.normal(size=size) * encoding.layout.supported
        found = encoding.alpha * simulate(circuit, start)[:size]
        worst = max(worst, np.abs(found - target @ start[:size]).max())
    return worst


@pytest.mark.parametrize(("step", "cubic"), CASES.values(), ids=CASES)
def test_circuit_is_the_target_on_supported_states_and_keeps_to_them(step, cubic):
    encoding = encode_cubic_slots(step, cubic, SCALE, BALANCES)
    assert encoding.circuit().n_qubits == encoding.n_ancilla + encoding.n_system
    assert defect(encoding, encoding.target) < 1e-12
    outside = np.flatnonzero(encoding.layout.supported == 0.0)
    assert not encoding.target[outside].nnz
    counts = cost(encoding.circuit())
    assert counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations


@pytest.mark.slow
def test_circuit_of_four_variables_on_random_states():
    encoding = encode_cubic_slots(*step_like(4, 2, 8), SCALE, BALANCES)
    circuit, size = encoding.circuit(), 2**encoding.n_system
    start = np.zeros(2**circuit.n_qubits, dtype=complex)
    start[:size] = np.random.default_rng(0).normal(size=size) * encoding.layout.supported
    found = encoding.alpha * simulate(circuit, start)[:size]
    np.testing.assert_allclose(found, encoding.target @ start[:size], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["one variable", "two directions", "large offset", "padded directions"])
def test_a_large_step_acts_without_being_assembled(name, monkeypatch):
    step, cubic = CASES[name]
    dense = encode_cubic_slots(step, cubic, SCALE, BALANCES).target.toarray()
    monkeypatch.setattr(cubic_action, "_ASSEMBLED", 1)
    action = encode_cubic_slots(step, cubic, SCALE, BALANCES).target
    x = np.random.default_rng(5).normal(size=len(dense))
    np.testing.assert_allclose(action @ x, dense @ x, rtol=0, atol=1e-13)
    np.testing.assert_allclose(action.H @ x, dense.T @ x, rtol=0, atol=1e-13)


def gate_defect(encoding):
    """Forth and back: at 1 the step, at 0 the identity, on random supported states, what leaves them included."""
    gated, size, worst = encoding.gated(), 2**encoding.n_system, 0.0
    assert gated.n_qubits == 1 + encoding.n_ancilla + encoding.n_system
    x = np.random.default_rng(3).normal(size=size) * encoding.supported
    for circuit, block in ((gated, encoding.target), (gated.adjoint(), encoding.target.T)):
        start = np.zeros((2, 2**encoding.n_ancilla, size), dtype=complex)
        start[:, 0] = x
        still, moved = simulate(circuit, start.reshape(-1)).reshape(start.shape)
        still[0] -= x
        worst = max(worst, np.abs(still).max(), np.abs(encoding.alpha * moved[0] - block @ x).max())
    return worst


@pytest.mark.parametrize(
    "name", ["one variable", "two directions", "negative multiplier in front", "large offset"]
)
def test_a_gate_leaves_the_identity_and_its_adjoint_keeps_to_the_supported_states(name):
    step, cubic = CASES[name]
    encoding = encode_cubic_slots(step, cubic, SCALE, BALANCES)
    assert gate_defect(encoding) < 1e-12
    assert cost(encoding.gated()).two_qubit <= encoding.gated_cost()[0]
    assert cost(encoding.gated()).rotations <= encoding.gated_cost()[1]


def test_a_history_of_order_three_costs_little_more_than_its_step():
    for (n, rank), n_time in (((2, 1), 1), ((4, 2), 4), ((4, 2), 10)):
        encoding = encode_cubic_slots(*step_like(n, rank, 1), SCALE, BALANCES)
        own = cost(encoding.circuit()).two_qubit
        assert cost(encode_history(encoding, n_time).circuit()).two_qubit - own <= 8 * n_time + 45


def not_sealed(monkeypatch):
    """What is in a slot not in use is kept: only the adjoint shows it."""
    monkeypatch.setattr(
        slot_cubic_circuits, "seal", lambda keep, other: np.stack([0 * keep, other - keep, keep, other] * 2)
    )


def ungated_degrees(monkeypatch):
    kept = slot_cubic_circuits.turn_last

    def forget(builder, selects, target, angles):
        table = np.array(angles, dtype=float).reshape(-1)
        half = table[table.size // 2 :]
        kept(builder, selects, target, np.concatenate([half, half]) if len(selects) == 4 else table)

    monkeypatch.setattr(slot_cubic_circuits, "turn_last", forget)


@pytest.mark.parametrize("plant", [not_sealed, ungated_degrees])
def test_a_planted_gate_is_seen(plant, monkeypatch):
    plant(monkeypatch)
    step, cubic = CASES["large offset"]
    assert gate_defect(encode_cubic_slots(step, cubic, SCALE, BALANCES)) > 1e-3


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_steps_follow_the_assembled_carleman_system_of_order_three(n):
    step, cubic = step_like(n, 2, n)
    y = step.directions
    tensor = np.einsum("q,qi,qj,qk,ql->ijkl", cubic, y, y, y, y).reshape(n, -1)
    linear = np.diag(step.multipliers - 1.0)
    quadratic = step.polynomial().coefficient(2)
    field = PolynomialField({0: step.offset, 1: linear, 2: quadratic, 3: tensor})
    system = carleman(field, order=3, step=1.0, scale=SCALE)
    encoding = encode_cubic_slots(step, cubic, SCALE, BALANCES)
    u = np.random.default_rng(1).normal(size=n) / 2
    z, state = system.lift(u), encoding.layout.lift_cubic(SCALE * u, BALANCES)
    first = 2**encoding.layout.n_slot + np.array(encoding.layout.places)
    for _ in range(3):
        z = system.matrix @ z + system.source
        state = encoding.target @ state
        np.testing.assert_allclose(state[first], z[:n], rtol=0, atol=1e-12)
    assert abs(state[0] - 1.0) < 1e-14


def test_cost_and_alpha_of_a_step_of_four_weights():
    encoding = encode_cubic_slots(*step_like(4, 2, 8, offset=0.02, cubic=0.02), 1.0)
    assert cost(encoding.circuit()).two_qubit <= 230
    assert encoding.circuit().n_qubits == 23
    assert encoding.alpha < 1.01


@pytest.mark.parametrize(
    "bad",
    [{"offset": 0.0}, {"multipliers": [0.0, 0.0]}],
    ids=["no offset", "no multipliers"],
)
def test_what_three_slots_cannot_hold_is_refused(bad):
    with pytest.raises(ConfigError, match="must not be zero"):
        encode_cubic_slots(*step_like(2, 1, 0, **bad), 1.0)


def lost_sign(step, cubic):
    return step, -cubic


def swapped(step, cubic):
    return replace(step, directions=step.directions[:, ::-1]), cubic


def lost_offset(step, cubic):
    return replace(step, offset=0.9 * step.offset), cubic


@pytest.mark.parametrize("bug", [lost_sign, swapped, lost_offset])
def test_a_planted_bug_is_seen(bug):
    step, cubic = CASES["two directions"]
    good = encode_cubic_slots(step, cubic, SCALE, BALANCES)
    bad = encode_cubic_slots(*bug(step, cubic), SCALE, BALANCES)
    assert defect(replace(good, build=bad.build), good.target) > 1e-4


def test_a_lost_copy_is_seen(monkeypatch):
    """Without the copy, slot A would not be projected on the direction."""
    empty = CircuitBuilder("and", 3).build()
    monkeypatch.setattr(slot_cubic_circuits, "margolus", lambda: empty)
    encoding = encode_cubic_slots(*CASES["two variables"], SCALE, BALANCES)
    assert defect(encoding, encoding.target) > 1e-3
