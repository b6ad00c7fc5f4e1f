"""Which convolutions of a model feed nothing but one evaluation-mode batch norm, found by watching one evaluation."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from qgd_core.learn.evaluate import BoundModel

_FEW = 4  # samples of that evaluation
_SIGNATURE = inspect.signature(functional.batch_norm)


@dataclass(frozen=True)
class Fold:
    """Names of a convolution's weight and of the tensors of the batch norm that alone reads its output, and its eps."""

    weight: str
    scale: str
    shift: str
    mean: str
    variance: str
    eps: float


class _Watch(TorchFunctionMode):
    """Notes every convolution without bias, every batch norm of its output, and how often the tensors of both are read."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.names = names
        self.kept: list[Tensor] = []  # so that no id is given twice
        self.makers: dict[int, str] = {}
        self.folds: dict[str, Fold] = {}
        self.touched: dict[str, int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the call and note it."""
        given = kwargs or {}
        result = func(*args, **given)
        if not any(isinstance(leaf, Tensor) for leaf in tree_leaves(result)):
            return result  # a shape, a dtype: nothing was computed from the values
        for leaf in tree_leaves((args, given)):
            if isinstance(leaf, Tensor):
                for name in {self.names.get(id(leaf)), self.makers.get(id(leaf))} - {None}:
                    self.touched[str(name)] = self.touched.get(str(name), 0) + 1
        if func is torch.conv2d:
            bare = len(args) > 2 and args[2] is None and not given
            if bare and (name := self.names.get(id(args[1]))):
                self.kept.append(result)
                self.makers[id(result)] = name
        elif func is functional.batch_norm:
            self._note(_SIGNATURE.bind(*args, **given).arguments)
        return result

    def _note(self, call: Mapping[str, Any]) -> None:
        maker = self.makers.get(id(call["input"]))
        others = [call.get(key) for key in ("weight", "bias", "running_mean", "running_var")]
        names = [self.names.get(id(tensor), "") for tensor in others]
        if maker and all(names) and not call.get("training", False):
            scale, shift, mean, variance = names
            self.folds[maker] = Fold(maker, scale, shift, mean, variance, call.get("eps", 1e-5))


def find_folds(bound: BoundModel, tensors: Mapping[str, Tensor], batch: Any) -> list[Fold]:
    """Return the pairs of a convolution and a batch norm that one evaluation of `bound` on `batch` shows.

    Arguments: bound; tensors, its parameters and buffers by name; batch.
    Result: the folds whose tensors nothing else reads: convolution weight once, its output once, the norm's tensors once.
    Raises: what the model raises.
    Source: folding of batch norm into the convolution before it.
    """
    if not any(isinstance(module, _BatchNorm) for module in bound.modules()):
        return []
    if not bound.objective.whole:
        batch = batch[0][:_FEW], batch[1][:_FEW]
    watch = _Watch({id(tensor): name for name, tensor in tensors.items()})
    with torch.no_grad(), watch:
        bound.call(tensors, batch)
    expected = {"weight": 2, "scale": 1, "shift": 1, "mean": 1, "variance": 1}  # the weight, and its output
    return [
        fold
        for fold in watch.folds.values()
        if all(watch.touched.get(getattr(fold, key)) == count for key, count in expected.items())
    ]
