"""PolynomialField against dense Kronecker products, finite differences and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def random_coefficients(n, degree, seed):
    rng = np.random.default_rng(seed)
    return {k: rng.standard_normal((n, n**k)) for k in range(degree + 1)}


def evaluate(coefficients, u):
    """The definition, by dense numpy.kron."""
    power, total = np.ones(1), 0.0
    for k in range(max(coefficients) + 1):
        total = total + coefficients.get(k, np.zeros((u.size, u.size**k))) @ power
        power = np.kron(power, u)
    return total


@pytest.mark.parametrize(("n", "degree"), [(1, 0), (1, 5), (2, 3), (3, 4), (5, 2)])
def test_evaluation_matches_kronecker_products(n, degree):
    coefficients = random_coefficients(n, degree, n + degree)
    field = PolynomialField(coefficients)
    batch = np.random.default_rng(0).uniform(-1, 1, (6, n))
    expected = np.array([evaluate(coefficients, u) for u in batch])
    np.testing.assert_allclose(field(batch), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(field(batch[0]), expected[0], rtol=0, atol=1e-12)
    assert field.degree == degree


def test_jacobian_matches_central_differences():
    field = PolynomialField(random_coefficients(3, 4, 1))
    u, h = np.array([0.3, -0.5, 0.7]), 1e-5
    difference = np.array([(field(u + h * e) - field(u - h * e)) / (2 * h) for e in np.eye(3)]).T
    np.testing.assert_allclose(field.jacobian(u), difference, rtol=0, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 4), degree=st.integers(0, 4), seed=st.integers(0, 1000))
def test_shift_keeps_the_field_at_every_point(n, degree, seed):
    rng = np.random.default_rng(seed)
    start, new, w = rng.uniform(-1, 1, (3, n))
    field = PolynomialField(random_coefficients(n, degree, seed), centre=start)
    shifted = field.shift(new)
    np.testing.assert_allclose(shifted.centre, new, rtol=0, atol=0)
    np.testing.assert_allclose(shifted(w - new), field(w - start), rtol=0, atol=1e-9)


def test_rescale_conjugates_by_the_scale():
    field = PolynomialField(random_coefficients(3, 3, 2), centre=[1.0, 2.0, 3.0])
    u, g = np.array([0.1, -0.4, 0.2]), 2.5
    np.testing.assert_allclose(field.rescale(g)(g * u), g * field(u), rtol=0, atol=1e-12)
    np.testing.assert_allclose(field.rescale(g).centre, g * field.centre, rtol=0, atol=0)


def test_norms_are_spectral_on_symmetric_tensors():
    coefficients = random_coefficients(3, 2, 3)
    swap = np.eye(9)[[3 * j + i for i in range(3) for j in range(3)]]
    symmetrised = coefficients[2] @ (np.eye(9) + swap) / 2
    norms = PolynomialField(coefficients).norms()
    assert norms[1] == pytest.approx(np.linalg.norm(coefficients[1], 2), rel=1e-12)
    assert norms[2] == pytest.approx(np.linalg.norm(symmetrised, 2), rel=1e-12)


def test_iterative_norms_agree_with_dense_ones():
    rng = np.random.default_rng(4)
    n = 1600
    diagonal = sparse.diags_array(np.linspace(-2, -0.5, n))
    wide = sparse.random_array((n, n**2), density=2 / n**2, rng=rng, format="csr")
    field = PolynomialField({1: diagonal, 2: wide})
    assert field.log_norm() == pytest.approx(-0.5, abs=1e-6)
    used = np.unique(field.symmetric(2).indices)
    columns = {c: i for i, c in enumerate(used)}
    narrow = np.zeros((n, used.size))
    matrix = field.symmetric(2).tocoo()
    narrow[matrix.row, [columns[c] for c in matrix.col]] = matrix.data
    assert field.norms()[2] == pytest.approx(np.linalg.norm(narrow, 2), rel=1e-9)


def test_r_number_of_the_logistic_equation():
    field = PolynomialField({0: [[0.1]], 1: [[-2.0]], 2: [[0.5]]})
    assert field.r_number([0.4]) == pytest.approx((0.4 * 0.5 + 0.1 / 0.4) / 2.0, rel=1e-14)
    assert field.r_number([0.0]) == np.inf
    assert PolynomialField({1: [[0.3]], 2: [[1.0]]}).r_number([0.4]) == np.inf
    assert PolynomialField({1: [[-1.0]], 2: [[1.0]]}).r_number([0.0]) == 0.0


def test_inputs_are_copied_and_repr_says_what_matters():
    matrix = sparse.csr_array(np.diag([-1.0, -2.0]))
    field = PolynomialField({1: matrix, 2: np.zeros((2, 4))})
    matrix.data[:] = 9.0
    assert field([1.0, 1.0]).tolist() == [-1.0, -2.0]
    assert field.degree == 1
    assert "n=2" in repr(field)
    assert "F1: 2 nnz" in repr(field)


@pytest.mark.parametrize(
    ("coefficients", "word"),
    [
        ({}, "no coefficients"),
        ({1: np.eye(2), 2: np.ones((2, 3))}, "F_2 has shape"),
        ({1: np.eye(2) * 1j}, "complex"),
        ({1: np.array([[np.nan]])}, "NaN"),
        ({-1: np.eye(2)}, "Degree"),
        ({"1": np.eye(2)}, "Degree"),
        ({1: np.array([["a"]])}, "real numbers"),
        ({1: np.ones((2, 2, 1))}, "shape"),
        ({1: 3.0}, "shape"),
        ({1: None}, "real numbers"),
        ({1: [[1.0, 2.0], [3.0]]}, "lengths"),
        ([[1.0]], "mapping"),
    ],
)
def test_bad_coefficients_are_named(coefficients, word):
    with pytest.raises(ConfigError, match=word):
        PolynomialField(coefficients)


def test_bad_points_are_named():
    field = PolynomialField({1: np.eye(2)})
    with pytest.raises(ConfigError, match="shape"):
        field(np.ones(3))
    with pytest.raises(ConfigError, match="centre"):
        field.shift([1.0])
    for scale in (-1.0, np.inf, 1j, "a", None):
        with pytest.raises(ConfigError, match="scale"):
            field.rescale(scale)
    for factor in (np.nan, "a"):
        with pytest.raises(ConfigError, match="factor"):
            field * factor
    with pytest.raises(ConfigError, match="type"):
        field(["a", "b"])
