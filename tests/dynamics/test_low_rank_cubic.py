import numpy as np
import pytest

from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.low_rank_cubic import LowRankCubic, approximate_cubic
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def cubic_map(n=3, rank=2, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(rank, n))
    step = LowRankMap(
        rng.normal(size=n) / 20,
        rng.uniform(0.3, 0.9, n),
        rng.uniform(0.05, 0.1, rank),
        y / np.linalg.norm(y, axis=1)[:, np.newaxis],
    )
    return LowRankCubic(step, rng.uniform(-0.05, 0.05, rank))


def by_hand(step, u):
    quadratic = step.quadratic
    along = quadratic.directions @ u
    terms = quadratic.weights * along**2 + step.weights * along**3
    return quadratic.offset + quadratic.multipliers * u + quadratic.directions.T @ terms


def test_the_polynomial_is_the_map():
    step, u = cubic_map(), np.array([0.3, -0.2, 0.5])
    np.testing.assert_allclose(step.polynomial()(u), by_hand(step, u), rtol=0, atol=1e-14)
    np.testing.assert_allclose(u + 0.5 * step.field(0.5)(u), by_hand(step, u), rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", range(4))
def test_a_sum_of_powers_is_found_again(seed):
    step = cubic_map(seed=seed)
    found = approximate_cubic(step.polynomial(), 2, 0.7)
    rng = np.random.default_rng(9)
    for _ in range(5):
        u = rng.uniform(-0.5, 0.5, 3)
        np.testing.assert_allclose(found.polynomial()(u), by_hand(step, u), rtol=0, atol=1e-6)


def test_fewer_directions_leave_an_error_that_more_take_away():
    step, u = cubic_map(rank=3, seed=5), np.array([0.4, -0.3, 0.2])
    errors = [
        np.linalg.norm(approximate_cubic(step.polynomial(), r, 0.5).polynomial()(u) - by_hand(step, u))
        for r in (1, 3)
    ]
    assert errors[1] < errors[0] / 10


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ConfigError, match="zero"):
        approximate_cubic(PolynomialField({1: np.eye(2), 3: np.zeros((2, 8))}), 1, 1.0)
    with pytest.raises(ConfigError, match="large"):
        approximate_cubic(PolynomialField({1: np.eye(20), 3: np.zeros((20, 8000))}), 4, 1.0)
