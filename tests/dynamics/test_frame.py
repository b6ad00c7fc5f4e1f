import numpy as np
import pytest
from scipy.stats import ortho_group

from qgd_core.dynamics.frame import eigenframe, rotate
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def random_field(n, seed, symmetric=False):
    rng = np.random.default_rng(seed)
    linear = rng.normal(size=(n, n))
    if symmetric:
        linear = linear + linear.T
    parts = {
        0: rng.normal(size=(n, 1)),
        1: linear,
        2: rng.normal(size=(n, n**2)),
        3: rng.normal(size=(n, n**3)),
    }
    return PolynomialField(parts, centre=rng.normal(size=n))


def test_a_rotated_field_is_the_same_field():
    field = random_field(3, 0)
    frame = ortho_group.rvs(3, random_state=1)
    turned = rotate(field, frame)
    for u in np.random.default_rng(2).normal(size=(5, 3)):
        np.testing.assert_allclose(turned(frame.T @ u), frame.T @ field(u), rtol=0, atol=1e-12)
    np.testing.assert_allclose(frame @ turned.centre, field.centre, rtol=0, atol=1e-14)


def test_the_eigenframe_makes_the_linear_part_diagonal_and_ascending():
    field = random_field(4, 3, symmetric=True)
    frame, turned = eigenframe(field)
    linear = turned.coefficient(1).toarray()
    np.testing.assert_allclose(linear, np.diag(np.diag(linear)), rtol=0, atol=1e-12)
    expected = np.linalg.eigvalsh(field.coefficient(1).toarray())
    np.testing.assert_allclose(np.diag(linear), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(frame @ frame.T, np.eye(4), rtol=0, atol=1e-14)


def test_bad_frames_and_fields_are_named():
    with pytest.raises(ConfigError, match="orthogonal"):
        rotate(random_field(3, 0), 2 * np.eye(3))
    with pytest.raises(ConfigError, match="symmetric"):
        eigenframe(random_field(3, 0))
