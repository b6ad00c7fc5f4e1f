"""Evaluate an objective on a model whose weights are replaced, without touching the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from qgd_core.learn.losses import Objective


class BoundModel(nn.Module):
    """A model with its objective, so that replaced weights are also seen by the objective's own terms.

    Arguments: model, left as it is; objective. `bound.call(tensors, batch)` takes parameters and buffers by their names
    in `model` and returns the objective, a scalar, in evaluation mode (no dropout, fixed batch-norm statistics).
    Result: a module. Raises: nothing. Source: torch.func.functional_call.
    """

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def call(self, tensors: Mapping[str, Tensor], batch: Any) -> Tensor:
        """Return the objective on `batch` with the named parameters and buffers replaced."""
        with evaluating(self.model):
            named = {f"model.{name}": tensor for name, tensor in tensors.items()}
            result: Tensor = functional_call(self, named, (batch,))
        return result

    def forward(self, batch: Any) -> Tensor:
        """Return the objective with the model's own weights."""
        return self.objective(self.model, batch)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run in evaluation mode and give each module its mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
