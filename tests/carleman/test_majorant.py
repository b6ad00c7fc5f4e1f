import numpy as np
import pytest

from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.majorant import enclose, remainder_majorant, truncation_majorant
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def gradient_field(seed, n=3, degree=2):
    """A dissipative gradient field in its eigenframe, with a residual gradient and random higher tensors."""
    rng = np.random.default_rng(seed)
    parts = {0: 0.01 * rng.normal(size=(n, 1)), 1: -np.diag(rng.uniform(0.1, 0.9, n))}
    for k in range(2, degree + 1):
        parts[k] = 0.1 * rng.normal(size=(n, n**k))
    return PolynomialField(parts), 0.5 * rng.normal(size=n)


def iterate(update, u, steps):
    points = [u]
    for _ in range(steps):
        points.append(update(points[-1]))
    return np.array(points)


@pytest.mark.parametrize("seed", range(8))
def test_radii_enclose_the_iterates(seed):
    field, u0 = gradient_field(seed)
    update = step_map(field, 1.0)
    assert np.all(np.abs(iterate(update, u0, 8)) <= enclose(update, u0, 8) + 1e-15)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_the_truncation_error_stays_below_its_majorant_in_every_variable(seed, order):
    field, u0 = gradient_field(seed)
    system = carleman(field, order=order, step=1.0, scale=1.7)
    truth = iterate(step_map(field, 1.0), u0, 6)[-1]
    observed = np.abs(system.classical(u0, 6) - truth)
    bound = truncation_majorant(system, u0, 6)
    assert np.all(observed <= bound + 1e-15)


def test_the_majorant_is_tight_on_a_field_with_positive_coefficients():
    # Every term adds, so nothing cancels and the bound is the error itself.
    field = PolynomialField({1: np.array([[-0.3]]), 2: np.array([[0.2]])})
    system = carleman(field, order=2, step=1.0)
    truth = iterate(step_map(field, 1.0), np.array([0.4]), 5)[-1]
    observed = truth - system.classical(np.array([0.4]), 5)
    np.testing.assert_allclose(truncation_majorant(system, np.array([0.4]), 5), observed, rtol=0, atol=1e-14)
    assert observed[0] > 1e-4


@pytest.mark.parametrize("seed", range(8))
def test_the_drift_of_a_map_with_a_remainder_stays_below_its_majorant(seed):
    wide, u0 = gradient_field(seed, degree=3)
    rest = PolynomialField({3: wide.coefficient(3)})
    low = step_map(PolynomialField({k: wide.coefficient(k) for k in (0, 1, 2)}), 1.0)
    difference = iterate(step_map(wide, 1.0), u0, 6)[-1] - iterate(low, u0, 6)[-1]
    assert np.all(np.abs(difference) <= remainder_majorant(low, rest, u0, 6) + 1e-15)


def test_an_exploding_map_gives_infinity_and_a_continuous_system_is_refused():
    field = PolynomialField({1: np.array([[1.0]]), 2: np.array([[5.0]])})
    assert np.isinf(truncation_majorant(carleman(field, order=2, step=1.0), np.array([9.0]), 30)).all()
    with pytest.raises(ConfigError, match="discrete"):
        truncation_majorant(carleman(field, order=2, form="continuous"), np.array([1.0]), 3)
