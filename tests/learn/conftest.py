"""A random logistic regression for windows, and gradient descent by plain loops."""

import numpy as np
import pytest
import torch

from qgd_core.learn.active import ActiveSet
from qgd_core.learn.expand import derivative, restrict
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import logistic


class Logistic:
    """A random logistic regression through torch, with every order of derivative."""

    def __init__(self, n, seed):
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(40, n, generator=generator, dtype=torch.float64)
        truth = torch.randn(n, generator=generator, dtype=torch.float64)
        labels = torch.sign(inputs @ truth + torch.randn(40, generator=generator, dtype=torch.float64))
        model = logistic(n)
        self.function = restrict(
            model, Objective("logistic", 0.2), (inputs, labels), ActiveSet.from_names(model)
        )
        self.start = np.random.default_rng(seed).uniform(-0.3, 0.3, n)

    def derivative(self, at, order):
        return derivative(self.function, at, order)


def walk(loss, settings):
    point = loss.start
    for _ in range(settings.steps):
        point = point - settings.learning_rate * loss.derivative(point, 1)
    return point


@pytest.fixture(scope="session")
def random_logistic():
    """random_logistic(n, seed): a loss with its start."""
    return Logistic


@pytest.fixture(scope="session")
def descend():
    """descend(loss, settings): where gradient descent ends."""
    return walk
