"""State preparation against the vectors themselves, by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate, unitary
from qgd_core.errors import ConfigError
from qgd_core.state.prepare import prepare, prepare_rows


@settings(max_examples=40, deadline=None)
@given(q=st.integers(1, 5), density=st.floats(0.2, 1.0), seed=st.integers(0, 10_000))
def test_signed_vectors(q, density, seed):
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(2**q) * (rng.random(2**q) < density)
    vector[rng.integers(2**q)] = -1.0
    circuit = prepare(vector)
    np.testing.assert_allclose(simulate(circuit), vector / np.linalg.norm(vector), rtol=0, atol=1e-13)
    assert cost(circuit).two_qubit <= 2**q - 2


@pytest.mark.parametrize("scale", [1e-150, 1e-12, 1e6, 1e150])
def test_scale_does_not_matter(scale):
    vector = np.array([1.0, -2.0, 3.0, 1e-9])
    np.testing.assert_allclose(
        simulate(prepare(scale * vector)), vector / np.linalg.norm(vector), rtol=0, atol=1e-13
    )


def test_rows_are_prepared_under_their_label():
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((4, 8))
    rows[2] = 0
    found = unitary(prepare_rows(rows))[:, ::8].T.reshape(4, 4, 8)
    for j in range(4):
        expected = np.zeros((4, 8))
        expected[j] = rows[j] / np.linalg.norm(rows[j]) if np.any(rows[j]) else np.eye(8)[0]
        np.testing.assert_allclose(found[j], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [(1, 3), (3, 4)])
def test_sides_must_be_powers_of_two(shape):
    with pytest.raises(ConfigError, match="power of two"):
        prepare_rows(np.ones(shape))


def test_the_zero_vector_is_refused():
    with pytest.raises(ConfigError, match="zero vector"):
        prepare(np.zeros(4))


@settings(max_examples=20, deadline=None)
@given(q=st.integers(1, 5), seed=st.integers(0, 10_000))
def test_complex_vectors(q, seed):
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(2**q) + 1j * rng.standard_normal(2**q)
    vector[0] = 0
    circuit = prepare(vector)
    np.testing.assert_allclose(simulate(circuit), vector / np.linalg.norm(vector), rtol=0, atol=1e-13)
    assert cost(circuit).two_qubit <= 2 * (2**q - 2) + 2


def test_nan_is_refused():
    with pytest.raises(ConfigError, match="NaN"):
        prepare(np.array([1.0, np.nan]))
