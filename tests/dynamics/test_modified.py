"""The modified field against the matrix logarithm, the closed form of degree 2, and integrated flows."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import logm

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.modified import modified_field
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError, NotDissipative


def fixed_point_field(n=3, seed=0, degree=3):
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.standard_normal((n, n)))[0]
    parts = {k: 0.1 * rng.standard_normal((n, n**k)) for k in range(2, degree + 1)}
    parts[1] = -frame @ np.diag(np.linspace(0.2, 0.9, n)) @ frame.T
    return PolynomialField(parts, centre=rng.standard_normal(n))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_its_carleman_matrix_is_the_logarithm_of_the_step(order):
    field = fixed_point_field()
    modified = modified_field(field, 0.8, order)
    flow = carleman(modified, order, "continuous").matrix.toarray() * 0.8
    step = carleman(field, order, step=0.8).matrix.toarray()
    np.testing.assert_allclose(flow, logm(step), rtol=0, atol=1e-11)
    assert np.array_equal(modified.centre, field.centre)


def test_degree_two_in_the_eigenframe_is_the_closed_form():
    rates, rng = np.array([0.1, 0.4, 0.7]), np.random.default_rng(1)
    square = rng.standard_normal((3, 3, 3))
    square = square + square.transpose(0, 2, 1)
    field = PolynomialField({1: -np.diag(rates), 2: square.reshape(3, 9)})
    m = 1 - 0.5 * rates
    a = np.log(m)
    factor = (a[None, :, None] + a[None, None, :] - a[:, None, None]) / (
        m[None, :, None] * m[None, None, :] - m[:, None, None]
    )
    modified = modified_field(field, 0.5, 2)
    got = modified(np.eye(3)) - modified.coefficients[1].toarray().T
    expected = np.array([(square * factor)[:, j, j] for j in range(3)])
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_the_flow_passes_through_the_iterates():
    """The formal series is cut at degree d, so the defect at a start of size s falls as s^(d+1)."""
    field, eta = fixed_point_field(2, 2, degree=2), 0.5
    modified = modified_field(field, eta, 4)
    defects = []
    for size in (0.2, 0.1):
        u0 = size * np.array([0.6, -0.8])
        flow = solve_ivp(lambda t, u: modified(u), (0, eta), u0, rtol=1e-13, atol=1e-15).y[:, -1]
        plain = solve_ivp(lambda t, u: field(u), (0, eta), u0, rtol=1e-13, atol=1e-15).y[:, -1]
        defects.append(np.linalg.norm(flow - u0 - eta * field(u0)))
        assert defects[-1] < 1e-3 * np.linalg.norm(plain - u0 - eta * field(u0))
    assert defects[1] < defects[0] / 20


def test_what_no_flow_can_do_is_refused():
    with pytest.raises(NotDissipative, match="source"):
        modified_field(PolynomialField({0: [0.1], 1: [[-1.0]]}), 0.5, 2)
    with pytest.raises(NotDissipative, match="overshoots"):
        modified_field(PolynomialField({1: [[-1.0]], 2: [[1.0]]}), 1.5, 2)
    with pytest.raises(ConfigError, match="degree"):
        modified_field(PolynomialField({1: [[-1.0]]}), 0.5, 0)
    with pytest.raises(ConfigError, match="symmetric"):
        modified_field(PolynomialField({1: [[-1.0, 1.0], [0.0, -1.0]]}), 0.5, 2)
