"""The history matrix in slots against kron algebra, and against the recurrence it stands for."""

import itertools

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings import slot_history, slots
from qgd_core.encodings.block import Block
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.slots import encode_slots
from qgd_core.errors import ConfigError


def step_of(n, rank, seed=0, offset=0.05, multipliers=None):
    rng = np.random.default_rng(seed)
    y, f = rng.normal(size=(rank, n)), rng.normal(size=n)
    return LowRankMap(
        offset * f / np.linalg.norm(f),
        rng.uniform(0.3, 0.9, n) if multipliers is None else np.array(multipliers),
        rng.uniform(0.02, 0.1, rank),
        y / np.linalg.norm(y, axis=1)[:, np.newaxis],
    )


CASES = {
    "two": (step_of(2, 1), 2),
    "four": (step_of(4, 2), 2),
    "no offset": (step_of(4, 2, offset=0.0), 1),
    "no cubic part": (step_of(2, 0), 3),
    "growing": (step_of(2, 1, offset=0.0, multipliers=[1.3, 0.5]), 1),
    "negative": (step_of(2, 1, multipliers=[-0.9, 0.5]), 1),
}


@pytest.mark.parametrize(("step", "n_time"), CASES.values(), ids=CASES)
def test_circuit_is_identity_less_shifted_step(step, n_time):
    encoding = encode_slots(step, 1.2, 0.7)
    history = encode_history(encoding, n_time)
    circuit, size = history.circuit(), 2**history.n_system
    assert circuit.n_qubits == history.n_ancilla + history.n_system
    wanted = np.eye(size) - np.kron(np.eye(2**n_time, k=-1), encoding.target.toarray())
    supported = np.flatnonzero(history.supported)
    rng = np.random.default_rng(0)
    for _ in range(3):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[supported] = rng.normal(size=supported.size)
        found = history.alpha * simulate(circuit, start)[:size]
        np.testing.assert_allclose(found, wanted @ start[:size], rtol=0, atol=1e-12)
        np.testing.assert_allclose(history.target @ start[:size], wanted @ start[:size], rtol=0, atol=1e-14)


@pytest.mark.parametrize(("step", "n_time"), CASES.values(), ids=CASES)
def test_cost_over_a_step(step, n_time):
    encoding = encode_slots(step, 1.2, 0.7)
    history = encode_history(encoding, n_time)
    counts, own = cost(history.circuit()), cost(encoding.circuit())
    assert counts.two_qubit <= history.two_qubit
    assert counts.rotations <= history.rotations
    assert counts.two_qubit - own.two_qubit <= 8 * n_time + 45
    assert history.alpha == 1.0 + encoding.alpha


def test_overhead_stays_small_for_eight_variables_and_a_thousand_steps():
    encoding = encode_slots(step_of(8, 4), 1.0)
    own = cost(encoding.circuit())["cx"]
    assert cost(encode_history(encoding, 10).build())["cx"] - own <= 8 * 10 + 45


def test_solving_the_system_is_running_the_recurrence():
    encoding = encode_slots(step_of(2, 1), 1.2, 0.7)
    history = encode_history(encoding, 2).target.toarray()
    first = encoding.layout.lift(np.array([0.2, -0.1]), 0.7)
    blocks = np.linalg.solve(history, np.concatenate([first, np.zeros(3 * first.size)])).reshape(4, -1)
    for before, after in itertools.pairwise(blocks):
        np.testing.assert_allclose(after, encoding.target @ before, rtol=0, atol=1e-13)


def dense_history(step, n_time, n_idle):
    """I - S (x) M row by row, copies included, by plain loops."""
    blocks, size = 2**n_time, step.shape[0]
    dense = np.eye(blocks * size)
    for t in range(1, blocks):
        copied = n_idle is not None and t > blocks - 2**n_idle
        rows, columns = slice(t * size, (t + 1) * size), slice((t - 1) * size, t * size)
        dense[rows, columns] = -np.eye(size) if copied else -step
    return dense


COPIES = {
    "half of the blocks": ("two", 2, 1),
    "a quarter": ("two", 3, 1),
    "one block": ("two", 2, 0),
    "no offset": ("no offset", 2, 1),
    "no cubic part": ("no cubic part", 3, 2),
    "growing": ("growing", 2, 1),
    "negative": ("negative", 2, 0),
}


