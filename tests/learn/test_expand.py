import itertools
import time

import numpy as np
import pytest
import torch
from torch import nn

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.data import load
from qgd_core.learn.expand import derivative, expand, gradient, hessian, restrict, value
from qgd_core.learn.losses import Objective, accuracy
from qgd_core.learn.models import logistic, perceptron
from qgd_core.learn.pruning import prune


def make_problem():
    model = perceptron([3, 4, 2], seed=1)
    model[0].weight.requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    masks = {"0.weight": torch.eye(4, 3).bool(), "2.bias": torch.tensor([True, False])}
    return (
        model,
        Objective("cross_entropy", l2=0.3),
        (inputs, torch.arange(12) % 2),
        ActiveSet.from_masks(model, masks),
    )


def slow_gradient(model, loss, data, active, at):
    """The gradient by torch's plain backward on the model itself, nothing functional."""
    active.write(model, at)
    for weight in model.parameters():
        weight.requires_grad_(True)
        weight.grad = None
    loss(model, data).backward()
    return active.flatten({name: weight.grad for name, weight in model.named_parameters()}).numpy()


def test_derivatives_agree_with_plain_autograd():
    model, loss, data, active = make_problem()
    function = restrict(model, loss, data, active)
    at = active.gather(model) + 0.1
    assert (active.gather(model) != at).all()
    slope = gradient(function, at)
    matrix = hessian(function, at)
    third = derivative(function, at, 3)
    np.testing.assert_allclose(slope, slow_gradient(model, loss, data, active, at), rtol=0, atol=1e-12)
    assert value(function, at) == pytest.approx(loss(model, data).item(), abs=1e-14)
    h = 1e-5
    for j, unit in enumerate(np.eye(len(at))):
        sides = [slow_gradient(model, loss, data, active, at + sign * h * unit) for sign in (1, -1)]
        np.testing.assert_allclose(matrix[:, j], (sides[0] - sides[1]) / (2 * h), rtol=0, atol=1e-9)
        bent = (hessian(function, at + h * unit) - hessian(function, at - h * unit)) / (2 * h)
        np.testing.assert_allclose(third[:, :, j], bent, rtol=0, atol=1e-9)


