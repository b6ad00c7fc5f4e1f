import numpy as np
import pytest

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import unitary
from qgd_core.errors import ResultMissing
from qgd_core.readout.anchored import AnchoredReadout
from qgd_core.readout.frame import constant_for

PLACES = [((0,), 1), ((1, 0), 1), ((2, 0, 1), 2), ((0, 1, 2, 3), 2), ((3, 7, 1, 0, 2), 3)]


def register(readout, x, norm, rng):
    """Amplitudes after the frame: a valid block on top, arbitrary ones below, which must not be read."""
    size = 2**readout.n_qubits
    top = np.zeros(size)
    top[0] = readout.constant
    top[2**readout.n_slot + np.array(readout.places)] = x
    state = np.concatenate([top, rng.normal(size=size)]) / norm
    return (state.reshape(2, size) @ unitary(readout.circuit()).T).reshape(-1)


@pytest.mark.parametrize(("places", "n_slot"), PLACES)
def test_exact_amplitudes_give_signs_and_scale(places, n_slot):
    rng = np.random.default_rng(len(places))
    x = rng.normal(size=len(places))
    readout = AnchoredReadout(places, n_slot, constant_for(float(np.linalg.norm(x)), len(places)))
    estimate = readout.from_amplitudes(register(readout, x, 7.0, rng))
    np.testing.assert_allclose(estimate.value, x, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("places", "n_slot"), PLACES)
def test_the_spread_is_the_largest_of_the_covariance_at_any_numbers_of_such_length(places, n_slot):
    readout, rng = AnchoredReadout(places, n_slot, 1.7), np.random.default_rng(len(places))
    for _ in range(4):
        x = rng.normal(size=len(places))
        largest = np.linalg.eigvalsh(readout.covariance(7.0, 1.0, x))[-1]
        assert readout.spread(7.0, float(np.linalg.norm(x))) == pytest.approx(largest, rel=1e-13)


@pytest.mark.parametrize(("places", "n_slot"), PLACES)
def test_the_columns_are_those_of_the_circuit_and_orthonormal(places, n_slot):
    readout = AnchoredReadout(places, n_slot, 1.0)
    full, columns = unitary(readout.circuit()), readout.columns
    held = [0, *(2**n_slot + p for p in places)]
    np.testing.assert_allclose(full[np.ix_(readout.outcomes, held)], columns, rtol=0, atol=1e-14)
    np.testing.assert_allclose(columns.T @ columns, np.eye(len(held)), rtol=0, atol=1e-14)
    np.testing.assert_allclose(readout.frame, full, rtol=0, atol=1e-14)
    assert cost(readout.circuit()).two_qubit <= readout.two_qubit


def test_a_full_slot_of_four_costs_two_cx():
    assert cost(AnchoredReadout((2, 0, 1, 3), 2, 1.0).circuit())["cx"] == 2


def test_every_wanted_amplitude_is_positive_at_the_bound():
    readout = AnchoredReadout((0, 1, 2, 3), 2, constant_for(1.0, 4))
    directions = np.random.default_rng(0).normal(size=(2000, 4))
    directions /= np.linalg.norm(directions, axis=1)[:, np.newaxis]
    amplitudes = readout.columns @ np.vstack([np.full(2000, readout.constant), directions.T])
    assert amplitudes.min() > 0


def test_sampled_estimates_are_unbiased_and_their_covariance_is_right():
    rng = np.random.default_rng(5)
    x, norm, shots, runs = np.array([0.3, -0.2, 0.1]), 2.5, 4000, 1500
    readout = AnchoredReadout((1, 0, 2), 2, constant_for(0.4, 3))
    probabilities = np.abs(register(readout, x, norm, rng)) ** 2
    probabilities[2**readout.n_qubits :] /= 100.0
    draws = rng.multinomial(shots, np.append(probabilities, 1 - probabilities.sum()), size=runs)[:, :-1]
    values = np.array([readout.from_counts(dict(enumerate(row)), shots, norm).value for row in draws])
    predicted = readout.covariance(norm, shots, x)
    assert np.all(np.abs(values.mean(axis=0) - x) < 4.5 * np.sqrt(np.diag(predicted) / runs))
    np.testing.assert_allclose(np.diag(np.cov(values.T)), np.diag(predicted), rtol=0.15, atol=0)


def test_no_readable_outcome_is_an_error_that_names_the_shots():
    with pytest.raises(ResultMissing, match="None of 10 shots"):
        AnchoredReadout((0, 1), 1, 1.0).from_counts({9: 4}, 10, 1.0)
