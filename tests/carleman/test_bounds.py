"""Every bound against the observed truncation error, and against closed forms where one is known."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.integrate import solve_ivp

from qgd_core.carleman.bounds import (
    FLOW_BOUNDS,
    continuous_majorant,
    costa_bound,
    discrete_majorant,
    forets_pouly_bound,
    liu_bound,
)
from qgd_core.carleman.certificate import certify_continuous, certify_discrete
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField

ROUNDING = 1e-9


def random_field(rng, n):
    """Degrees 0 to 3, driven or not, dissipative or not, and a start."""
    kinds = rng.choice([0, 2, 3], size=rng.integers(1, 4), replace=False)
    coefficients = {int(k): rng.uniform(0, 0.5) * rng.standard_normal((n, n ** int(k))) for k in kinds}
    coefficients[1] = 0.4 * rng.standard_normal((n, n)) - rng.uniform(-0.3, 1.5) * np.eye(n)
    u0 = rng.standard_normal(n)
    return PolynomialField(coefficients), rng.uniform(0.02, 0.8) * u0 / np.linalg.norm(u0)


def check_map_bounds(n, order, seed):
    field, u0 = random_field(np.random.default_rng(seed), n)
    system, update = carleman(field, order, step=0.4, scale=0.7), step_map(field, 0.4)
    exact = u0
    for _ in range(6):
        exact = update(exact)
    error = np.linalg.norm(exact - system.classical(u0, 6))
    bounds = [
        discrete_majorant(update, order, float(np.linalg.norm(u0)), 6),
        certify_discrete(update, system.basis, system.matrix, system.source, u0, 6),
        system.error_bound(u0, 6),
    ]
    assert all(error <= bound + ROUNDING for bound in bounds), (error, bounds)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(n=st.integers(1, 3), order=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_map_bounds_hold_on_random_fields(n, order, seed):
    check_map_bounds(n, order, seed)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(n=st.integers(1, 3), order=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_map_bounds_hold_on_500_random_fields(n, order, seed):
    check_map_bounds(n, order, seed)


def check_flow_bounds(n, order, seed):
    rng = np.random.default_rng(seed)
    field, u0 = random_field(rng, n)
    time = rng.uniform(0.1, 2.0)
    system = carleman(field, order, "continuous", scale=0.7)
    bounds = {name: bound(field, order, u0, time) for name, bound in FLOW_BOUNDS.items()}
    bounds["majorant"] = continuous_majorant(field, order, float(np.linalg.norm(u0)), time)
    bounds["certificate"] = certify_continuous(field, system.basis, system.matrix, system.source, u0, time)
    if not np.isfinite(min(bounds.values())):
        return
    exact = solve_ivp(lambda t, u: field(u), (0, time), u0, rtol=1e-11, atol=1e-13).y[:, -1]
    error = np.linalg.norm(exact - system.classical(u0, time))
    assert all(error <= bound + ROUNDING for bound in bounds.values()), (error, bounds)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(n=st.integers(1, 3), order=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_flow_bounds_hold_on_random_fields(n, order, seed):
    check_flow_bounds(n, order, seed)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(n=st.integers(1, 3), order=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_flow_bounds_hold_on_500_random_fields(n, order, seed):
    check_flow_bounds(n, order, seed)


def published_field(rng, n, name):
    """A field under the conditions of the paper of one published bound, with its start and time."""
    frame, degree = rng.standard_normal((n, n)), 3 if name.startswith("Costa") and rng.random() < 0.5 else 2
    u0 = rng.standard_normal(n)
    u0 *= rng.uniform(0.05, 0.8) / np.linalg.norm(u0)
    parts = {
        1: -rng.uniform(0.3, 1.5) * np.eye(n) + frame - frame.T,
        degree: rng.standard_normal((n, n**degree)),
    }
    if name.startswith("Forets"):
        parts[1] = 0.4 * frame
    field = PolynomialField(parts)
    reach = np.linalg.norm(u0) ** (degree - 1) * field.norms()[degree]
    scale = rng.uniform(0.1, 0.95) * abs(field.log_norm() if not name.startswith("Forets") else 0.8) / reach
    parts[degree] = scale * parts[degree]
    if name.startswith("Liu") and rng.random() < 0.5:
        room = -field.log_norm() * np.linalg.norm(u0) - scale * reach * np.linalg.norm(u0)
        parts[0] = rng.standard_normal(n)
        parts[0] *= rng.uniform(0.0, 0.9) * room / np.linalg.norm(parts[0])
    return PolynomialField(parts), u0, rng.uniform(0.1, 1.0)


def check_published_bound(name, n, order, seed):
    field, u0, time = published_field(np.random.default_rng(seed), n, name)
    bound = FLOW_BOUNDS[name](field, order, u0, time)
    if not np.isfinite(bound):
        return 0
    exact = solve_ivp(lambda t, u: field(u), (0, time), u0, "DOP853", rtol=1e-13, atol=1e-15).y[:, -1]
    error = np.linalg.norm(exact - carleman(field, order, "continuous").classical(u0, time))
    assert error <= bound + ROUNDING, (error, bound)
    return 1


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(FLOW_BOUNDS)),
    n=st.integers(1, 3),
    order=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_published_bounds_hold_on_random_fields(name, n, order, seed):
    check_published_bound(name, n, order, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FLOW_BOUNDS))
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(n=st.integers(1, 3), order=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_published_bounds_hold_on_500_random_fields(name, n, order, seed):
    check_published_bound(name, n, order, seed)


@pytest.mark.parametrize("name", sorted(FLOW_BOUNDS))
def test_most_fields_under_a_papers_conditions_get_its_bound(name):
    assert sum(check_published_bound(name, 1 + seed % 3, 1 + seed % 2, seed) for seed in range(20)) >= 12


@pytest.mark.parametrize("order", [1, 2, 4])
def test_published_bounds_on_the_logistic_equation(order):
    """u' = -u + u^2: truncation error u0 e^-t q^N/(1-q), q = u0 (1-e^-t); u' = u + u^2 likewise with e^t."""
    u0, time = 0.4, 1.3
    field, q = PolynomialField({1: [[-1.0]], 2: [[1.0]]}), u0 * -np.expm1(-time)
    error = u0 * np.exp(-time) * q**order / (1 - q)
    assert liu_bound(field, order, [u0], time) == pytest.approx(u0 * q**order, rel=1e-12)
    assert costa_bound(field, order, [u0], time) == pytest.approx(u0 * q**order, rel=1e-9)
    assert error <= u0 * q**order
    growing, q = PolynomialField({1: [[1.0]], 2: [[0.2]]}), 0.2 * u0 * np.expm1(time)
    exact = u0 * np.exp(time) * q**order / (1 - q)
    assert forets_pouly_bound(growing, order, [u0], time) == pytest.approx(exact, rel=1e-12)
    computed = abs(
        carleman(growing, order, "continuous").classical([u0], time)[0] - u0 * np.exp(time) / (1 - q)
    )
    assert computed == pytest.approx(exact, rel=1e-9)


def test_the_truncation_error_falls_by_the_predicted_factor_per_order():
    """For u' = -u + u^2 the predicted factor per order is exactly u0 (1 - e^-t)."""
    u0, time = 0.5, 1.0
    field, q = PolynomialField({1: [[-1.0]], 2: [[1.0]]}), 0.5 * -np.expm1(-1.0)
    exact = u0 * np.exp(-time) / (1 - q)
    errors = [exact - carleman(field, n, "continuous").classical([u0], time)[0] for n in range(1, 9)]
    np.testing.assert_allclose(np.array(errors[1:]) / errors[:-1], q, rtol=1e-6)


