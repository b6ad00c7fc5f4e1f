"""The maps a window marches against torch.optim.SGD on losses that are polynomials, where both are exact."""

import itertools

import numpy as np
import pytest
import torch

from qgd_core.carleman.majorant import each
from qgd_core.errors import NotDissipative
from qgd_core.learn.descent import descend
from qgd_core.learn.local import expand_around
from qgd_core.learn.minibatch import FunctionLoss
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import StepLosses, as_steps

N, STEPS = 3, 5


def cubic(seed):
    """A loss of degree 3 as a torch function: expanded to order 2 it is exact."""
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(N, N)))[0]
    hessian = frame @ np.diag(rng.uniform(0.2, 0.7, N)) @ frame.T
    raw = rng.normal(size=(N,) * 3)
    bend = 0.03 * sum(np.transpose(raw, turn) for turn in itertools.permutations(range(3)))
    g, h, t = (torch.from_numpy(a) for a in (0.1 * rng.normal(size=N), (hessian + hessian.T) / 2, bend))
    return lambda w: g @ w + w @ h @ w / 2 + torch.einsum("ijk,i,j,k->", t, w, w, w) / 6


def run_torch(losses, start, settings, matrix, factors):
    """torch.optim.SGD with a torch scheduler; a preconditioner acts on the gradients, as a user would write it."""
    w = torch.from_numpy(start.copy()).requires_grad_()
    sgd = torch.optim.SGD(
        [w],
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=0.0 if matrix is not None else settings.weight_decay,
    )
    rates = torch.optim.lr_scheduler.LambdaLR(sgd, lambda t: factors[t] if t < STEPS else 1.0)
    for t in range(STEPS):
        sgd.zero_grad()
        losses[t if len(losses) > 1 else 0](w).backward()
        if matrix is not None:
            w.grad = matrix @ (w.grad + settings.weight_decay * w.detach())
        sgd.step()
        rates.step()
    buffer = sgd.state[w].get("momentum_buffer")
    return w.detach().numpy(), None if buffer is None else buffer.numpy()


RULES = {
    "plain": {},
    "momentum": {"momentum": 0.3},
    "heavy momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.5, "nesterov": True},
    "weight decay": {"weight_decay": 0.1},
    "schedule": {"schedule": (1.0, 0.8, 0.5, 0.3, 0.1)},
    "newton": {"preconditioner": "newton"},
    "diagonal": {"preconditioner": "diagonal", "weight_decay": 0.05},
    "recentred": {"recentre": True},
    "all": {
        "momentum": 0.4,
        "weight_decay": 0.1,
        "schedule": (1.0, 0.8, 0.5, 0.3, 0.1),
        "preconditioner": "newton",
        "recentre": True,
    },
}


@pytest.mark.parametrize("parts", [1, STEPS], ids=["one loss", "a loss a step"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_maps_and_the_classical_iteration_are_torchs_sgd(rule, parts):
    settings = Settings(steps=STEPS, learning_rate=0.6, newton_steps=1, **rule)
    functions = [cubic(seed) for seed in range(parts)]
    losses = StepLosses([FunctionLoss(function) for function in functions])
    start = np.array([0.2, -0.1, 0.15])
    decayed = as_steps(losses, settings.weight_decay)
    local = expand_around(decayed, start, settings, np.zeros(N))
    matrix = None
    if settings.preconditioner is not None:
        # Its own Newton step from the start, and the Hessian there.
        hessian = decayed.derivative(start, 2)
        centre = start - np.linalg.solve(hessian, decayed.derivative(start, 1))
        there = decayed.derivative(centre, 2)
        whole = settings.preconditioner == "newton"
        matrix = torch.from_numpy(np.linalg.inv(there if whole else np.diag(np.diag(there))))
    factors = settings.schedule or (1.0,) * STEPS
    expected, buffer = run_torch(functions, start, settings, matrix, factors)

    np.testing.assert_allclose(local.weights(local.start), start, rtol=0, atol=1e-14)
    u = local.start
    for update in each(local.updates, STEPS):
        u = update(u)
    np.testing.assert_allclose(local.weights(u), expected, rtol=0, atol=1e-12)
    done = descend(losses, start, settings)
    np.testing.assert_allclose(done.end, expected, rtol=0, atol=1e-12)
    if buffer is not None and settings.momentum:
        np.testing.assert_allclose(local.velocity(u), -buffer, rtol=0, atol=1e-12)
        np.testing.assert_allclose(done.velocity, -buffer, rtol=0, atol=1e-12)
    if settings.recentre:
        assert local.centre.kind == "fixed point"
        mean = sum(field(np.zeros(N)) for field in local.fields) / len(local.fields)
        assert np.linalg.norm(mean) < 1e-13


def test_momentum_goes_on_where_it_was():
    settings = Settings(steps=2, learning_rate=0.6, momentum=0.5)
    losses = StepLosses([FunctionLoss(cubic(4))])
    whole = descend(losses, np.full(N, 0.1), Settings(steps=4, learning_rate=0.6, momentum=0.5))
    half = descend(losses, np.full(N, 0.1), settings)
    local = expand_around(losses, half.end, settings, half.velocity)
    u = local.start
    for update in each(local.updates, 2):
        u = update(u)
    np.testing.assert_allclose(local.weights(u), whole.end, rtol=0, atol=1e-12)


def test_a_model_without_a_fixed_point_is_refused():
    # F(v) = -(1 + v + v^2) has no root: expanded at 0 without Newton steps.
    loss = FunctionLoss(lambda w: (w + w**2 / 2 + w**3 / 3).sum())
    with pytest.raises(NotDissipative, match="no fixed point"):
        expand_around(StepLosses([loss]), np.zeros(1), Settings(newton_steps=0, recentre=True), np.zeros(1))
