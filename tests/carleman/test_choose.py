"""Chosen orders keep their promise, and say what it rests on."""

import numpy as np
import pytest
from scipy import sparse

from qgd_core.carleman.choose import choose_order, choose_scale
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError, PrecisionUnreachable


def quadratic_field(drive=0.01, curve=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return PolynomialField(
        {
            0: drive * rng.standard_normal(3),
            1: -np.diag([0.3, 0.6, 1.0]),
            2: curve * rng.standard_normal((3, 9)),
        }
    )


@pytest.mark.parametrize("eps", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize(("form", "step", "T"), [("discrete", 0.5, 12), ("continuous", None, 6.0)])
def test_the_promise_is_kept(eps, form, step, T):
    field, u0 = quadratic_field(), np.array([0.2, -0.1, 0.1])
    choice = choose_order(field, u0, T, eps, form, step)
    assert choice.error <= eps
    reference = carleman(field, 9, form, step).classical(u0, T)
    error = np.linalg.norm(carleman(field, choice.order, form, step).classical(u0, T) - reference)
    assert error <= (choice.error if choice.rigorous else 3 * choice.error)


def test_linear_fields_need_order_one_by_norms_alone():
    choice = choose_order(quadratic_field(curve=0.0), [0.2, 0.1, 0.1], 5, 1e-9, step=0.5)
    assert (choice.order, choice.error, choice.reason) == (1, 0.0, "norm majorant")


def test_without_a_closing_bound_the_estimate_is_named():
    n = 30
    coupled = np.zeros((n, n))
    coupled[np.arange(0, n, 2), np.arange(1, n, 2)] = 3.0
    cross = sparse.random_array((n, n * n), density=60 / n**3, rng=np.random.default_rng(1), format="csr")
    field = PolynomialField({1: coupled - np.eye(n), 2: cross})
    choice = choose_order(field, np.full(n, 0.02), 3.0, 1e-3, "continuous", max_order=3)
    assert not choice.rigorous
    assert choice.reason.startswith("estimate: order")


def test_unreachable_precision_says_how_near_it_came():
    field = PolynomialField({1: 0.5 * np.eye(2), 2: np.ones((2, 4))})
    with pytest.raises(PrecisionUnreachable, match="No order") as caught:
        choose_order(field, [0.5, 0.5], 20, 1e-6, step=0.5, max_order=3)
    assert caught.value.value is not None
    with pytest.raises(ConfigError, match="eps"):
        choose_order(field, [0.5, 0.5], 2, 0.0, step=0.5)
    with pytest.raises(ConfigError, match="step"):
        choose_order(field, [0.5, 0.5], 2, 0.1)


def test_the_scale_lowers_growth_and_never_the_answer():
    field, u0 = quadratic_field(drive=0.02), np.array([0.2, -0.1, 0.1])
    system = carleman(field, 3, "continuous")
    g = choose_scale(system, u0)
    assert 0.1 <= g * np.linalg.norm(u0) <= 1.0 + 1e-12
    better = system.rescaled(g)
    assert better.log_norm() <= system.log_norm()
    np.testing.assert_allclose(better.classical(u0, 3.0), system.classical(u0, 3.0), rtol=0, atol=1e-13)
    assert choose_scale(system, np.zeros(3)) == 1.0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"T": np.nan}, "T is"),
        ({"T": "a"}, "T is"),
        ({"T": -1}, "T is"),
        ({"T": np.inf, "form": "continuous"}, "T is"),
        ({"T": None, "form": "continuous"}, "T is"),
        ({"eps": "a"}, "eps"),
        ({"eps": np.nan}, "eps"),
        ({"form": "disc"}, "form 'disc'"),
        ({"max_order": 2.5}, "max_order"),
        ({"max_dimension": "a"}, "max_dimension"),
        ({"u0": ["a"]}, "u0 is no vector"),
        ({"field": None}, "NoneType"),
    ],
)
def test_bad_choices_are_named(options, word):
    given = {"field": quadratic_field(), "u0": [0.1, 0.1, 0.1], "T": 3, "eps": 1e-2, "step": 0.1, **options}
    with pytest.raises(ConfigError, match=word):
        choose_order(**given)


@pytest.mark.parametrize("options", [{"step": 1.0, "T": 2000}, {"form": "continuous", "T": 2000.0}], ids=str)
def test_a_window_that_leaves_all_bounds_is_refused_and_never_overflows(options):
    growing = PolynomialField({1: [[0.5]], 2: [[0.3]]})
    with pytest.raises(PrecisionUnreachable, match="No order"):
        choose_order(growing, [0.5], eps=1e-2, max_order=2, **options)
