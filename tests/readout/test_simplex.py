import numpy as np
import pytest

from qgd_core.circuit.simulate import unitary
from qgd_core.errors import ResultMissing
from qgd_core.readout.frame import constant_for
from qgd_core.readout.simplex import SimplexReadout


def register(readout, x, rest, norm):
    """Amplitudes of a register holding (s, x, rest) / norm after the frame's circuit on its low qubits."""
    state = np.concatenate([[readout.constant], x, rest]) / norm
    size = 2**readout.n_qubits
    return (state.reshape(-1, size) @ unitary(readout.circuit()).T).reshape(-1)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 8])
def test_exact_amplitudes_give_signs_and_scale(m):
    rng = np.random.default_rng(m)
    x = rng.normal(size=m)
    readout = SimplexReadout(m, constant_for(float(np.linalg.norm(x)), m))
    rest = rng.normal(size=2 * 2**readout.n_qubits - m - 1)
    estimate = readout.from_amplitudes(register(readout, x, rest, 7.0))
    np.testing.assert_allclose(estimate.value, x, rtol=0, atol=1e-13)


def test_every_wanted_amplitude_is_positive_at_the_bound():
    for m in (1, 4, 7):
        readout = SimplexReadout(m, constant_for(1.0, m))
        frame = readout.frame[: m + 1, : m + 1]
        directions = np.random.default_rng(0).normal(size=(2000, m))
        directions /= np.linalg.norm(directions, axis=1)[:, np.newaxis]
        amplitudes = frame @ np.vstack([np.full(2000, readout.constant), directions.T])
        assert amplitudes.min() > 0


@pytest.mark.parametrize(("shots", "runs"), [(4000, 1500), (800, 4000)])
def test_sampled_estimates_are_unbiased_and_their_covariance_is_right(shots, runs):
    rng = np.random.default_rng(5)
    x = np.array([0.3, -0.2, 0.1])
    readout = SimplexReadout(3, constant_for(0.4, 3))
    rest, norm = rng.normal(size=4), 2.5
    probabilities = np.abs(register(readout, x, rest, norm)) ** 2
    draws = rng.multinomial(shots, np.append(probabilities, 1 - probabilities.sum()), size=runs)[:, :-1]
    values = np.array([readout.from_counts(dict(enumerate(row)), shots, norm).value for row in draws])
    predicted = readout.covariance(norm, shots, x)
    error_of_mean = np.sqrt(np.diag(predicted) / runs)
    assert np.all(np.abs(values.mean(axis=0) - x) < 4.5 * error_of_mean)
    # A sample covariance of 1500 draws is right to about 4%; at 800 shots the leading order is right to about 6%.
    np.testing.assert_allclose(np.diag(np.cov(values.T)), np.diag(predicted), rtol=0.15, atol=0)


def test_no_readable_outcome_is_an_error_that_names_the_shots():
    with pytest.raises(ResultMissing, match="None of 10 shots"):
        SimplexReadout(2, 1.0).from_counts({3: 4}, 10, 1.0)
