"""Weight decay, momentum and preconditioners against the update rules of torch, and a torch run."""

import numpy as np
import pytest
import torch

from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.updates import add_momentum, decay_weights, precondition
from qgd_core.errors import ConfigError


def cubic_loss_field(seed=0, n=3):
    """Minus the gradient of a random cubic loss, around a random centre."""
    rng = np.random.default_rng(seed)
    third = rng.standard_normal((n, n, n))
    third = sum(
        third.transpose(p) for p in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    )
    hessian = rng.standard_normal((n, n))
    hessian = hessian @ hessian.T + np.eye(n)
    centre = rng.standard_normal(n)
    return PolynomialField(
        {0: rng.standard_normal(n), 1: -hessian, 2: -0.02 * third.reshape(n, n * n)}, centre
    )


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_enlarged_map_is_torch_sgd(momentum, nesterov):
    field, rate, decay = cubic_loss_field(), 0.02, 0.1
    if nesterov and momentum == 0.0:
        nesterov = False
    w = torch.tensor(field.centre + 0.1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=rate, momentum=momentum, weight_decay=decay, nesterov=nesterov)
    enlarged = add_momentum(decay_weights(field, decay), momentum, rate, nesterov)
    state = np.concatenate([np.full(3, 0.1), np.zeros(3)])
    for _ in range(20):
        w.grad = torch.tensor(-field(w.detach().numpy() - field.centre))
        optimizer.step()
        state = state + rate * enlarged(state)
    np.testing.assert_allclose(field.centre + state[:3], w.detach().numpy(), rtol=0, atol=1e-13)


def test_weight_decay_pulls_to_the_origin_of_the_weights():
    field = cubic_loss_field(1)
    u = np.array([0.1, -0.2, 0.3])
    expected = field(u) - 0.4 * (u + field.centre)
    np.testing.assert_allclose(decay_weights(field, 0.4)(u), expected, rtol=0, atol=1e-14)


def test_preconditioners_are_exact_and_priced():
    field = cubic_loss_field(2)
    newton, diagonal = precondition(field, "newton"), precondition(field, "diagonal")
    np.testing.assert_allclose(newton.field.coefficients[1].toarray(), -np.eye(3), rtol=0, atol=1e-12)
    np.testing.assert_allclose(diagonal.field.coefficients[1].diagonal(), -np.ones(3), rtol=0, atol=1e-14)
    u = np.array([0.3, 0.1, -0.2])
    np.testing.assert_allclose(newton.field(u), newton.matrix @ field(u), rtol=0, atol=1e-12)
    assert newton.cost == 3**3 / 3 + 9
    assert diagonal.cost == 3
    given = precondition(field, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(given.field(u), np.array([1.0, 2.0, 3.0]) * field(u), rtol=0, atol=1e-14)


def test_bad_updates_are_named():
    field = cubic_loss_field(3)
    flat = PolynomialField({1: np.zeros((2, 2))})
    for call, word in [
        (lambda: decay_weights(field, np.nan), "rate"),
        (lambda: add_momentum(field, 1.0, 0.1), "momentum"),
        (lambda: add_momentum(field, 0.5, 0.0), "step"),
        (lambda: precondition(field, "adam"), "adam"),
        (lambda: precondition(flat, "newton"), "singular"),
        (lambda: precondition(field, np.eye(2)), "shape"),
    ]:
        with pytest.raises(ConfigError, match=word):
            call()
