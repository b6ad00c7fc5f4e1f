"""Hessian-vector products on the active weights, streamed over data, with the backward graph kept where it fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
from qgd_core.learn.coordinates import Folded, Plain
from qgd_core.learn.evaluate import BoundModel
from qgd_core.learn.folds import find_folds
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
        self._tensors = tensors
        self._units: list[Plain | Folded] = []
        self._noted: set[int] = set()
        self._sums: list[Tensor] = []  # over batches, of what the units keep
        self._graphs: dict[int, tuple[Tensor, ...]] = {}
        self.graph_limit = graph_limit
        self.kept_bytes = 0
        self._samples = self._count_samples()

    def __len__(self) -> int:
        return len(self.active)

    def __call__(self, vector: Tensor) -> Tensor:
        """Return H v for a float64 tensor v (n,)."""
        sizes = [len(index) for index in self._index.values()]
        parts = dict(zip(self._index, torch.split(vector, sizes), strict=True))
        directions: list[Tensor] = []
        for total in self._sums:
            total.zero_()
        own = False
        for number, batch in own_batches(self.data):
            slopes, share, keep = self._slopes(number, batch)
            directions = directions or [part for unit in self._units for part in unit.place(parts)]
            products = self._products(slopes, directions, keep)
            found = [kept for unit, part in self._by_unit(products) for kept in unit.reduce(part)]
            self._sums = self._sums or [torch.zeros_like(kept, dtype=torch.float64) for kept in found]
            for total, kept in zip(self._sums, found, strict=True):
                total.add_(kept, alpha=share)
            own = True
        result = torch.empty_like(vector) if own else torch.zeros_like(vector)
        if own:
            self._collect(parts, dict(zip(self._index, torch.split(result, sizes), strict=True)))
        require_finite(add_over_workers(result).sum(), "The Hessian-vector product")
        return result.add_(vector, alpha=self.objective.l2) if self.objective.l2 else result

    def _products(self, slopes: Iterable[Tensor], directions: list[Tensor], keep: bool) -> tuple[Tensor, ...]:
        leaves = self._leaves()
        pairs = [pair for pair in zip(slopes, directions, strict=True) if pair[0].requires_grad]
        if not pairs:
            return tuple(torch.zeros_like(leaf) for leaf in leaves)
        with explained():
            return torch.autograd.grad(
                [slope for slope, _ in pairs],
                leaves,
                [part for _, part in pairs],
                retain_graph=keep,
                materialize_grads=True,
            )

    def _collect(self, parts: Mapping[str, Tensor], result: Mapping[str, Tensor]) -> None:
        """Write the products on the active weights, by name, from the sums over the batches."""
        waiting = iter(self._sums)
        for unit in self._units:
            unit.collect([next(waiting) for _ in range(unit.count)], parts, result)

    def _slopes(self, number: int, batch: Any) -> tuple[tuple[Tensor, ...], float, bool]:
        """Return gradients on a batch as graphs (values may be zero), the batch's share, and whether it is kept."""
        share = _batch_size(batch) / self._samples
        if number in self._graphs:
            return self._graphs[number], share, True
        first = not self._units
        if first:
            with explained():
                require_curved(self._bound.model, self.objective, batch)
        batch = tree_map(self._move, batch)
        if first:
            self._choose_units(batch)
        folded = [unit for unit in self._units if isinstance(unit, Folded)]
        exact = bool(folded) and number not in self._noted
        fast = FastSecondOrder(
            dict(unit.replacement for unit in folded), frozenset(unit.absorbed for unit in folded), exact
        )
        meter = _Meter()
        with explained(), sdpa_kernel(SDPBackend.MATH), fast, meter.hooks:
            value = self._bound.call(self._given(), batch)
            require_finite(value.detach(), f"The loss on batch {number}", batch)
            slopes = torch.autograd.grad(value, self._leaves(), create_graph=True, materialize_grads=True)
        if first:
            require_twice(slopes)
        if exact:
            for unit, own in self._by_unit(slopes):
                unit.note(own, share)
            self._noted.add(number)
        keep = self.kept_bytes + meter.bytes <= self.graph_limit
        if keep:
            self.kept_bytes += meter.bytes
            self._graphs[number] = slopes
        return slopes, share, keep

    def _choose_units(self, batch: Any) -> None:
        """Fold what folds, and leave the other active weights as they are."""
        with explained(), sdpa_kernel(SDPBackend.MATH):
            folds = find_folds(self._bound, self._tensors, batch)
        wanted = [fold for fold in folds if {fold.weight, fold.scale, fold.shift} & set(self._index)]
        sparse = self.device.type == "cpu" and self.dtype in (torch.float32, torch.float64)
        self._units = [Folded(fold, self._tensors, self._index, sparse) for fold in wanted]
        taken = {name for unit in self._units for name in unit.active}
        self._units += [
            Plain(name, self._tensors[name], index)
            for name, index in self._index.items()
            if name not in taken
        ]

    def _given(self) -> dict[str, Tensor]:
        replaced = {name: tensor for unit in self._units for name, tensor in unit.tensors.items()}
        return {**self._tensors, **replaced}

    def _leaves(self) -> list[Tensor]:
        return [leaf for unit in self._units for leaf in unit.leaves]

    def _by_unit(self, tensors: Iterable[Tensor]) -> Iterator[tuple[Plain | Folded, list[Tensor]]]:
        """Yield each unit with its own of `tensors`, one a leaf."""
        waiting = iter(tensors)
        for unit in self._units:
            yield unit, [next(waiting) for _ in unit.leaves]

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
        moved = leaf.detach().to(self.device, dtype)
        images = moved.ndim == 4 and moved.is_floating_point() and self.device.type == "cpu"
        return moved.contiguous(memory_format=torch.channels_last) if images else moved


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
