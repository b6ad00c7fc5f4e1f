"""Small models, in float64: the ones whose quantum windows can be run in full."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import nn

from qgd_core.errors import ConfigError


def logistic(features: int, outputs: int = 1) -> nn.Linear:
    """Return a linear model of `features` inputs without intercept, weights zero, float64."""
    model = nn.Linear(features, outputs, bias=False, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    return model


def perceptron(widths: Sequence[int], seed: int = 0) -> nn.Sequential:
    """Return a tanh network with layers of the given widths (inputs first, outputs last), float64, seeded.

    Arguments: widths, at least two positive sizes; seed of the initial weights (normal, variance 1 / fan-in).
    Result: alternating Linear and Tanh modules, with biases (zero at first).
    Raises: ConfigError for fewer than two widths or a width below 1.
    Source: none.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ConfigError(f"The widths {list(widths)} do not make a network.", subject="widths")
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layer = nn.Linear(inputs, outputs, dtype=torch.float64)
        nn.init.normal_(layer.weight, std=inputs**-0.5, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


MODELS: dict[str, Callable[..., nn.Module]] = {"logistic": logistic, "perceptron": perceptron}
