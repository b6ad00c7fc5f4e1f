"""Norms of powers: the bounds of large systems around the dense truth of small ones."""

import numpy as np
import pytest
from scipy import sparse

import qgd_core.carleman.sequence as sequence_module
from qgd_core.carleman.growth import dense_growth, lower_growth, upper_growth
from qgd_core.carleman.sequence import carleman_sequence
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField


def field(seed, n=3, drive=0.05, shift=0.6):
    rng = np.random.default_rng(seed)
    parts = {k: 0.3 * rng.standard_normal((n, n**k)) for k in range(4)}
    parts[0] *= drive
    parts[1] -= shift * np.eye(n)
    return PolynomialField(parts)


@pytest.mark.parametrize("form", ["discrete", "continuous"])
@pytest.mark.parametrize("seed", range(6))
def test_the_bounds_enclose_the_norms_of_powers(form, seed):
    system = carleman(field(seed, shift=0.3 * seed), 3, form, 0.4, scale=0.8)
    dense = system.matrix.toarray()
    one = dense
    if form == "continuous":
        values, frame = np.linalg.eig(dense)
        one = ((frame * np.exp(values)) @ np.linalg.inv(frame)).real
    norms = [np.linalg.norm(np.linalg.matrix_power(one, t), 2) for t in range(6)]
    assert dense_growth([system] * 5).upper == pytest.approx(max(norms), rel=1e-9)
    assert lower_growth([system] * 5) <= max(norms) * (1 + 1e-9)
    assert lower_growth([system] * 5) >= 0.9 * max(norms)
    assert max(norms) <= upper_growth([system] * 5) * (1 + 1e-12)


def test_the_upper_bound_is_attained_by_one_variable_with_positive_coefficients():
    """With one variable a block is a number, so the matrix of block norms is the matrix itself."""
    system = carleman(PolynomialField({1: [[0.1]], 2: [[0.5]]}), 4, step=1.0)
    dense = system.matrix.toarray()
    expected = max(np.linalg.norm(np.linalg.matrix_power(dense, t), 2) for t in range(8))
    assert upper_growth([system] * 7) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("memory", [2.0**32, 6e5])
def test_large_systems_get_both_bounds_and_small_ones_the_norm(memory):
    """One divergent mode of 1.05 a step and D = 4970: M^t has the norm 1.05^(2t) of its square."""
    rates = np.append(np.linspace(-1.0, -0.5, 69), 0.05)
    system = carleman(
        PolynomialField({1: sparse.diags_array(rates)}), 2, step=1.0, basis="kronecker", memory=memory
    )
    assert system.is_stored == (memory > 1e9)
    growth, true = system.growth(10), 1.05**20
    assert growth.lower == pytest.approx(true, rel=1e-3)
    assert growth.lower <= true * (1 + 1e-12)
    assert growth.upper == system.power_norm(10) == pytest.approx(true, rel=1e-12)
    assert carleman(field(0), 2, step=0.4).growth(5).exact


def test_exploding_powers_are_infinite_and_never_nan():
    assert upper_growth([carleman(PolynomialField({1: [[9.0]], 2: [[9.0]]}), 3, step=1.0)] * 500) == np.inf


@pytest.mark.parametrize("seed", range(4))
def test_products_of_different_steps_are_enclosed(monkeypatch, seed):
    """The dense norms of M_t .. M_0, in that order, by numpy; and the bounds that large sequences get."""
    fields = [field(3 * seed + i, shift=0.5 * i) for i in range(3)]
    sequence = carleman_sequence(fields, 3, [0.4, 0.3, 0.5], scale=0.8)
    product, norms = np.eye(sequence.basis.dimension), [1.0]
    for system in sequence.systems:
        product = system.matrix.toarray() @ product
        norms.append(np.linalg.norm(product, 2))
    assert sequence.power_norm() == pytest.approx(max(norms), rel=1e-12)
    assert sequence.growth().exact
    monkeypatch.setattr(sequence_module, "DENSE_LIMIT", 1)
    large = sequence.growth()
    assert large.lower <= max(norms) * (1 + 1e-12) <= large.upper * (1 + 1e-9)
    assert large.lower >= 0.9 * max(norms)
    assert sequence.power_norm() == large.upper


def test_a_large_sequence_needs_no_dense_matrix():
    """D = 4970 and one divergent mode: ten steps multiply to (1.05 * 1.1)^10 in its square."""
    rates = np.append(np.linspace(-1.0, -0.5, 69), 0.05)
    fields = [PolynomialField({1: sparse.diags_array(rates)})] * 10
    sequence = carleman_sequence(fields, 2, [1.0, 2.0] * 5, basis="kronecker")
    growth = sequence.growth()
    assert growth.lower == pytest.approx((1.05 * 1.1) ** 10, rel=1e-3)
    assert growth.upper == sequence.power_norm() == pytest.approx((1.05 * 1.1) ** 10, rel=1e-12)
