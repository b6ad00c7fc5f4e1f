import numpy as np
import pytest

from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.majorant import enclose, norm_map, remainder_majorant, truncation_majorant
from qgd_core.carleman.sequence import carleman_sequence
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


@pytest.mark.parametrize("seed", range(6))
def test_a_map_a_step_is_bounded_as_one_map_is(seed):
    fields = [gradient_field(10 * seed + t, degree=3)[0] for t in range(5)]
    u0 = gradient_field(seed)[1]
    low = [PolynomialField({k: field.coefficient(k) for k in range(3)}) for field in fields]
    updates = [step_map(field, 1.0) for field in low]
    rests = [PolynomialField({3: field.coefficient(3)}) for field in fields]
    u, wide = u0, u0
    lengths = [np.linalg.norm(u0)]
    radii = enclose(updates, u0, 5)
    by_norms = enclose([norm_map(update) for update in updates], np.array([lengths[0]]), 5)
    for t, (update, rest) in enumerate(zip(updates, rests, strict=True)):
        u, wide = update(u), update(wide) + rest(wide)
        assert np.all(np.abs(u) <= radii[t + 1] + 1e-15)
        assert np.linalg.norm(u) <= by_norms[t + 1, 0] + 1e-15
    assert np.all(np.abs(wide - u) <= remainder_majorant(updates, rests, u0, 5) + 1e-15)
    sequence = carleman_sequence(low, 2, 1.0, scale=1.7)
    lost = np.abs(sequence.classical(u0) - u)
    assert np.all(lost <= truncation_majorant(sequence.systems, u0, 5) + 1e-15)
