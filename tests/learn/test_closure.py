import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.closure import ClosureLoss
from qgd_core.learn.descent import descend
from qgd_core.learn.expand import derivative, restrict
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import perceptron
from qgd_core.learn.settings import Settings


def make_loss():
    model = perceptron([3, 4, 1], seed=1)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    data = (inputs, torch.sign(inputs[:, 0]))
    objective = Objective("logistic", l2=0.3)
    active = ActiveSet.from_masks(
        model, {"0.weight": torch.eye(4, 3).bool(), "2.bias": torch.ones(1, dtype=torch.bool)}
    )
    named = dict(model.named_parameters())
    masks = active.masks()
    loss = ClosureLoss(
        lambda: objective(model, data), [named[name] for name in masks], [masks[name] for name in masks]
    )
    return loss, model, objective, data, active


def test_a_closure_has_the_derivatives_of_the_functional_form():
    loss, model, objective, data, active = make_loss()
    at = active.gather(model) + 0.1
    function = restrict(model, objective, data, active)
    for order in (1, 2, 3):
        expected = derivative(function, at, order)
        with torch.no_grad():  # as inside an optimizer's step
            np.testing.assert_allclose(loss.derivative(at, order), expected, rtol=0, atol=1e-12)


def test_reading_and_writing_touch_the_active_entries_only():
    loss, model, _, _, active = make_loss()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    vector = np.arange(1.0, len(active) + 1)
    loss.write(vector)
    np.testing.assert_array_equal(loss.read(), vector)
    np.testing.assert_array_equal(active.gather(model), vector)
    masks = active.masks()
    for name, weight in model.named_parameters():
        outside = ~masks.get(name, torch.zeros_like(weight, dtype=torch.bool))
        assert torch.equal(weight[outside], before[name][outside])


def test_evaluating_elsewhere_leaves_the_parameters_as_they_were():
    loss, model, _, _, _ = make_loss()
    before = [weight.detach().clone() for weight in model.parameters()]
    loss.value(loss.read() + 1.0)
    loss.derivative(loss.read() - 1.0, 2)
    with pytest.raises(ConfigError):
        loss.derivative(loss.read() * np.nan, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_descent_is_torch_sgd():
    loss, model, objective, data, active = make_loss()
    start = loss.read()
    path = descend(loss, start, Settings(steps=4, learning_rate=0.2)).path
    sgd = torch.optim.SGD(model.parameters(), lr=0.2)
    masks = active.masks()
    for _ in range(4):
        sgd.zero_grad()
        objective(model, data).backward()
        for name, weight in model.named_parameters():
            weight.grad *= masks.get(name, torch.zeros_like(weight))
        sgd.step()
    np.testing.assert_allclose(path[-1], active.gather(model), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("closure", "message"),
    [
        (lambda w: w.detach().sum(), "scalar loss"),
        (lambda w: w.sum().item(), "scalar loss"),
        (lambda w: w * 2, "scalar loss"),
        (lambda w: torch.ones(1, requires_grad=True).sum() * float("nan") + w.sum(), "NaN"),
    ],
)
def test_a_loss_without_a_graph_is_refused(closure, message):
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    loss = ClosureLoss(
        lambda: closure(weight * torch.nan if message == "NaN" else weight), [weight], [weight > 0]
    )
    with pytest.raises(ConfigError, match=message):
        loss.derivative(np.ones(2), 1)


def test_a_closure_that_went_backward_is_told_so():
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))

    def closure():
        loss = (weight**3).sum()
        loss.backward()
        return loss

    with pytest.raises(ConfigError, match="without calling backward"):
        ClosureLoss(closure, [weight], [weight > 0]).derivative(np.ones(2), 1)
