"""A torch closure as a loss of the active weights, for optimizers that are handed nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError
from qgd_core.learn.expand import differentiate

Closure = Callable[[], Tensor]


class ClosureLoss:
    """The loss a closure returns, as a function of the masked entries of some parameters.

    Arguments: closure, returns the loss as a scalar tensor and does not call backward; parameters, those whose
    entries are active; masks, one boolean tensor per parameter.
    Result: value and derivatives on the vector of active entries; evaluating leaves the parameters as they were.
    Raises: ConfigError from its methods when the closure's loss cannot be differentiated.
    Source: none.
    """

    def __init__(self, closure: Closure, parameters: Sequence[Tensor], masks: Sequence[Tensor]) -> None:
        self._closure = closure
        self._parameters = list(parameters)
        self._masks = list(masks)

    def read(self) -> RealArray:
        """The active entries, (n,)."""
        return self._flatten([p.detach() for p in self._parameters]).to("cpu", torch.float64).numpy().copy()

    @torch.no_grad()
    def write(self, vector: RealArray) -> None:
        """Set the active entries, rounded to the parameters' dtype."""
        parts = np.split(vector, np.cumsum([int(mask.sum()) for mask in self._masks])[:-1])
        for parameter, mask, part in zip(self._parameters, self._masks, parts, strict=True):
            parameter.masked_scatter_(mask, torch.from_numpy(np.ascontiguousarray(part)).to(parameter))

    def value(self, at: RealArray) -> float:
        """The loss at the active weights `at`."""
        with self._at(at):
            return float(self._loss().detach())

    def derivative(self, at: RealArray, order: int) -> RealArray:
        """The derivative tensor at `at`, shape (n,) * order."""
        with self._at(at):
            return differentiate(self._loss(), self._slope, order)

    @contextmanager
    def _at(self, point: RealArray) -> Iterator[None]:
        """Evaluate with a graph at a point, then give the parameters their own entries back."""
        current = self.read()
        self.write(point)
        try:
            with torch.enable_grad():
                yield
        finally:
            self.write(current)

    def _loss(self) -> Tensor:
        loss = self._closure()
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
            raise ConfigError(
                "The closure did not return a scalar loss that depends on the parameters.",
                subject=loss,
                remedy="Return the loss tensor itself, not loss.item() or a detached one.",
            )
        return loss.reshape(())

    def _slope(self, scalar: Tensor, again: bool) -> Tensor:
        if not scalar.requires_grad:
            return torch.zeros(sum(int(mask.sum()) for mask in self._masks))
        try:
            slopes = torch.autograd.grad(
                scalar, self._parameters, create_graph=again, retain_graph=True, materialize_grads=True
            )
        except RuntimeError as error:
            raise ConfigError(
                f"The closure's loss cannot be differentiated: {error}",
                subject=self._closure,
                remedy="Return the loss without calling backward; it must be smooth and free of in-place operations.",
            ) from error
        return self._flatten(slopes)

    def _flatten(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([tensor[mask] for tensor, mask in zip(tensors, self._masks, strict=True)])
