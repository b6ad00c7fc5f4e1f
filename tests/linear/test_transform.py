"""Polynomials of singular values on vectors, against dense singular value decompositions."""

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.encodings import action
from qgd_core.linear.transform import transform_vector
from qgd_core.phases.chebyshev import Chebyshev

RNG = np.random.default_rng(8)
ALPHA = 9.0


def polynomial(degree):
    coefficients = RNG.normal(size=degree + 1)
    coefficients[1 - degree % 2 :: 2] = 0.0
    return Chebyshev(coefficients)


def of_values(given, dense):
    """W P W^dagger for even polynomials, V P W^dagger for odd ones, from a dense decomposition."""
    left, values, right = np.linalg.svd(dense / ALPHA)
    columns = right.conj().T if given.parity == 0 else left
    return (columns * given(values)) @ right


@pytest.mark.parametrize("strip", [1 << 16, 7])
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4, 5, 6, 7, 40, 41])
@pytest.mark.parametrize("complex_entries", [False, True], ids=["real", "complex"])
def test_the_recurrence_is_the_polynomial_of_the_singular_values(degree, complex_entries, strip, monkeypatch):
    monkeypatch.setattr(action, "_STRIP", strip)
    dense = RNG.normal(size=(16, 16)) * (1.0 + 0.5j * complex_entries * RNG.normal(size=(16, 16)))
    given, v = polynomial(degree), RNG.normal(size=16)
    expected = of_values(given, dense) @ v
    found = transform_vector(given, sp.csr_array(dense), ALPHA, v.copy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("degree", [2, 4, 10])
def test_a_state_is_taken_out_on_one_side(degree):
    dense, e = RNG.normal(size=(16, 16)), RNG.normal(size=16)
    e /= np.linalg.norm(e)

    def take_out(u):
        u -= e * (e @ u)

    given, v = polynomial(degree), RNG.normal(size=16)
    expected = of_values(given, dense - np.outer(e, e @ dense)) @ v
    found = transform_vector(given, sp.csr_array(dense), ALPHA, v.copy(), take_out)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def test_several_vectors_at_once():
    dense, given = RNG.normal(size=(8, 8)), polynomial(9)
    found = transform_vector(given, sp.csr_array(dense), ALPHA, np.eye(8))
    np.testing.assert_allclose(found, of_values(given, dense), rtol=0, atol=1e-12)
