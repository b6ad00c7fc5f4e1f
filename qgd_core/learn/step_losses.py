"""The losses of a window's steps: one for all of them, or one a step, as minibatches make them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from qgd_core.arrays import RealArray


class Loss(Protocol):
    """A scalar function of the active weights with derivatives of every order."""

    def value(self, at: RealArray) -> float:
        """The loss at the active weights `at`."""

    def derivative(self, at: RealArray, order: int) -> RealArray:
        """The derivative tensor, shape (n,) * order."""


class StepLosses:
    """One loss for every step, or one a step; `derivative` is that of their mean, as of one loss.

    Arguments: parts, the losses, one or one a step; weight_decay, of a penalty weight_decay |w|^2 / 2 added to each.
    Result: derivatives of all parts at a point in one call; `at_step(t)` is the loss of step t.
    Raises: as the parts.
    Source: the penalty is torch.optim.SGD's weight_decay.
    """

    def __init__(self, parts: Sequence[Loss], weight_decay: float = 0.0) -> None:
        self.parts = list(parts)
        self.weight_decay = weight_decay

    def __len__(self) -> int:
        return len(self.parts)

    def value(self, at: RealArray) -> float:
        """The mean of the parts, with the penalty."""
        mean = float(np.mean([part.value(at) for part in self.parts]))
        return mean + self.weight_decay / 2 * float(at @ at)

    def derivative(self, at: RealArray, order: int) -> RealArray:
        """The derivative of the mean of the parts, shape (n,) * order."""
        return np.asarray(self.derivatives(at, order).mean(axis=0))

    def derivatives(self, at: RealArray, order: int) -> RealArray:
        """The derivative of every part, shape (number of parts, n, ..., n)."""
        return self.stack(at, order) + self._penalty(at, order)

    def stack(self, at: RealArray, order: int) -> RealArray:
        """The derivatives of the parts themselves, without the penalty."""
        return np.stack([part.derivative(at, order) for part in self.parts])

    def gradient_at_step(self, t: int, at: RealArray) -> RealArray:
        """The gradient that step t takes, shape (n,)."""
        part = self.parts[t if len(self.parts) > 1 else 0]
        return np.asarray(part.derivative(at, 1) + self._penalty(at, 1))

    def decayed(self, weight_decay: float) -> StepLosses:
        """The same losses with a penalty more."""
        other = copy.copy(self)
        other.weight_decay += weight_decay
        return other

    def _penalty(self, at: RealArray, order: int) -> RealArray | float:
        shapes: dict[int, RealArray] = {1: at, 2: np.eye(at.size)}
        return self.weight_decay * shapes[order] if self.weight_decay and order in shapes else 0.0


def as_steps(loss: Loss | StepLosses, weight_decay: float = 0.0) -> StepLosses:
    """The losses of the steps, a penalty added, from one loss for all of them or from one a step."""
    losses = loss if isinstance(loss, StepLosses) else StepLosses([loss])
    return losses.decayed(weight_decay)
