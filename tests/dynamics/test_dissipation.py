"""The report's counts, verdict and remedies on fields whose answers are known."""

import numpy as np
import pytest

from qgd_core.dynamics.dissipation import dissipation_report
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.stability import log_norm_r
from qgd_core.dynamics.updates import decay_weights
from qgd_core.errors import ConfigError


def test_modes_are_counted_by_the_sign_of_their_rate():
    frame = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    rates = np.array([-2.0, -1.0, -0.5, 0.0, 0.3])
    field = PolynomialField({1: frame @ np.diag(rates) @ frame.T, 2: 0.1 * np.ones((5, 25))})
    report = dissipation_report(field, 0.1 * np.ones(5), time=1.0, step=1.5)
    assert (report.dissipative, report.neutral, report.divergent, report.overshooting) == (3, 1, 1, 1)
    np.testing.assert_allclose(report.eigenvalues.real, rates[::-1], rtol=0, atol=1e-12)
    residual = field.coefficients[1].toarray() @ report.modes - report.modes * report.eigenvalues
    assert np.abs(residual).max() < 1e-12
    assert report.log_norm == pytest.approx(0.3, abs=1e-12)
    assert "1 divergent" in str(report)


def test_the_verdict_turns_at_the_admissible_time():
    field = PolynomialField({1: [[0.3]], 2: [[0.5]]})
    limit = np.log(1 + 0.3 / (0.5 * 0.4)) / 0.3
    assert dissipation_report(field, [0.4], 0.99 * limit).admissible
    late = dissipation_report(field, [0.4], 1.01 * limit)
    assert not late.admissible
    assert late.order is None
    assert any("shorter" in remedy.change for remedy in late.remedies)


@pytest.mark.parametrize("eps", [1e-2, 1e-5])
def test_the_order_is_the_least_that_reaches_eps_on_the_logistic_equation(eps):
    """u' = -u + u^2 attains the majorant, so the error of order N is known in closed form."""
    u0, time = 0.5, 1.0
    report = dissipation_report(PolynomialField({1: [[-1.0]], 2: [[1.0]]}), [u0], time, eps=eps)
    q = u0 * -np.expm1(-time)
    errors = [np.exp(-time) * q**order / (1 - q) for order in range(1, 40)]
    assert report.order == 1 + next(i for i, error in enumerate(errors) if error <= eps)
    larger = report.remedies[-1]
    assert larger.change == f"order N = {report.order}"
    assert larger.cost == pytest.approx(report.order, rel=1e-12)


def test_remedies_come_with_numbers_that_hold():
    rng = np.random.default_rng(1)
    field = PolynomialField(
        {0: [0.3, -0.2, 0.1], 1: -np.diag([0.2, 0.5, 1.0]), 2: 0.15 * rng.standard_normal((3, 9))},
        centre=[0.2, 0.1, -0.1],
    )
    u0 = np.array([0.5, -0.4, 0.3])
    report = dissipation_report(field, u0, 10.0)
    assert report.r_numbers["Krovi 2202.01054 (log-norm)"] > 1.0
    newton = [remedy for remedy in report.remedies if "Newton" in remedy.change]
    assert [remedy.cost for remedy in newton] == [9.0, 18.0]
    decay = next(remedy for remedy in report.remedies if remedy.change.startswith("weight decay"))
    rate = float(decay.change.split()[-1])
    assert decay.r_number < 1.0
    assert log_norm_r(decay_weights(field, 1.001 * rate), u0) < 1.0
    assert log_norm_r(decay_weights(field, 0.9 * rate), u0) >= 1.0


def test_a_field_that_is_fine_needs_no_remedy_but_a_centre():
    field = PolynomialField({1: -np.eye(2), 2: 0.1 * np.ones((2, 4))})
    report = dissipation_report(field, [0.1, 0.1], 5.0)
    assert report.admissible
    assert not any("decay" in remedy.change or "shorter" in remedy.change for remedy in report.remedies)
    assert max(report.r_numbers.values()) < 1.0


@pytest.mark.parametrize("rate", [-1.0, 0.5])
@pytest.mark.parametrize("time", [1e4, 1e300])
def test_long_windows_neither_overflow_nor_end_in_nan(rate, time):
    """At T = 1e4, e^(-T) is 0 and e^T infinite: the one decays so far that order 1 is enough, the other is refused."""
    report = dissipation_report(PolynomialField({1: [[rate]], 2: [[0.3]]}), [0.5], time)
    assert report.order == (1 if rate < 0 else None)
    assert report.admissible == (rate < 0)


def test_an_order_in_the_billions_is_priced_without_counting_them():
    """A rate of convergence just below 1: the order is a number, its coordinates are those of one variable."""
    start = (1 - 1e-9) / np.expm1(1.0)
    report = dissipation_report(PolynomialField({1: [[1.0]], 2: [[1.0]]}), [start], 1.0)
    assert report.order > 1e9
    assert report.remedies[-1].cost == pytest.approx(report.order, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"time": np.nan}, "time is"),
        ({"time": -1.0}, "time is"),
        ({"time": "a"}, "time is"),
        ({"step": -0.1}, "step is"),
        ({"step": "a"}, "step is"),
        ({"eps": 0.0}, "eps is"),
        ({"eps": None}, "eps is"),
        ({"u0": ["a"]}, "u0 is no vector"),
        ({"u0": [[1.0], [1.0, 2.0]]}, "u0 is no vector"),
    ],
)
def test_bad_reports_are_named(options, word):
    with pytest.raises(ConfigError, match=word):
        dissipation_report(**{"field": PolynomialField({1: [[-1.0]]}), "u0": [0.1], "time": 1.0, **options})