@pytest.mark.parametrize(("case", "n_time", "n_idle"), COPIES.values(), ids=COPIES)
def test_the_last_blocks_are_copies(case, n_time, n_idle, defect):
    encoding = encode_slots(CASES[case][0], 1.2, 0.7)
    history = encode_history(encoding, n_time, n_idle)
    wanted = dense_history(encoding.target.toarray(), n_time, n_idle)
    assert defect(history, wanted, np.flatnonzero(history.supported)) < 1e-12
    np.testing.assert_allclose(history.target.toarray(), wanted, rtol=0, atol=1e-14)
    counts, own = cost(history.circuit()), cost(encoding.circuit())
    assert counts.two_qubit <= history.two_qubit
    assert counts.rotations <= history.rotations
    assert counts.two_qubit - own.two_qubit <= 8 * n_time + 45
    assert history.alpha == 1.0 + encoding.alpha


@pytest.mark.parametrize("method", ["svd", "row_column", "band"])
@pytest.mark.parametrize(("n_time", "n_idle"), [(1, None), (2, 1), (3, 1)])
def test_any_encoded_step_has_a_history(method, n_time, n_idle, defect):
    rng = np.random.default_rng(3)
    matrix = np.eye(4)
    matrix[1:] = rng.uniform(-0.4, 0.4, (3, 4))
    step = block_encode(matrix, method)
    history = encode_history(step, n_time, n_idle)
    assert defect(history, dense_history(matrix, n_time, n_idle)) < 1e-12
    counts = cost(history.circuit())
    assert counts.two_qubit <= history.two_qubit
    assert counts.rotations <= history.rotations


@pytest.mark.parametrize("n_idle", [None, 2])
def test_a_long_history_acts_without_being_assembled(n_idle, monkeypatch):
    encoding = encode_slots(step_of(2, 1), 1.2, 0.7)
    assembled = encode_history(encoding, 3, n_idle).target
    monkeypatch.setattr(slot_history, "_MOST_ASSEMBLED", 2)
    action = encode_history(encoding, 3, n_idle).target
    x = np.random.default_rng(0).normal(size=assembled.shape[0])
    np.testing.assert_allclose(action @ x, assembled @ x, rtol=0, atol=1e-13)
    np.testing.assert_allclose(action.H @ x, assembled.T @ x, rtol=0, atol=1e-13)


def test_copies_that_do_not_fit_are_refused():
    encoding = encode_slots(step_of(2, 1), 1.2, 0.7)
    for n_time, n_idle in ((0, None), (2, 2), (2, -1)):
        with pytest.raises(ConfigError, match="copies"):
            encode_history(encoding, n_time, n_idle)
    with pytest.raises(ConfigError, match="alpha"):
        encode_history(block_encode(0.5 * np.eye(2), "svd"), 2, 1)


def copies_are_not_weighted(monkeypatch):
    kept = slot_history.turn

    def forget(builder, selects, target, angles, **ends):
        kept(builder, selects, target, np.zeros(4), **ends)

    monkeypatch.setattr(slot_history, "turn", forget)


def transposed_step(monkeypatch):
    kept = Block.gated
    monkeypatch.setattr(Block, "gated", lambda step: kept(step).adjoint())


def wrong_sign(monkeypatch):
    kept = Block.gated

    def negative(step):
        builder = CircuitBuilder("negative", kept(step).n_qubits)
        builder.call(kept(step), range(builder.n_qubits))
        builder.gate("z", [0])
        return builder.build()

    monkeypatch.setattr(Block, "gated", negative)


def not_sealed(monkeypatch):
    """The adjoint step leaves the supported states."""
    kept = slots.contract
    monkeypatch.setattr(slots, "contract", lambda part, p, gated, sealed: kept(part, p, gated))


def check_planted(defect, plant):
    encoding = encode_slots(CASES["two"][0], 1.2, 0.7)
    wanted = dense_history(encoding.target.toarray(), 3, 1)
    supported = np.flatnonzero(np.tile(encoding.supported, 8))
    plant()
    assert defect(encode_history(encoding, 3, 1), wanted, supported) > 1e-3


def test_copies_in_other_blocks_are_seen(defect, mark_other_blocks, monkeypatch):
    check_planted(defect, lambda: mark_other_blocks(monkeypatch, slot_history))


@pytest.mark.parametrize("plant", [not_sealed, copies_are_not_weighted, transposed_step, wrong_sign])
def test_a_planted_bug_is_seen(plant, defect, monkeypatch):
    check_planted(defect, lambda: plant(monkeypatch))
