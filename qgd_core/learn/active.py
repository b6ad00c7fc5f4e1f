"""The active weights: which coordinates of a model are trained, and how to read and write just those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from qgd_core.arrays import RealArray, real_vector
from qgd_core.errors import ConfigError


class ActiveSet:
    """The active coordinates of a model, as flat indices per parameter name.

    Arguments: indices, parameter name -> flat int64 positions inside it, sorted and unique; shapes, parameter
    name -> its shape. A parameter that is not named has no active coordinate. The flat order is
    the order of the names, then of the positions. `len(active)` is n.
    Result: an object that gathers, scatters and writes vectors of shape (n,), exact.
    Raises: ConfigError when a position is outside its parameter, repeated, or out of order.
    Source: sparse training of arXiv 2303.03428, "Training scheme".
    """

    def __init__(self, indices: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.indices = {name: index.detach().cpu().to(torch.int64) for name, index in indices.items()}
        self.shapes = {name: tuple(shapes[name]) for name in self.indices}
        for name, index in self.indices.items():
            size = int(np.prod(self.shapes[name]))
            ordered = bool((index[1:] > index[:-1]).all())
            if (
                index.ndim != 1
                or not ordered
                or (len(index) and not 0 <= int(index[0]) <= int(index[-1]) < size)
            ):
                raise ConfigError(
                    f"The active positions of {name!r} are not sorted, unique and below {size}.",
                    subject=name,
                    remedy="Build the set from a mask with ActiveSet.from_masks.",
                )

    @classmethod
    def from_masks(cls, model: nn.Module, masks: Mapping[str, Tensor]) -> ActiveSet:
        """Return the set whose coordinates are the true entries of `masks` (name -> tensor of the weight's shape)."""
        parameters = _named(model, masks)
        for name, mask in masks.items():
            if mask.shape != parameters[name].shape:
                raise ConfigError(
                    f"The mask of {name!r} has shape {tuple(mask.shape)}, its weight {tuple(parameters[name].shape)}.",
                    subject=name,
                )
        indices = {name: masks[name].detach().flatten().nonzero().flatten() for name in parameters}
        return cls(indices, {name: tuple(weight.shape) for name, weight in parameters.items()})

    @classmethod
    def from_names(cls, model: nn.Module, names: Iterable[str] | None = None) -> ActiveSet:
        """Return the set of every coordinate of the named parameters (all parameters for None)."""
        wanted = [name for name, _ in model.named_parameters()] if names is None else list(names)
        parameters = _named(model, wanted)
        return cls(
            {name: torch.arange(weight.numel()) for name, weight in parameters.items()},
            {name: tuple(weight.shape) for name, weight in parameters.items()},
        )

    def __len__(self) -> int:
        return sum(len(index) for index in self.indices.values())

    def subset(self, positions: ArrayLike) -> ActiveSet:
        """Return the set of the coordinates at `positions` of this one's flat order; the others become frozen."""
        chosen = torch.zeros(len(self), dtype=torch.bool)
        chosen[torch.as_tensor(np.asarray(positions, dtype=np.int64))] = True
        parts = torch.split(chosen, [len(index) for index in self.indices.values()])
        kept = {name: index[part] for (name, index), part in zip(self.indices.items(), parts, strict=True)}
        return ActiveSet({name: index for name, index in kept.items() if len(index)}, self.shapes)

    def masks(self) -> dict[str, Tensor]:
        """Return name -> boolean tensor, true at the active coordinates of each named parameter."""
        return {
            name: torch.zeros(self.shapes[name], dtype=torch.bool)
            .flatten()
            .index_fill(0, index, True)
            .reshape(self.shapes[name])
            for name, index in self.indices.items()
        }

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Return the active entries of `tensors` (name -> tensor of the weight's shape) as one vector, dtype kept."""
        parts = [
            tensors[name].reshape(-1)[index.to(tensors[name].device)] for name, index in self.indices.items()
        ]
        return torch.cat(parts) if parts else torch.zeros(0)

    def scatter(self, vector: Tensor) -> dict[str, Tensor]:
        """Return name -> tensor holding `vector` (n,) at the active coordinates and zero elsewhere."""
        base = {
            name: torch.zeros(shape, dtype=vector.dtype, device=vector.device)
            for name, shape in self.shapes.items()
        }
        return self.overlay(base, vector)

    def overlay(self, tensors: Mapping[str, Tensor], vector: Tensor) -> dict[str, Tensor]:
        """Return copies of `tensors` with `vector` (n,) at the active coordinates, differentiable in `vector`."""
        parts = torch.split(vector, [len(index) for index in self.indices.values()])
        replaced = {
            name: tensors[name]
            .reshape(-1)
            .index_put((index.to(vector.device),), part)
            .reshape(self.shapes[name])
            for (name, index), part in zip(self.indices.items(), parts, strict=True)
        }
        return {**tensors, **replaced}

    def gather(self, model: nn.Module) -> RealArray:
        """Return the active weights of `model` as a float64 vector of shape (n,), exact."""
        return self.flatten(_named(model, self.indices)).detach().to("cpu", torch.float64).numpy()

    @torch.no_grad()
    def write(self, model: nn.Module, vector: ArrayLike) -> None:
        """Write `vector` (n,) into the active weights of `model`, rounded to its dtype; touch nothing else.

        Arguments: model with the parameters of this set; vector, array-like of shape (n,), finite.
        Result: none; the write is exact for float64 weights and rounded to nearest otherwise.
        Raises: ConfigError when the vector has another length or is not finite.
        Source: none.
        """
        values = torch.from_numpy(real_vector(vector, "the active weights", len(self)))
        parts = torch.split(values, [len(index) for index in self.indices.values()])
        weights = _named(model, self.indices)
        for (name, index), part in zip(self.indices.items(), parts, strict=True):
            weight = weights[name]
            mask = torch.zeros(weight.numel(), dtype=torch.bool).index_fill(0, index, True)
            weight.masked_scatter_(mask.reshape(weight.shape).to(weight.device), part.to(weight))

    def pruned(self, model: nn.Module) -> dict[str, Tensor]:
        """Return name -> mask of the weights that are zero and outside the set."""
        return {name: (weight == 0) & outside for name, weight, outside in self._outside(model)}

    def frozen(self, model: nn.Module) -> dict[str, Tensor]:
        """Return name -> mask of the weights that are not zero and outside the set: held, not removed."""
        return {name: (weight != 0) & outside for name, weight, outside in self._outside(model)}

    def state_dict(self) -> dict[str, Any]:
        """Return the set bit-packed: name -> shape and ceil(size / 8) bytes."""
        return {
            name: {"shape": self.shapes[name], "bits": torch.from_numpy(np.packbits(mask.flatten().numpy()))}
            for name, mask in self.masks().items()
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> ActiveSet:
        """Return the set that `state_dict` packed."""
        indices = {
            name: torch.from_numpy(np.flatnonzero(np.unpackbits(packed["bits"].numpy())))
            for name, packed in state.items()
        }
        return cls(indices, {name: tuple(packed["shape"]) for name, packed in state.items()})

    def _outside(self, model: nn.Module) -> Iterable[tuple[str, Tensor, Tensor]]:
        masks = self.masks()
        for name, weight in model.named_parameters():
            active = masks.get(name, torch.zeros(weight.shape, dtype=torch.bool))
            yield name, weight.detach(), ~active.to(weight.device)


def _named(model: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """Return the named parameters of `model` in the model's order."""
    wanted, parameters = set(names), dict(model.named_parameters())
    if missing := sorted(wanted - set(parameters)):
        raise ConfigError(
            f"The model has no parameter {missing[0]!r}.",
            subject=missing[0],
            remedy=f"Its parameters are: {', '.join(parameters) or 'none'}.",
        )
    return {name: weight for name, weight in parameters.items() if name in wanted}
