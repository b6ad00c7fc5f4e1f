"""Hessian-vector products on the active weights, streamed over data, with the backward graph kept where it fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.data import DataLoader, RandomSampler

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.bilinear import FastSecondOrder
from qgd_core.learn.evaluate import BoundModel
from qgd_core.learn.guards import explained, require_curved, require_finite, require_twice
from qgd_core.learn.losses import Objective, as_objective
from qgd_core.learn.workers import add_over_workers, own_batches


class HessianOperator:
    """The Hessian of the mean loss over all data, as a linear map of the active weights.

    Arguments: model, left as it is and evaluated in evaluation mode; loss, an Objective, a name in LOSSES or a function of
    (output, target) returning a batch mean; data, one batch or an iterable of batches that can be run through again in the
    same order (under torchrun each worker takes its share); active, n weights (all for None); dtype and device of the
    evaluation (the model's own for None); graph_limit, bytes of backward graphs kept between products.
    Result: `operator(v)` is H v, float64, for a float64 tensor (n,) on the operator's device, exact to the rounding of
    dtype; sums over batches and workers are float64. `kept_bytes` counts what the kept graphs hold,
    weights included.
    Raises: UnsupportedOperation for a model or loss without second derivatives; ConfigError for NaN, no data, or data in
    random order.
    Source: double backward (Pearlmutter 1994); the penalty's part, l2 v, is added exactly.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Any,
        data: Any,
        active: ActiveSet | None = None,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        graph_limit: float = 4e9,
    ) -> None:
        self.active = ActiveSet.from_names(model) if active is None else active
        if not len(self.active):
            raise ConfigError(
                "The active set is empty.", subject="active", remedy="Keep at least one weight."
            )
        first = next(model.parameters())
        self.dtype = dtype or first.dtype
        self.device = torch.device(device or first.device)
        self.objective = as_objective(loss)
        self.data = as_batches(data)
        self._bound = BoundModel(model, Objective(self.objective.loss, whole=self.objective.whole))
        self._index = {name: index.to(self.device) for name, index in self.active.indices.items()}
        tensors = {name: self._move(t) for name, t in [*model.named_parameters(), *model.named_buffers()]}
        self._weights = {name: tensors[name].requires_grad_() for name in self._index}
        self._held = {name: tensor for name, tensor in tensors.items() if name not in self._weights}
        self._graphs: dict[int, tuple[Tensor, ...]] = {}
        self.graph_limit = graph_limit
        self.kept_bytes = 0
        self._checked = False
        self._samples = self._count_samples()

    def __len__(self) -> int:
        return len(self.active)

    def __call__(self, vector: Tensor) -> Tensor:
        """Return H v for a float64 tensor v (n,)."""
        total = torch.zeros(len(self), dtype=torch.float64, device=self.device)
        directions = self._scatter(vector)
        for number, batch in own_batches(self.data):
            slopes, share, keep = self._slopes(number, batch)
            bent = [
                (slope, part) for slope, part in zip(slopes, directions, strict=True) if slope.requires_grad
            ]
            if bent:
                with explained():
                    products = torch.autograd.grad(
                        [slope for slope, _ in bent],
                        list(self._weights.values()),
                        [part for _, part in bent],
                        retain_graph=keep,
                        materialize_grads=True,
                    )
                total.add_(self._flatten(products), alpha=share)
        require_finite(add_over_workers(total), "The Hessian-vector product")
        return total.add_(vector, alpha=self.objective.l2)

    def _slopes(self, number: int, batch: Any) -> tuple[tuple[Tensor, ...], float, bool]:
        """Return gradients on a batch as graphs (values may be zero), the batch's share, and whether it is kept."""
        share = _batch_size(batch) / self._samples
        if number in self._graphs:
            return self._graphs[number], share, True
        if not self._checked:
            with explained():
                require_curved(self._bound.model, self.objective, batch)
        batch = tree_map(self._move, batch)
        meter = _Meter()
        with explained(), sdpa_kernel(SDPBackend.MATH), FastSecondOrder(), meter.hooks:
            value = self._bound.call({**self._held, **self._weights}, batch)
            require_finite(value.detach(), f"The loss on batch {number}", batch)
            slopes = torch.autograd.grad(
                value, list(self._weights.values()), create_graph=True, materialize_grads=True
            )
        if not self._checked:
            require_twice(slopes)
            self._checked = True
        keep = self.kept_bytes + meter.bytes <= self.graph_limit
        if keep:
            self.kept_bytes += meter.bytes
            self._graphs[number] = slopes
        return slopes, share, keep

    def _flatten(self, tensors: Iterable[Tensor]) -> Tensor:
        pairs = zip(tensors, self._index.values(), strict=True)
        return torch.cat([tensor.reshape(-1)[index] for tensor, index in pairs])

    def _scatter(self, vector: Tensor) -> list[Tensor]:
        """Return `vector` as one tensor per weight, in the working dtype, zero at inactive coordinates."""
        parts = torch.split(vector.to(self.dtype), [len(index) for index in self._index.values()])
        pairs = zip(self._weights.values(), self._index.values(), parts, strict=True)
        return [
            torch.zeros(weight.numel(), dtype=self.dtype, device=self.device)
            .index_copy_(0, index, part)
            .reshape(weight.shape)
            for weight, index, part in pairs
        ]

    def _count_samples(self) -> int:
        own = sum(_batch_size(batch) for _, batch in own_batches(self.data))
        total = int(add_over_workers(torch.tensor([own], device=self.device)).item())
        if not total:
            raise ConfigError("There is no data.", subject="data", remedy="Pass at least one batch.")
        return total

    def _move(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        dtype = self.dtype if leaf.is_floating_point() else leaf.dtype
        return leaf.detach().to(self.device, dtype)


class _Meter:
    """Counts the bytes that a backward graph keeps, each storage once, and still notices changes in place."""

    def __init__(self) -> None:
        self.bytes = 0
        self._seen: set[int] = set()
        self.hooks = saved_tensors_hooks(self._pack, self._unpack)

    def _pack(self, tensor: Tensor) -> tuple[Tensor, int]:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.bytes += storage.nbytes()
        return tensor, tensor._version

    @staticmethod
    def _unpack(packed: tuple[Tensor, int]) -> Tensor:
        tensor, version = packed
        if tensor._version != version:
            raise RuntimeError("a saved tensor was modified by an inplace operation")
        return tensor


def as_batches(data: Any) -> Iterable[Any]:
    """Return `data` as an iterable of batches that gives the same ones every time.

    Arguments: data, one batch (a mapping, or a tuple of tensors) or an iterable of batches. Result: the iterable.
    Raises: ConfigError for an iterator that runs only once, or a DataLoader that shuffles. Source: none.
    """
    if isinstance(data, Mapping) or (
        isinstance(data, tuple) and all(isinstance(part, Tensor) for part in data)
    ):
        return [data]
    if isinstance(data, DataLoader) and isinstance(data.sampler, RandomSampler):
        raise ConfigError("The data come in random order.", subject="data", remedy="Use shuffle=False.")
    if iter(data) is data:
        raise ConfigError(
            "The data can be run through only once.", subject="data", remedy="Pass a list or a DataLoader."
        )
    batches: Iterable[Any] = data
    return batches


def _batch_size(batch: Any) -> int:
    return next((len(leaf) for leaf in tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.ndim), 1)