def test_bounds_say_infinity_outside_their_conditions():
    rising = PolynomialField({1: [[0.1]], 2: [[1.0]]})
    cubic = PolynomialField({1: [[-1.0]], 3: [[1.0]]})
    driven = PolynomialField({0: [[0.1]], 1: [[-1.0]], 2: [[1.0]]})
    assert liu_bound(rising, 2, [0.3], 1.0) == np.inf
    assert liu_bound(cubic, 2, [0.3], 1.0) == np.inf
    assert forets_pouly_bound(driven, 2, [0.3], 1.0) == np.inf
    assert forets_pouly_bound(rising, 2, [0.3], 20.0) == np.inf
    assert costa_bound(driven, 2, [0.3], 1.0) == np.inf
    assert continuous_majorant(rising, 2, 0.3, 20.0) == np.inf
    assert discrete_majorant(step_map(rising, 1.0), 2, 0.3, 50) == np.inf
    assert np.isfinite(liu_bound(driven, 2, [0.3], 1.0))
    assert np.isfinite(costa_bound(cubic, 2, [0.3], 1.0))


def test_the_certificate_of_a_map_is_within_twice_the_error():
    rng = np.random.default_rng(3)
    frame = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    hessian = frame @ np.diag([0.1, 0.4, 0.7, 1.0]) @ frame.T
    field = PolynomialField(
        {0: 0.01 * rng.standard_normal(4), 1: -hessian, 2: 0.15 * rng.standard_normal((4, 16))}
    )
    u0 = np.array([0.2, -0.2, 0.2, -0.2])
    exact = u0
    for _ in range(20):
        exact = exact + 0.8 * field(exact)
    for order in (2, 3, 4):
        system = carleman(field, order, step=0.8)
        error = np.linalg.norm(exact - system.classical(u0, 20))
        assert error <= system.error_bound(u0, 20) <= 2.0 * error


def test_maps_past_the_certificate_are_bounded_by_one_run_and_block_norms():
    n = 300
    rng = np.random.default_rng(5)
    square = np.zeros((n, n))
    square[np.arange(n), rng.integers(0, n, n)] = 0.05
    columns = rng.integers(0, n * n, n)
    cross = sparse.csr_array((np.full(n, 0.05), (np.arange(n), columns)), shape=(n, n * n))
    field = PolynomialField({1: square - np.eye(n), 2: cross})
    system = carleman(field, 2, step=0.3)
    u0 = np.full(n, 0.01)
    exact = u0
    for _ in range(10):
        exact = exact + 0.3 * field(exact)
    error = np.linalg.norm(exact - system.classical(u0, 10))
    assert error <= system.error_bound(u0, 10) <= 2.0 * error


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("rate", [-1.0, 0.0, 5.0])
def test_bounds_never_overflow_into_warnings_or_nan(size, rate):
    field = PolynomialField({1: rate * np.eye(2), 2: np.ones((2, 4))})
    u0 = np.full(2, size)
    for form in ("discrete", "continuous"):
        assert not np.isnan(carleman(field, 2, form, 0.5).error_bound(u0, 200))
    assert not np.isnan(carleman(field, 2, "continuous").error_bound(u0, 1e6))
    assert not any(np.isnan(bound(field, 2, u0, 1000.0)) for bound in FLOW_BOUNDS.values())
