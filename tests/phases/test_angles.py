"""Phases against products of 2 x 2 matrices, and against polynomials known in closed form."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.phases.angles import gqsp_angles, qsvt_angles, walk_coefficients
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import evolution, inverse, sign


def symmetric_product(phases, x):
    """The definition, matrix by matrix."""
    s = 1j * np.sqrt(1 - x * x)
    signal = np.array([[x, s], [s, x]])
    total = np.diag([np.exp(1j * phases[0]), np.exp(-1j * phases[0])])
    for psi in phases[1:]:
        total = total @ signal @ np.diag([np.exp(1j * psi), np.exp(-1j * psi)])
    return total[0, 0]


def reflection_product(phases, x):
    s = np.sqrt(1 - x * x)
    signal = np.array([[x, s], [s, -x]])
    total = np.diag([np.exp(1j * phases[0]), np.exp(-1j * phases[0])])
    for phi in phases[1:]:
        total = total @ signal @ np.diag([np.exp(1j * phi), np.exp(-1j * phi)])
    return total[0, 0]


def rotation(theta, chi):
    c, s = np.cos(theta), np.sin(theta)
    return np.array([[c, s * np.exp(1j * chi)], [-s * np.exp(-1j * chi), c]])


def gqsp_product(angles, z):
    total = rotation(angles.theta[0], angles.chi[0])
    for theta, chi in zip(angles.theta[1:], angles.chi[1:], strict=True):
        total = total @ np.diag([z, 1]) @ rotation(theta, chi)
    return total[0, 1]


def random_polynomial(degree, seed, peak=0.9):
    rng = np.random.default_rng(seed)
    coefficients = rng.standard_normal(degree + 1)
    coefficients[1 - degree % 2 :: 2] = 0
    polynomial = Chebyshev(coefficients)
    return polynomial * (peak / polynomial.peak()[1])


@settings(max_examples=30, deadline=None)
@given(degree=st.integers(0, 120), seed=st.integers(0, 10_000))
def test_symmetric_and_reflection_phases(degree, seed):
    polynomial = random_polynomial(degree, seed)
    angles = qsvt_angles(polynomial)
    assert angles.residual < 1e-13
    for x in np.random.default_rng(seed).uniform(-1, 1, 4):
        assert abs(symmetric_product(angles.symmetric, x).imag - polynomial(x)) < 1e-12
        assert abs(reflection_product(angles.reflection, x).real - polynomial(x)) < 1e-12


@settings(max_examples=30, deadline=None)
@given(degree=st.integers(0, 120), seed=st.integers(0, 10_000), real=st.booleans())
def test_generalised_angles(degree, seed, real):
    rng = np.random.default_rng(seed)
    b = rng.standard_normal(degree + 1) + (0 if real else 1j * rng.standard_normal(degree + 1))
    b = b * 0.9 / np.abs(np.fft.fft(b, 16 * b.size)).max()
    angles = gqsp_angles(b)
    assert angles.residual < 1e-13
    for z in np.exp(1j * rng.uniform(0, 2 * np.pi, 4)):
        assert abs(gqsp_product(angles, z) - np.polyval(b[::-1], z)) < 1e-12


def test_a_constant_and_a_line_are_known_in_closed_form():
    np.testing.assert_allclose(qsvt_angles(Chebyshev([0.5])).symmetric, [np.pi / 6], rtol=0, atol=1e-15)
    # cos(psi)^2 - ... : two equal phases make Im = sin(2 psi) x.
    found = qsvt_angles(Chebyshev([0.0, 0.5])).symmetric
    np.testing.assert_allclose(found, [np.pi / 12, np.pi / 12], rtol=0, atol=1e-14)


def test_a_walk_polynomial_is_the_chebyshev_series():
    polynomial = Chebyshev(np.random.default_rng(0).standard_normal(6))
    b, phi = walk_coefficients(polynomial), 0.7
    z = np.exp(1j * phi)
    assert abs(np.polyval(b[::-1], z) * z**-5 - polynomial(np.cos(phi))) < 1e-13


def test_evolution_nearly_unitary():
    target = evolution(20.0, 1e-10)
    angles = gqsp_angles(walk_coefficients(target.polynomial) * (1 - 1e-6))
    z = np.exp(0.3j)
    found = gqsp_product(angles, z) * z**-target.polynomial.degree
    assert abs(found - np.exp(-20j * np.cos(0.3))) < 2e-6


@pytest.mark.parametrize(
    "degree",
    [5001, pytest.param(100_001, marks=pytest.mark.slow), pytest.param(1_000_001, marks=pytest.mark.slow)],
)
def test_the_inverse_at_high_degree(degree):
    kappa = degree / 12.5
    target = inverse(kappa, 1e-2).scaled(0.9)
    began = time.process_time()
    angles = qsvt_angles(target.polynomial)
    seconds = time.process_time() - began
    assert angles.residual < 1e-14
    assert seconds < 60
    x = 0.37
    assert abs(reflection_product(angles.reflection, x).real - target.polynomial(x)) < 1e-10


def test_magnitudes_above_one_say_where_and_by_how_much():
    with pytest.raises(ConfigError, match=r"magnitude 1\.2 at x = -?1, above 1 by 0\.2") as caught:
        qsvt_angles(Chebyshev([0.0, 1.2]))
    assert abs(caught.value.value - 1.2) < 1e-12
    with pytest.raises(ConfigError, match=r"magnitude 1\.5 at z"):
        gqsp_angles([0.0, 1.5j])


def test_mixed_parity_and_complex_coefficients_are_refused():
    with pytest.raises(ConfigError, match="even or an odd"):
        qsvt_angles(Chebyshev([0.1, 0.2]))
    with pytest.raises(ConfigError, match="real coefficients"):
        qsvt_angles(Chebyshev([0.1j]))
    with pytest.raises(ConfigError, match="finite"):
        gqsp_angles([np.nan])


def test_an_unreachable_precision_is_refused():
    polynomial = sign(0.05, 1e-3).scaled(0.9).polynomial
    with pytest.raises(PrecisionUnreachable) as caught:
        qsvt_angles(polynomial, tolerance=1e-18)
    assert 0 < caught.value.value < 1e-12


def test_a_touching_polynomial_is_refused_or_certified():
    """Too near 1 nothing wrong comes back: a certified answer or an error."""
    with pytest.raises(PrecisionUnreachable):
        qsvt_angles(Chebyshev(np.eye(10)[9] * (1 - 1e-16)))
    for gap in (1e-2, 1e-4, 1e-5):
        assert qsvt_angles(random_polynomial(50, 1, peak=1 - gap)).residual < 1e-12
