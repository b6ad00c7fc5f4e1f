import copy

import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError, UnknownBackend
from qgd_core.learn.data import load
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import logistic
from qgd_core.learn.optimizer import QuantumGradientDescent
from qgd_core.learn.pruning import prune


def ridge():
    """Ridge regression on diabetes: gradient descent is exactly affine."""
    data = load("diabetes", seed=0)
    model = logistic(data.x_train.shape[1])
    objective = Objective("squares", l2=0.1)
    return model, lambda: objective(model, data.train)


@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_on_a_quadratic_loss_a_window_is_torch_sgd(backend):
    model, closure = ridge()
    twin, twin_closure = ridge()
    optimizer = QuantumGradientDescent(
        model.parameters(), 0.2, steps=4, order=1, budget=0.1, shots=None, backend=backend
    )
    optimizer.step(closure)
    assert optimizer.window.result is not None, optimizer.window.reason
    sgd = torch.optim.SGD(twin.parameters(), lr=0.2)
    for _ in range(4):
        sgd.zero_grad()
        twin_closure().backward()
        sgd.step()
    np.testing.assert_allclose(model.weight.detach().numpy(), twin.weight.detach().numpy(), rtol=0, atol=1e-9)


def test_only_active_weights_move_and_the_state_carries_the_set():
    data = load("breast_cancer", seed=0)
    model = logistic(30)
    objective = Objective("logistic", l2=0.1)
    torch.nn.init.normal_(model.weight, generator=torch.Generator().manual_seed(0))
    active = prune(model, keep=3)
    before = model.weight.detach().clone()
    options = {"active": active, "steps": 3, "budget": 0.3, "backend": "emulator", "seed": 5}
    optimizer = QuantumGradientDescent(model.named_parameters(), 0.5, **options)
    mask = active.masks()["weight"]

    def closure():
        return objective(model, data.train)

    optimizer.step(closure)
    assert torch.equal(model.weight[~mask], before[~mask])
    assert (model.weight[mask] != before[mask]).all()

    # A twin that loads the state goes on exactly as the original does, seed stream included.
    weights, state = model.weight.detach().clone(), copy.deepcopy(optimizer.state_dict())
    optimizer.step(closure)
    expected = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.copy_(weights)
    twin = QuantumGradientDescent(model.named_parameters(), 0.5, backend="reference")
    twin.load_state_dict(state)
    assert twin.param_groups[0]["backend"] == "emulator"
    assert twin.param_groups[0]["windows"] == 1  # the next window draws from its own seed
    twin.step(closure)
    assert torch.equal(model.weight, expected)


def test_a_refused_window_is_done_classically_and_says_why():
    weight = torch.nn.Parameter(torch.tensor([0.3, 0.2], dtype=torch.float64))
    optimizer = QuantumGradientDescent([weight], 0.1, steps=3, backend="emulator")

    def saddle():
        return weight[0] ** 2 - weight[1] ** 2

    optimizer.step(saddle)
    assert optimizer.window.result is None
    assert "least eigenvalue" in optimizer.window.reason
    np.testing.assert_allclose(weight.detach().numpy(), [0.3 * 0.8**3, 0.2 * 1.2**3], rtol=0, atol=1e-15)


def test_bad_arguments_are_named():
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    with pytest.raises(ConfigError, match="closure"):
        QuantumGradientDescent([weight], backend="emulator").step()
    with pytest.raises(ConfigError, match="steps"):
        QuantumGradientDescent([weight], steps=0, backend="emulator")
    with pytest.raises(UnknownBackend, match="emulatr"):
        QuantumGradientDescent([weight], backend="emulatr")
    with pytest.raises(ConfigError, match="one parameter group"):
        QuantumGradientDescent([{"params": [weight]}, {"params": []}], backend="emulator")