def test_field_is_the_gradient_flow_of_a_polynomial_loss():
    """For a quartic loss the order-3 field must equal -grad L everywhere, at 1e-10."""
    model = nn.Linear(3, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.3, -0.2, 0.5]]))

    def quartic(whole, batch):
        w = whole.weight[0]
        return (w @ batch @ w) ** 2 / 4 + w[0] * w[1] * w[2] + w.sum()

    mixing = torch.tensor([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.5]], dtype=torch.float64)
    active = ActiveSet.from_names(model)
    centre = np.array([0.1, 0.2, -0.4])
    field = expand(model, Objective(quartic, whole=True), mixing, active, order=3, centre=centre)
    np.testing.assert_array_equal(field.centre, centre)
    for shift in itertools.product((-1.0, 0.5), repeat=3):
        w = torch.tensor(shift, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad((w @ mixing @ w) ** 2 / 4 + w[0] * w[1] * w[2] + w.sum(), w)
        np.testing.assert_allclose(field(np.array(shift) - centre), -slope.numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_without_an_order_a_polynomial_loss_is_expanded_exactly(degree):
    """Minus the gradient of (a.w)^degree + |w|^2, by hand."""
    model = nn.Linear(3, 1, bias=False, dtype=torch.float64)
    a = torch.tensor([0.5, -1.0, 0.8], dtype=torch.float64)
    loss = Objective(
        lambda whole, batch: (whole.weight[0] @ batch) ** degree + (whole.weight**2).sum(), whole=True
    )
    field = expand(model, loss, a, ActiveSet.from_names(model))
    assert field.degree == degree - 1
    for w in np.eye(3) * 2.0:
        slope = degree * float(w @ a.numpy()) ** (degree - 1) * a.numpy() + 2 * w
        np.testing.assert_allclose(field(w - field.centre), -slope, rtol=0, atol=1e-12)
    quintic = Objective(lambda whole, batch: (whole.weight[0] @ batch) ** 5, whole=True)
    with pytest.raises(ConfigError, match="degree 4 or less"):
        expand(model, quintic, a, ActiveSet.from_names(model))


def test_dead_weights_are_named_unless_decay_moves_them():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight.fill_(0.5)
        model[0].bias.copy_(torch.tensor([1.0, -100.0]))  # unit 1 never fires
        model[2].weight.fill_(0.3)
    data = torch.rand(5, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(5, 1)
    active = ActiveSet.from_names(model, ["0.weight", "2.bias"])
    with pytest.raises(ConfigError, match=r"3 of 7 active weights are dead.*0\.weight\[3\]") as caught:
        expand(model, "squares", data, active, order=1)
    assert caught.value.value == 3
    assert expand(model, "squares", data, active.subset([0, 1, 2, 6]), order=1).n == 4
    assert expand(model, Objective("squares", l2=0.1), data, active, order=1).n == 7


def test_field_coefficients_of_a_network():
    model, loss, data, active = make_problem()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    field = expand(model, loss, data, active, order=2)
    at = active.gather(model)
    np.testing.assert_array_equal(field.centre, at)
    np.testing.assert_allclose(
        field(np.zeros(len(at))), -slow_gradient(model, loss, data, active, at), rtol=0, atol=1e-10
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    errors = []
    for size in (1e-1, 1e-2):
        u = size * np.cos(np.arange(len(at)))
        errors.append(np.abs(field(u) + slow_gradient(model, loss, data, active, at + u)).max())
    assert errors[1] < errors[0] / 500  # the remainder is cubic


def test_linear_model_has_no_curvature_beyond_the_hessian():
    """Ridge: F1 = -(X'X / m + l2), F2 = 0, in closed form."""
    data = load("diabetes")
    field = expand(logistic(10), Objective("squares", l2=0.2), data.train, ActiveSet.from_names(logistic(10)))
    x, y = data.x_train.numpy(), data.y_train.numpy()
    np.testing.assert_allclose(field.coefficients[0].toarray().ravel(), x.T @ y / len(y), rtol=0, atol=1e-14)
    gram = x.T @ x / len(y) + 0.2 * np.eye(10)
    np.testing.assert_allclose(field.coefficients[1].toarray(), -gram, rtol=0, atol=1e-14)
    assert field.degree == 1


def test_sixty_four_weights_take_seconds_at_order_two():
    """Minus the gradient of a logistic loss, its Hessian and half of its third derivative, in closed form."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 64, generator=generator, dtype=torch.float64) / 8
    y = torch.sign(torch.randn(200, generator=generator, dtype=torch.float64))
    centre = np.cos(np.arange(64.0))
    began = time.process_time()
    field = expand(
        logistic(64), Objective("logistic", l2=0.1), (x, y), ActiveSet.from_names(logistic(64)), 2, centre
    )
    assert time.process_time() - began < 10.0
    x, y = x.numpy(), y.numpy()
    s = 1 / (1 + np.exp(y * (x @ centre)))
    u = 0.3 * np.sin(np.arange(64.0))
    along = x @ u
    expected = x.T @ (y * s - s * (1 - s) * along + y * s * (1 - s) * (1 - 2 * s) * along**2 / 2) / len(y)
    np.testing.assert_allclose(field(u), expected - 0.1 * (centre + u), rtol=0, atol=1e-13)


def test_logistic_loss_of_the_reference_problem():
    """Pruning to 4 and retraining: loss about .390 then .319, accuracy about .92 then .93."""
    data = load("breast_cancer", test_fraction=0.3, seed=0)
    model, loss = logistic(30), Objective("logistic", l2=0.1)

    def newton(active):
        function = restrict(model, loss, data.train, active)
        w = active.gather(model)
        for _ in range(12):
            w = w - np.linalg.solve(hessian(function, w), gradient(function, w))
        assert np.abs(gradient(function, w)).max() < 1e-12
        active.write(model, w)

    newton(ActiveSet.from_names(model))
    active = prune(model, keep=4)
    pruned = loss(model, data.train).item(), accuracy(model(data.x_test), data.y_test)
    newton(active)
    retrained = loss(model, data.train).item(), accuracy(model(data.x_test), data.y_test)
    assert pruned == pytest.approx((0.390, 0.92), abs=0.02)
    assert retrained == pytest.approx((0.319, 0.93), abs=0.02)
    assert (model.weight != 0).sum() == 4


def test_float32_models_and_evaluation_mode():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    data = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.ones(6)
    active = ActiveSet.from_names(model, ["3.weight"])
    function = restrict(model, "squares", data, active)
    at = active.gather(model)
    running = model[1].running_mean.clone()
    assert value(function, at) == value(function, at)
    assert torch.equal(model[1].running_mean, running)
    assert model.training
    assert model[2].training
    assert hessian(function, at).dtype == np.float64


def test_bad_input_is_named():
    model, loss, data, active = make_problem()
    with pytest.raises(ConfigError, match="order"):
        expand(model, loss, data, active, order=0)
    with pytest.raises(ConfigError, match="centre"):
        expand(model, loss, data, active, 2, centre=[1.0])
    with pytest.raises(ConfigError, match=r"order is 1\.5"):
        expand(model, loss, data, active, order=1.5)
    with pytest.raises(ConfigError, match="NaN"):
        expand(model, loss, (data[0] * float("nan"), data[1]), active)
    with pytest.raises(ConfigError, match="not a polynomial"):
        expand(model, loss, data, active)
    with pytest.raises(ConfigError, match="no loss"):
        expand(model, "nope", data, active)
    with pytest.raises(ConfigError, match="l2"):
        Objective("squares", l2=-1.0)
