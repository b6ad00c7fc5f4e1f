from __future__ import annotations

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.ops import GATES
from qgd_core.circuit.simulate import sample, simulate, unitary
from qgd_core.errors import ConfigError, UnsupportedOperation

ROUNDING = 1e-12


@pytest.mark.parametrize("n_controls", [0, 1, 2, 3])
@pytest.mark.parametrize("name", GATES)
def test_every_gate_under_mixed_controls_is_its_kronecker_product(name, n_controls, dense, random_gate):
    rng = np.random.default_rng([n_controls, *name.encode()])
    for _ in range(4):
        circuit = random_gate(rng, 6, name, n_controls)
        np.testing.assert_allclose(unitary(circuit), dense(circuit), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("seed", range(20))
def test_random_trees_are_their_kronecker_products(seed, dense, random_tree):
    rng = np.random.default_rng(seed)
    circuit = random_tree(rng, int(rng.integers(1, 6)), 2)
    np.testing.assert_allclose(unitary(circuit), dense(circuit), rtol=0, atol=ROUNDING)


def test_seven_qubits(dense, random_tree):
    circuit = random_tree(np.random.default_rng(7), 7, 2)
    np.testing.assert_allclose(unitary(circuit), dense(circuit), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("qubit", range(5))
def test_qubit_zero_is_the_most_significant(qubit):
    builder = CircuitBuilder("flip", 5)
    builder.gate("x", [qubit])
    assert np.flatnonzero(simulate(builder.build())) == [2 ** (4 - qubit)]


def test_postselection_projects_without_renormalising(dense, random_marching):
    circuit, _ = random_marching(np.random.default_rng(3))
    start = np.zeros(16)
    start[0] = 1
    vector = simulate(circuit)
    np.testing.assert_allclose(vector, dense(circuit) @ start, rtol=0, atol=ROUNDING)
    assert 1e-4 < np.linalg.norm(vector) < 0.9


def test_initial_vector_is_used_and_kept(dense, random_tree):
    rng = np.random.default_rng(1)
    circuit = random_tree(rng, 3, 1)
    initial = rng.normal(size=8) + 1j * rng.normal(size=8)
    kept = initial.copy()
    np.testing.assert_allclose(simulate(circuit, initial), dense(circuit) @ kept, rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(initial, kept)


def test_a_circuit_without_qubits_is_a_phase():
    builder = CircuitBuilder("phase", 0)
    builder.gate("gphase", [], [0.3])
    np.testing.assert_allclose(simulate(builder.build()), [np.exp(0.3j)], rtol=0, atol=ROUNDING)


def test_bad_input_is_named():
    with pytest.raises(ConfigError, match=r"shape \(3,\)"):
        simulate(CircuitBuilder("c", 1).build(), np.zeros(3))
    with pytest.raises(ConfigError, match="27 qubits"):
        simulate(CircuitBuilder("c", 27).build())
    with pytest.raises(ConfigError, match="28 qubits"):
        unitary(CircuitBuilder("c", 14).build())
    with pytest.raises(ConfigError, match="shots is -1"):
        sample(CircuitBuilder("c", 1).build(), -1, seed=0)


def measured_then_used():
    builder = CircuitBuilder("again", 2, 2)
    builder.gate("h", [0])
    builder.measure([0], [0])
    builder.gate("x", [1], controls=[(0, 1)])
    builder.gate("h", [0])
    builder.measure([1], [1])
    return builder.build()


def test_a_circuit_without_one_final_vector_is_refused():
    builder = CircuitBuilder("reset", 1)
    builder.reset([0])
    for circuit in (builder.build(), measured_then_used()):
        with pytest.raises(UnsupportedOperation, match="no single final vector"):
            simulate(circuit)


def assert_drawn_from(counts, shots, probabilities):
    """Every outcome within 5 standard errors; impossible ones never."""
    for outcome, p in enumerate(probabilities):
        error = 5 * np.sqrt(p * (1 - p) / shots) if p > 1e-14 else 0
        assert abs(counts.get(outcome, 0) / shots - p) <= error, outcome
    assert set(counts) <= set(range(len(probabilities)))


def test_shots_follow_the_projected_vector(dense, random_marching):
    circuit, _ = random_marching(np.random.default_rng(3))
    weights = np.abs(dense(circuit)[:, 0].reshape(2, 2, 2, 2)) ** 2
    odds = weights.sum(axis=(0, 1)).T.reshape(-1)  # bit 0 reads qubit 3, bit 1 qubit 2
    shots = 10**6
    counts, accepted = sample(circuit, shots, seed=5)
    assert_drawn_from(counts, shots, odds)
    assert accepted == sum(counts.values())
    assert sample(circuit, shots, seed=5) == (counts, accepted)
    assert sample(circuit, shots, seed=6) != (counts, accepted)


def test_a_measured_qubit_that_is_used_again_has_collapsed():
    counts, accepted = sample(measured_then_used(), 40_000, seed=1)
    assert accepted == 40_000
    assert_drawn_from(counts, 40_000, [0.5, 0, 0, 0.5])


def test_a_later_measurement_overwrites_the_bit():
    builder = CircuitBuilder("overwrite", 2, 1)
    builder.gate("x", [0])
    builder.measure([0], [0])
    builder.gate("h", [0])
    builder.measure([1], [0])
    assert sample(builder.build(), 100, seed=0) == ({0: 100}, 100)


def test_reset_forgets_one_half_of_a_pair():
    builder = CircuitBuilder("reset", 2, 3)
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.2))])
    builder.gate("x", [1], controls=[(0, 1)])
    builder.reset([0])
    builder.measure([0, 1], [0, 2])  # bit 1 is never written
    counts, _ = sample(builder.build(), 40_000, seed=2)
    assert_drawn_from(counts, 40_000, [0.8, 0.2, 0, 0, 0, 0, 0, 0])


def test_postselection_between_measurements_rejects_shots():
    builder = CircuitBuilder("mixed", 1, 2)
    builder.gate("h", [0])
    builder.measure([0], [0])
    builder.gate("ry", [0], [2 * np.pi / 3])
    builder.postselect([0], [1])
    builder.gate("x", [0])
    builder.measure([0], [1])
    counts, _ = sample(builder.build(), 100_000, seed=3)
    assert_drawn_from(counts, 100_000, [0.375, 0, 0.125, 0])


def test_nothing_measured_counts_acceptances():
    builder = CircuitBuilder("select", 1)
    builder.gate("h", [0])
    builder.postselect([0])
    counts, accepted = sample(builder.build(), 40_000, seed=4)
    assert counts == {0: accepted}
    assert abs(accepted - 20_000) < 500


def test_impossible_postselection_accepts_nothing():
    builder = CircuitBuilder("never", 1, 1)
    builder.postselect([0], [1])
    builder.measure([0], [0])
    assert sample(builder.build(), 100, seed=0) == ({}, 0)
