"""Losses by name, and the objective: a loss of a whole model on a batch, weight decay included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from qgd_core.errors import ConfigError


def logistic_loss(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean of log(1 + exp(-y f)) for labels y = +-1 and outputs f of the same size."""
    return functional.softplus(-target * output.reshape(target.shape)).mean()


def squares(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean over samples of |f - y|^2 / 2."""
    return (output.reshape(target.shape) - target).square().sum() / (2 * len(target))


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits (m, classes) against int64 labels (m,)."""
    return functional.cross_entropy(output, target)


@torch.no_grad()
def accuracy(output: Tensor, target: Tensor) -> float:
    """Return the fraction of right labels: the sign of f for labels +-1 (float), the largest logit for int64 ones."""
    if target.is_floating_point():
        return float((output.reshape(target.shape) * target > 0).double().mean())
    return float((output.argmax(dim=1) == target).double().mean())


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "logistic": logistic_loss,
    "squares": squares,
    "cross_entropy": cross_entropy,
}


class Objective:
    """What is minimised: mean loss on a batch plus (l2 / 2) |w|^2 over all weights of the model.

    Arguments: loss, a name in LOSSES, or a function of (model output, target) returning the batch mean; l2 >= 0, the
    weight-decay strength; whole, set when `loss` takes (model, batch) itself, as Hugging Face models need.
    Result: `objective(model, batch)` is a scalar tensor; `batch` is (inputs, targets) unless `whole`.
    Raises: ConfigError for an unknown name or a negative l2.
    Source: torch's convention that a loss is a mean over the batch.
    """

    def __init__(self, loss: str | Callable[..., Tensor], l2: float = 0.0, *, whole: bool = False) -> None:
        if isinstance(loss, str) and loss not in LOSSES:
            raise ConfigError(
                f"There is no loss {loss!r}.", subject=loss, remedy=f"Choose one of {', '.join(LOSSES)}."
            )
        if l2 < 0:
            raise ConfigError(f"l2 is {l2}, below zero.", subject="l2", value=l2)
        self.loss: Callable[..., Tensor] = LOSSES[loss] if isinstance(loss, str) else loss
        self.l2 = l2
        self.whole = whole

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        """Return the objective of `model` on `batch`."""
        value = self.fit(model, batch)
        return value + self.penalty(model) if self.l2 else value

    def fit(self, model: nn.Module, batch: Any) -> Tensor:
        """Return the loss on `batch` alone, without the penalty."""
        value: Tensor = self.loss(model, batch) if self.whole else self.loss(model(batch[0]), batch[1])
        return value

    def penalty(self, model: nn.Module) -> Tensor:
        """Return (l2 / 2) |w|^2 over all parameters of `model`."""
        return self.l2 / 2 * torch.stack([weight.square().sum() for weight in model.parameters()]).sum()


def as_objective(loss: Objective | str | Callable[..., Tensor]) -> Objective:
    """Return `loss` itself if it is an Objective, else the Objective of that function or name."""
    return loss if isinstance(loss, Objective) else Objective(loss)
