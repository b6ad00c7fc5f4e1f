"""Composition against evaluation at points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.dynamics.compose import compose
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def random_field(n, degree, rng, centre=None):
    return PolynomialField({k: rng.standard_normal((n, n**k)) for k in range(degree + 1)}, centre)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 3), a=st.integers(0, 3), b=st.integers(0, 2), seed=st.integers(0, 1000))
def test_composition_is_evaluation_in_turn(n, a, b, seed):
    rng = np.random.default_rng(seed)
    outer, inner = random_field(n, a, rng), random_field(n, b, rng, rng.standard_normal(n))
    both = compose(outer, inner)
    assert both.degree == a * b
    u = rng.uniform(-1, 1, n)
    np.testing.assert_allclose(both(u), outer(inner(u)), rtol=0, atol=1e-10)
    assert np.array_equal(both.centre, inner.centre)


def test_cut_composition_keeps_the_low_degrees():
    rng = np.random.default_rng(1)
    outer, inner = random_field(2, 3, rng), random_field(2, 2, rng)
    whole, cut = compose(outer, inner), compose(outer, inner, degree=3)
    assert cut.degree == 3
    for k in range(4):
        expected = whole.coefficient(k).toarray()
        np.testing.assert_allclose(cut.coefficient(k).toarray(), expected, rtol=0, atol=1e-12)


def test_bad_compositions_are_named():
    rng = np.random.default_rng(2)
    with pytest.raises(ConfigError, match="variables"):
        compose(random_field(2, 1, rng), random_field(3, 1, rng))
    with pytest.raises(ConfigError, match="degree"):
        compose(random_field(2, 1, rng), random_field(2, 1, rng), degree=-1)
