"""The history matrix in slots against kron algebra, and against the recurrence it stands for."""

import itertools

import numpy as np
import pytest

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_history import encode_history, history_supported
from qgd_core.encodings.slots import encode_slots


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
    supported = np.flatnonzero(history_supported(encoding, n_time))
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
