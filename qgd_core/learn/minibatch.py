"""Minibatches for stochastic descent: which rows each step takes, and all their losses differentiated at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.expand import Function, derivative, differentiate, restrict, restrict_each, value
from qgd_core.learn.step_losses import StepLosses

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Schedule:
    """Which samples each step of stochastic descent takes.

    Arguments: samples, how many there are; size, of a minibatch; seed.
    Result: `rows(step)`, the same for the same seed: each epoch is a fresh permutation cut into minibatches, and what
    is left at its end, fewer than `size` samples, is not used in it.
    Raises: ConfigError when the size is outside 1..samples.
    Source: torch.utils.data.DataLoader with shuffle and drop_last.
    """

    samples: int
    size: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.size <= self.samples:
            raise ConfigError(
                f"A minibatch of {self.size} cannot be drawn from {self.samples} samples.",
                subject="batch_size",
                value=self.size,
                remedy=f"Set batch_size between 1 and {self.samples}.",
            )

    def rows(self, step: int) -> NDArray[np.int64]:
        """The rows of minibatch `step` >= 0, shape (size,)."""
        epoch, place = divmod(step, self.samples // self.size)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
        return order[place * self.size : (place + 1) * self.size]

    def batches(self, data: Batch, first: int, steps: int) -> list[Batch]:
        """The minibatches of steps first .. first + steps - 1 of data = (inputs, targets)."""
        inputs, targets = data
        chosen = [torch.from_numpy(self.rows(step)) for step in range(first, first + steps)]
        return [(inputs[rows], targets[rows]) for rows in chosen]


@dataclass(frozen=True)
class FunctionLoss:
    """A differentiable torch function of the active weights as a Loss."""

    function: Function

    def value(self, at: RealArray) -> float:
        """The loss at the active weights `at`."""
        return value(self.function, at)

    @torch.enable_grad()
    def derivative(self, at: RealArray, order: int) -> RealArray:
        """The derivative tensor at `at`, shape (n,) * order."""
        return derivative(self.function, at, order)


class BatchLosses(StepLosses):
    """One loss a minibatch, all differentiated in the same backward passes.

    Arguments: model, loss and active as in `restrict`; batches, (inputs, targets) of equal sizes, one a step.
    Result: StepLosses whose number of passes does not grow with the number of minibatches.
    Raises: ConfigError for no batches, or batches of different sizes.
    Source: torch.func.vmap over the minibatches, each with a copy of the active weights.
    """

    def __init__(self, model: nn.Module, loss: Any, batches: Sequence[Batch], active: ActiveSet) -> None:
        if len({len(inputs) for inputs, _ in batches}) != 1:
            raise ConfigError(
                "Minibatches of a window must be there, and of one size.", subject=batches, value=len(batches)
            )
        super().__init__([FunctionLoss(restrict(model, loss, batch, active)) for batch in batches])
        stacked = tuple(torch.stack(part) for part in zip(*batches, strict=True))
        self._every = restrict_each(model, loss, stacked, active)

    @torch.enable_grad()
    def stack(self, at: RealArray, order: int) -> RealArray:
        """The derivatives of the minibatches' losses, shape (number of minibatches, n, ..., n)."""
        point = torch.from_numpy(real_vector(at, "the active weights")).repeat(len(self), 1).requires_grad_()

        def slope(values: Tensor, again: bool) -> Tensor:
            if not values.requires_grad:
                return torch.zeros_like(point)
            # Each loss depends on its own copy of the weights, so the sum's gradient is all of theirs.
            (found,) = torch.autograd.grad(
                values.sum(), point, create_graph=again, retain_graph=True, materialize_grads=True
            )
            return found

        return differentiate(self._every(point), slope, order)


def expand_batches(
    model: nn.Module,
    loss: Any,
    batches: Sequence[Batch],
    active: ActiveSet,
    order: int = 2,
    centre: ArrayLike | None = None,
) -> tuple[PolynomialField, ...]:
    """Expand the gradient flow of every minibatch's loss around one centre: the steps of stochastic descent.

    Arguments: batches, (inputs, targets) of equal sizes, one a step; the others as in `expand`.
    Result: one PolynomialField a minibatch, all around the same centre, each what `expand` gives for that minibatch,
    exact to rounding, in as many backward passes as one of them takes.
    Raises: as `expand` and BatchLosses.
    Source: arXiv 2303.03428, Eq 4, with the data of one step.
    """
    if order < 1:
        raise ConfigError(f"order is {order}, below 1.", subject="order", value=order)
    point = active.gather(model) if centre is None else real_vector(centre, "centre", len(active))
    losses = BatchLosses(model, loss, batches, active)
    parts = [-losses.derivatives(point, k + 1) / math.factorial(k) for k in range(order + 1)]
    return tuple(
        PolynomialField({k: part[t].reshape(point.size, -1) for k, part in enumerate(parts)}, centre=point)
        for t in range(len(losses))
    )
