"""SGD, schedules and momentum as sequences of exact steps, against the iterated updates."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from qgd_core.carleman.sequence import carleman_sequence
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.updates import add_momentum
from qgd_core.errors import ConfigError


def minibatch_fields(count, n=4, seed=0):
    """Minus the gradients of count random cubic losses that share a mean, around one centre."""
    rng = np.random.default_rng(seed)
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]

    def draw(drive, spread, curve):
        a, third = rng.standard_normal((n, n)), rng.standard_normal((n, n, n))
        third = sum(third.transpose(p) for p in orders) / 6
        return drive * rng.standard_normal(n), spread * (a + a.T) / 2, curve * third.reshape(n, n * n)

    mean = np.diag(np.linspace(0.3, 1.0, n))
    _, _, square = draw(0, 0, 0.1)
    fields = []
    for _ in range(count):
        f0, f1, f2 = draw(0.005, 0.05, 0.02)
        fields.append(PolynomialField({0: f0, 1: -mean - f1, 2: square + f2}))
    return fields


def run(fields, rates, u):
    for field, rate in zip(fields, rates, strict=True):
        u = u + rate * field(u)
    return u


def test_sgd_error_falls_with_the_order_and_the_first_order_map_stalls():
    fields, eta, u0 = minibatch_fields(16), 0.2, np.array([0.25, -0.2, 0.15, 0.2])
    exact = run(fields, [eta] * 16, u0)
    errors, stalled = [], []
    for order in (1, 2, 3):
        errors.append(np.linalg.norm(carleman_sequence(fields, order, eta).classical(u0) - exact))
        flows = [carleman(field, order, "continuous") for field in fields]
        z = flows[0].lift(u0)
        for flow in flows:
            z = z + eta * (flow.matrix @ z + flow.source)
        stalled.append(np.linalg.norm(flows[0].project(z) - exact))
    assert errors[1] < errors[0] / 10
    assert errors[2] < errors[1] / 10
    assert stalled[2] > stalled[1] / 3
    assert stalled[2] > 10 * errors[2]


def test_the_bound_of_a_sequence_is_above_the_error_and_near_it():
    fields, u0 = minibatch_fields(16, seed=1), np.array([0.25, -0.2, 0.15, 0.2])
    rates = 0.3 / (1 + np.arange(16))
    exact = run(fields, rates, u0)
    for order, factor in ((1, 20.0), (2, 2.0), (3, 1.1)):
        sequence = carleman_sequence(fields, order, rates, scale=1.7)
        error = np.linalg.norm(sequence.classical(u0) - exact)
        assert error <= sequence.error_bound(u0) <= factor * error


def test_a_schedule_shares_the_matrices_of_equal_steps():
    field = minibatch_fields(1)[0]
    sequence = carleman_sequence([field] * 6, 2, [0.3, 0.3, 0.3, 0.1, 0.1, 0.1])
    assert len({id(matrix) for matrix in sequence.matrices}) == 2
    assert len(sequence.sources) == 6
    u0 = np.array([0.1, 0.1, -0.1, 0.1])
    halves = carleman(field, 2, step=0.3).evolve(sequence.basis.lift(u0), 3)
    expected = carleman(field, 2, step=0.1).classical
    assert expected(u0, 0) == pytest.approx(u0)
    z = carleman(field, 2, step=0.1).evolve(halves, 3)
    np.testing.assert_allclose(sequence.evolve(sequence.basis.lift(u0)), z, rtol=0, atol=1e-15)


def test_momentum_converges_with_the_order():
    fields = minibatch_fields(8, n=2, seed=2)
    states = [add_momentum(field, 0.5, 0.2) for field in fields]
    u0 = np.array([0.2, -0.1, 0.0, 0.0])
    exact = run(states, [0.2] * 8, u0)
    errors = [
        np.linalg.norm(carleman_sequence(states, order, 0.2).classical(u0) - exact) for order in (1, 2, 3, 4)
    ]
    assert all(later < earlier / 5 for earlier, later in pairwise(errors))


def test_anchored_matrices_carry_the_source():
    field = minibatch_fields(1, seed=3)[0]
    u0 = np.array([0.1, 0.2, -0.1, 0.1])
    system = carleman(field, 2, step=0.3)
    z = np.append(0.5, system.lift(u0))
    for _ in range(5):
        z = system.anchored(0.5) @ z
    np.testing.assert_allclose(z[1:], system.evolve(system.lift(u0), 5), rtol=0, atol=1e-15)
    assert z[0] == 0.5
    flow = carleman(field, 2, "continuous")
    dense = sparse.linalg.expm(flow.anchored(0.5).tocsc() * 2.0) @ np.append(0.5, flow.lift(u0))
    np.testing.assert_allclose(dense[1:], flow.evolve(flow.lift(u0), 2.0), rtol=0, atol=1e-13)


def test_bad_sequences_are_named():
    fields = minibatch_fields(3)
    with pytest.raises(ConfigError, match="do not match"):
        carleman_sequence(fields, 2, [0.1, 0.2])
    with pytest.raises(ConfigError, match="do not match"):
        carleman_sequence([], 2, 0.1)
    for rate in ("x", np.nan, 0.0):
        with pytest.raises(ConfigError, match="step is"):
            carleman_sequence(fields, 2, rate)
    with pytest.raises(ConfigError, match="NoneType"):
        carleman_sequence([fields[0], None], 2, 0.1)
    with pytest.raises(ConfigError, match="centres"):
        carleman_sequence([fields[0], fields[1].shift(np.ones(4))], 2, 0.1)
    with pytest.raises(ConfigError, match="weight"):
        carleman(fields[0], 1, step=0.1).anchored(0.0)
