"""Sparse, uniform and geometric states against the vectors themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.errors import ConfigError
from qgd_core.state.sparse import prepare_sparse
from qgd_core.state.uniform import prepare_geometric, prepare_linear, prepare_uniform


@settings(max_examples=80, deadline=None)
@given(n=st.integers(1, 7), d=st.integers(1, 9), phased=st.booleans(), seed=st.integers(0, 10_000))
def test_sparse_states(n, d, phased, seed):
    rng = np.random.default_rng(seed)
    places = rng.choice(2**n, min(d, 2**n), replace=False)
    vector = np.zeros(2**n, dtype=complex if phased else float)
    vector[places] = rng.standard_normal(places.size)
    if phased:
        vector[places] += 1j * rng.standard_normal(places.size)
    circuit = prepare_sparse(dict(zip(places.tolist(), vector[places].tolist(), strict=True)), n)
    np.testing.assert_allclose(simulate(circuit), vector / np.linalg.norm(vector), rtol=0, atol=1e-13)


def test_few_amplitudes_on_many_qubits_are_cheap():
    places = np.random.default_rng(0).choice(2**40, 8, replace=False)
    assert cost(prepare_sparse(dict.fromkeys(places.tolist(), 1.0), 40)).two_qubit < 8 * 40


@pytest.mark.parametrize(
    "amplitudes",
    [{}, {0: 0.0}, {0: np.nan}, {8: 1.0}, {-1: 1.0}],
    ids=["empty", "zero", "nan", "high", "negative"],
)
def test_bad_sparse_states_are_refused(amplitudes):
    with pytest.raises(ConfigError):
        prepare_sparse(amplitudes, 3)


@pytest.mark.parametrize("n", [1, 3, 4])
def test_uniform_states(n):
    for count in range(1, 2**n + 1):
        wanted = np.r_[np.ones(count), np.zeros(2**n - count)] / np.sqrt(count)
        np.testing.assert_allclose(simulate(prepare_uniform(count, n)), wanted, rtol=0, atol=1e-14)


def test_uniform_states_cost_little_on_many_qubits():
    assert cost(prepare_uniform(2**30, 40)).two_qubit == 0
    assert cost(prepare_uniform(2**40 - 12345, 40)).two_qubit < 20_000
    with pytest.raises(ConfigError):
        prepare_uniform(9, 3)


@pytest.mark.parametrize("ratio", [0.5, -0.9, 1.0, 3.0, -1e20, 0.0, 1j, 0.7 - 0.9j, np.exp(0.3j)])
def test_geometric_states(ratio):
    wanted = np.array([ratio ** float(j) if ratio else float(j == 0) for j in range(8)])
    circuit = prepare_geometric(ratio, 3)
    np.testing.assert_allclose(simulate(circuit), wanted / np.linalg.norm(wanted), rtol=0, atol=1e-13)
    assert cost(circuit).two_qubit == 0
    with pytest.raises(ConfigError):
        prepare_geometric(np.inf, 3)


@pytest.mark.parametrize(
    ("first", "slope"),
    [
        (0.0, 1.0),
        (1.0, 0.0),
        (-1.0, 0.0),
        (3.0, -0.5),
        (-1.5, 1.0),
        (-7.0, 2.0),
        (1e200, 1e199),
        (0.0, -1e-200),
    ],
)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_linear_states(first, slope, n):
    wanted = first + slope * np.arange(2**n)
    wanted /= np.abs(wanted).max()
    circuit = prepare_linear(first, slope, n)
    np.testing.assert_allclose(simulate(circuit), wanted / np.linalg.norm(wanted), rtol=0, atol=1e-13)
    assert cost(circuit).two_qubit <= (2 * n - 2 if slope else 0)


def test_linear_states_cost_little_on_many_qubits():
    assert cost(prepare_linear(0.0, 1.0, 60)).two_qubit <= 118
    for first, slope in ((0.0, 0.0), (np.nan, 1.0), (1.0, np.inf)):
        with pytest.raises(ConfigError):
            prepare_linear(first, slope, 3)
