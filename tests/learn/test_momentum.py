"""Momentum on its own axes: norms of modes against eigenvalues, and marched windows against torch.optim.SGD."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from qgd_core.learn import local as module
from qgd_core.learn.local import Local
from qgd_core.learn.minibatch import FunctionLoss
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import StepLosses
from qgd_core.learn.window import plan_window

N = 3


def mode_of(curvature, rate, momentum):
    """(v, p) to (v + rate p', p'), p' = momentum p - curvature v."""
    return np.array([[1.0 - rate * curvature, rate * momentum], [-curvature, momentum]])


def on_axes(mode, slant, spread):
    axes = np.array([[1.0, 0.0], [slant, spread]])
    return np.linalg.solve(axes, mode @ axes)


@pytest.mark.parametrize("momentum", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("curvature", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_a_mode_is_nearly_as_large_as_its_largest_rate(momentum, curvature, rate):
    mode = mode_of(curvature, rate, momentum)
    largest = np.abs(np.linalg.eigvals(mode)).max()
    norms = [
        np.linalg.norm(on_axes(mode, *module._mode_axis(mode, turned)), 2) for turned in (0.0, 0.8, 0.99)
    ]
    balanced = np.linalg.norm(on_axes(mode, 0.0, np.sqrt(curvature / (rate * momentum))), 2)
    assert abs(norms[0] - balanced) < 1e-12
    assert largest - 1e-12 <= norms[2] <= norms[1] <= norms[0]
    assert norms[1] - largest <= 0.6 * (balanced - largest) + 1e-12
    assert norms[2] < 1.0


def cubic(seed=0):
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(N, N)))[0]
    hessian = frame @ np.diag([0.7, 0.45, 0.25]) @ frame.T
    raw = rng.normal(size=(N,) * 3)
    bend = 0.03 * sum(np.transpose(raw, turn) for turn in itertools.permutations(range(3)))
    g, h, t = (torch.from_numpy(a) for a in (0.05 * rng.normal(size=N), hessian, bend))
    return lambda w: g @ w + w @ h @ w / 2 + torch.einsum("ijk,i,j,k->", t, w, w, w) / 6


START = np.array([0.3, -0.2, 0.25])
RULES = {"0.5": (0.5, 0.6, False), "0.9": (0.9, 0.2, False), "nesterov": (0.5, 0.5, True)}


def run_torch(settings):
    w = torch.from_numpy(START.copy()).requires_grad_()
    sgd = torch.optim.SGD([w], settings.learning_rate, settings.momentum, nesterov=settings.nesterov)
    for _ in range(settings.steps):
        sgd.zero_grad()
        cubic()(w).backward()
        sgd.step()
    return w.detach().numpy()


def marched(rule):
    momentum, rate, nesterov = RULES[rule]
    settings = Settings(
        steps=8,
        learning_rate=rate,
        momentum=momentum,
        nesterov=nesterov,
        newton_steps=1,
        budget=0.2,
        solver="marching",
    )
    return settings, plan_window(StepLosses([FunctionLoss(cubic())]), START, settings)


def check(rule):
    settings, plan = marched(rule)
    truth = run_torch(settings)
    move = np.linalg.norm(truth - START)
    exact = plan.weights(plan.route.emulate().value / plan.system.scale)
    assert plan.route.parameters["encoding"] == "slots"
    # Few directions hold the tensors of these losses exactly, but for the slow rule; then Carleman's truncation is left.
    assert np.linalg.norm(exact - plan.classical()) <= (1e-9 if rule != "0.9" else 2e-3) * move
    assert np.linalg.norm(exact - truth) <= 2e-3 * move
    assert np.linalg.norm(exact - truth) <= np.linalg.norm(plan.affine() - truth) / 4


@pytest.mark.parametrize("rule", RULES)
def test_a_marched_window_follows_torchs_sgd(rule):
    check(rule)


def test_without_the_axes_marching_costs_many_times_as_much(monkeypatch):
    route = marched("0.5")[1].route
    monkeypatch.setattr(module, "_TURNED", (0.0,))
    before = marched("0.5")[1].route
    assert route.resources.two_qubit * route.shots < before.resources.two_qubit * before.shots / 10


def response_without_slant(monkeypatch):
    kept = Local.response
    monkeypatch.setattr(
        Local, "response", lambda self, rate: kept(replace(self, slant=0.0 * self.slant), rate)
    )


def start_without_slant(monkeypatch):
    kept = module.balance
    monkeypatch.setattr(
        module,
        "balance",
        lambda local: (lambda found: replace(found, buffer=0.0 * found.buffer))(kept(local)),
    )


@pytest.mark.parametrize("plant", [response_without_slant, start_without_slant])
def test_planted_bugs_are_caught(plant, monkeypatch):
    check("0.5")
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check("0.5")
