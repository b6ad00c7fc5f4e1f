"""The flow through gradient descent's iterates against the matrix logarithm and dense algebra."""

import numpy as np
import pytest
from scipy.linalg import expm, logm

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.frame import eigenframe
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import NotDissipative
from qgd_core.ode.step_flow import step_flow


def gradient(n=3, seed=0, degree=2, source=0.0):
    """Minus the gradient of a random polynomial: every coefficient a symmetric tensor."""
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(n, n)))[0]
    parts = {1: -frame @ np.diag(rng.uniform(0.1, 0.6, n)) @ frame.T}
    if source:
        parts[0] = source * rng.normal(size=n)
    for k in range(2, degree + 1):
        vectors = rng.normal(size=(4, n)) / np.sqrt(n)
        tensor = sum(np.multiply.outer(v, np.ravel(_power(v, k))) for v in vectors)
        parts[k] = -0.1 * tensor
    return PolynomialField(parts)


def _power(v, k):
    out = np.ones(())
    for _ in range(k):
        out = np.multiply.outer(out, v)
    return out


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_matrix_is_the_logarithm_of_the_discrete_carleman_matrix(order):
    field = gradient(degree=3)
    flow = step_flow(field, 0.9, order, np.array([0.3, -0.2, 0.1]), 7, 1.3)
    turned = eigenframe(field)[1]
    reference = carleman(turned, order, step=0.9, scale=1.3)
    signs = np.sign(np.diag(flow.frame.T @ eigenframe(field)[0]))
    own = reference.basis.lift(signs) / reference.basis.lift(np.ones(3))
    log = logm(reference.matrix.toarray())
    np.testing.assert_allclose(flow.matrix.toarray(), own[:, None] * log * own, rtol=0, atol=1e-10)
    np.testing.assert_allclose(flow.rows(), expm(flow.matrix.toarray() * 7)[:3], rtol=0, atol=1e-12)


@pytest.mark.parametrize("source", [0.0, 0.01])
def test_it_ends_where_the_carleman_steps_end(source):
    field, u0, steps = gradient(source=source), np.array([0.3, -0.2, 0.1]), 9
    flow = step_flow(field, 0.9, 2, u0, steps, 1.0)
    got = flow.offset + flow.frame @ (flow.rows() @ flow.start)
    if source:
        # Another centre truncates differently: within the two majorants, and far from the field's own source.
        assert 0 < flow.recentred < 0.05
        assert np.linalg.norm(got - carleman(field, 2, step=0.9).classical(u0, steps)) <= flow.recentred
    else:
        assert flow.recentred == 0.0
        expected = carleman(field, 2, step=0.9).classical(u0, steps)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("limit", [1e-4, 1e-3, 1e-2])
def test_pruning_keeps_its_word_and_drops_coordinates(limit):
    field = gradient(5, 2)
    u0 = eigenframe(field)[0] @ np.array([0.02, -0.05, 0.01, 0.9, 0.1])
    flow = step_flow(field, 1.0, 2, u0, 8, 1.0)
    small = flow.pruned(limit)
    change = small.rows() @ small.start - flow.rows() @ flow.start
    assert np.linalg.norm(change) <= small.drift <= limit
    assert small.start.size < flow.start.size
    assert np.all(np.abs(small.rows() @ small.start) <= small.radii + 1e-12)
    assert np.array_equal(small.start[:5], flow.start[:5])


def test_pruning_majorant_would_notice_a_dropped_giant():
    """The drift of an empty coupling is what the coupling does, not zero."""
    flow = step_flow(gradient(3, 1), 1.0, 2, np.array([0.8, -0.5, 0.3]), 8, 1.0)
    bare = flow.pruned(1e9)
    assert bare.start.size == 3
    change = bare.rows() @ bare.start - flow.rows() @ flow.start
    assert 1e-3 < np.linalg.norm(change) <= bare.drift


def test_what_no_flow_can_do_is_refused():
    overshooting = PolynomialField({1: -np.diag([0.2, 1.4]), 2: np.zeros((2, 4))})
    with pytest.raises(NotDissipative, match="overshoots"):
        step_flow(overshooting, 1.0, 2, np.ones(2), 3, 1.0)
    without = PolynomialField({0: [1.0], 1: [[-0.1]], 2: [[1.0]]})
    with pytest.raises(NotDissipative, match="fixed point"):
        step_flow(without, 1.0, 2, np.array([0.1]), 3, 1.0)
