"""R numbers and admissible times against closed forms and integrators."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.stability import (
    R_NUMBERS,
    admissible_time,
    costa_r,
    liu_r,
    log_norm_r,
    lyapunov_r,
    newton_centre,
)
from qgd_core.errors import ConfigError, NotDissipative


def test_all_definitions_agree_on_one_damped_variable():
    field = PolynomialField({1: [[-2.0]], 2: [[0.5]]})
    for name, number in R_NUMBERS.items():
        assert number(field, [0.8]) == pytest.approx(0.8 * 0.5 / 2.0, rel=1e-12), name


def test_definitions_differ_where_they_should():
    shear = PolynomialField({1: [[-1.0, 4.0], [0.0, -1.5]], 2: 0.01 * np.eye(2, 4)})
    u0 = [0.1, 0.1]
    assert liu_r(shear, u0) < 1.0
    assert log_norm_r(shear, u0) == np.inf
    assert lyapunov_r(shear, u0) < 1.0
    driven = PolynomialField({0: [0.1, 0.0], 1: -np.eye(2), 3: np.eye(2, 8)})
    assert costa_r(driven, u0) == np.inf
    assert lyapunov_r(PolynomialField({1: [[0.1]], 2: [[1.0]]}), [0.1]) == np.inf


def test_the_lyapunov_number_with_the_identity_is_the_log_norm_one():
    rng = np.random.default_rng(0)
    field = PolynomialField({0: [0.1, 0.2, 0.0], 1: -np.eye(3), 2: rng.standard_normal((3, 9))})
    u0 = [0.3, -0.1, 0.2]
    assert lyapunov_r(field, u0, np.eye(3)) == pytest.approx(log_norm_r(field, u0), rel=1e-12)
    # A scaled norm is a change of variables: compute it by hand for a diagonal P.
    scale = np.array([1.0, 2.0, 4.0])
    turned = PolynomialField(
        {
            0: np.array([0.1, 0.2, 0.0]) * scale,
            1: -np.eye(3),
            2: scale[:, None] * field.coefficients[2].toarray() / np.kron(scale, scale),
        }
    )
    assert lyapunov_r(field, u0, np.diag(scale**2)) == pytest.approx(
        log_norm_r(turned, u0 * scale), rel=1e-12
    )


def test_admissible_time_is_the_blow_up_time_of_the_majorant():
    mu, f2, u0 = 0.3, 0.5, 0.4
    field = PolynomialField({1: [[mu]], 2: [[f2]]})
    assert admissible_time(field, [u0]) == pytest.approx(np.log(1 + mu / (f2 * u0)) / mu, rel=1e-9)
    assert admissible_time(PolynomialField({3: [[1.0]]}), [0.5]) == pytest.approx(1 / (2 * 0.25), rel=1e-9)
    driven = PolynomialField({0: [[1.0]], 2: [[1.0]]})
    assert admissible_time(driven, [0.0]) == pytest.approx(np.pi / 2, rel=1e-9)
    mixed = PolynomialField({0: [[0.2]], 1: [[-0.5]], 2: [[1.0]]})
    time = admissible_time(mixed, [0.8])
    blown = solve_ivp(
        lambda t, r: mixed(r), (0, 2 * time), [0.8], rtol=1e-10, events=_explosion, max_step=time / 50
    )
    assert time == pytest.approx(blown.t_events[0][0], rel=1e-3)
    assert admissible_time(PolynomialField({1: [[-1.0]], 2: [[1.0]]}), [0.5]) == np.inf
    assert admissible_time(PolynomialField({1: [[0.4]]}), [0.5]) == np.inf


def _explosion(t, r):
    return r[0] - 1e5


_explosion.terminal = True


def test_newton_steps_reach_the_root():
    field = PolynomialField(
        {0: [0.2, -0.1], 1: [[-1.0, 0.1], [0.1, -0.8]], 2: 0.2 * np.ones((2, 4))}, [1.0, 2.0]
    )
    root = newton_centre(field, 6)
    np.testing.assert_allclose(field(root - field.centre), 0.0, rtol=0, atol=1e-14)
    flat = PolynomialField({0: [1.0], 2: [[1.0]]})
    with pytest.raises(NotDissipative, match="singular"):
        newton_centre(flat)


def test_bad_lyapunov_forms_are_named():
    field = PolynomialField({1: -np.eye(2), 2: np.ones((2, 4))})
    for form, word in (
        (np.eye(3), "shape"),
        (np.diag([1.0, -1.0]), "definite"),
        (np.triu(np.ones((2, 2))), "sym"),
    ):
        with pytest.raises(ConfigError, match=word):
            lyapunov_r(field, [0.1, 0.1], form)
