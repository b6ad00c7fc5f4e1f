"""The tensors a Hessian is computed in: weights as they are, or convolutions with their batch norm folded in.

A batch norm with fixed statistics scales its convolution: y = s conv(x, w) + t with s = gamma r and t = beta - mean s. The
network is then evaluated, and differentiated twice, in (s w, t). The chain rule brings it back to (w, gamma, beta); the
second-order part, the bend of s w, takes the gradient by s w, which does not depend on the direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qgd_core.learn.bilinear import Replacement
from qgd_core.learn.folds import Fold
from qgd_core.learn.sparse_convolution import Pattern

Parts = Mapping[str, Tensor]


class Plain:
    """A weight differentiated as it is: one leaf of its shape."""

    def __init__(self, name: str, weight: Tensor, index: Tensor) -> None:
        self.name, self.index = name, index
        self.leaves = [weight.detach().requires_grad_()]
        self.tensors = {name: self.leaves[0]}
        self.active = [name]
        self.count = 1  # of the tensors that reduce returns

    def place(self, parts: Parts) -> list[Tensor]:
        """Return the direction of each leaf for a direction given on the active weights."""
        leaf = self.leaves[0]
        flat = leaf.new_zeros(leaf.numel()).index_copy_(0, self.index, parts[self.name].to(leaf.dtype))
        return [flat.reshape(leaf.shape)]

    def reduce(self, products: list[Tensor]) -> list[Tensor]:
        """Return what is kept of one batch's products: linear in them, and small."""
        return [products[0].reshape(-1)[self.index]]

    def note(self, slopes: list[Tensor], share: float) -> None:
        """Add a batch's gradient to the total that the second-order part needs: none here."""

    def collect(self, reduced: list[Tensor], parts: Parts) -> Parts:
        """Return the product on the active weights, by name."""
        return {self.name: reduced[0]}


class Folded:
    """A convolution with its batch norm: leaves s w (all of it, or its active values) and t."""

    def __init__(
        self, fold: Fold, tensors: Mapping[str, Tensor], indices: Mapping[str, Tensor], sparse: bool
    ) -> None:
        self.fold = fold
        weight = tensors[fold.weight].detach()
        outputs = len(weight)
        self.none = torch.zeros(0, dtype=torch.int64, device=weight.device)
        self.at_w, self.at_scale, self.at_shift = (
            indices.get(name, self.none) for name in (fold.weight, fold.scale, fold.shift)
        )
        self.active = [name for name in (fold.weight, fold.scale, fold.shift) if name in indices]
        self.root = torch.rsqrt(tensors[fold.variance] + fold.eps)
        self.mean = tensors[fold.mean]
        self.scale = tensors[fold.scale].detach() * self.root
        self.rows = torch.div(self.at_w, weight[0].numel(), rounding_mode="floor")
        self.old = weight.reshape(outputs, -1)
        whole = (self.old * self.scale[:, None]).reshape(weight.shape)
        shift = (tensors[fold.shift].detach() - self.mean * self.scale).requires_grad_()
        pattern = Pattern(self.at_w, tuple(weight.shape)) if sparse else None
        self.sparse = pattern is not None and _confined(weight, self.at_w) and pattern.pays()
        if self.sparse:
            self.old = self.old.reshape(-1)[self.at_w]
            values = whole.reshape(-1)[self.at_w].requires_grad_()
            stand_in = _Scatter.apply(values, self.at_w, whole)  # type: ignore[no-untyped-call]
        else:
            values = stand_in = whole.requires_grad_()
        self.leaves = [values, shift]
        marker = torch.ones_like(self.scale)
        self.tensors = {fold.weight: stand_in, fold.scale: marker, fold.shift: torch.zeros_like(self.mean)}
        self.replacement = id(stand_in), Replacement(values, pattern if self.sparse else None, shift)
        self.absorbed = id(marker)
        self.count = 2 if self.sparse else 3
        self.slope = torch.zeros(len(self.at_w), dtype=torch.float64, device=weight.device)

    def place(self, parts: Parts) -> list[Tensor]:
        """Return the direction of each leaf for a direction given on the active weights."""
        w, scale, shift = self._split(parts)
        moved = self.scale[self.rows] * w
        if self.sparse:
            moved = moved + scale[self.rows] * self.old
        else:
            flat = (scale[:, None] * self.old).reshape(-1)
            moved = flat.index_add_(0, self.at_w, moved).reshape(self.leaves[0].shape)
        return [moved, shift - self.mean * scale]

    def reduce(self, products: list[Tensor]) -> list[Tensor]:
        """Return what is kept of one batch's products: linear in them, and small."""
        if self.sparse:
            return products
        whole = products[0].reshape(self.old.shape)
        return [whole.reshape(-1)[self.at_w], (whole * self.old).sum(dim=1), products[1]]

    def note(self, slopes: list[Tensor], share: float) -> None:
        """Add a batch's gradient to the total that the second-order part needs."""
        slope = slopes[0].detach().reshape(-1)
        self.slope.add_(slope if self.sparse else slope[self.at_w], alpha=share)

    def collect(self, reduced: list[Tensor], parts: Parts) -> Parts:
        """Return the product on the active weights, by name."""
        w, scale, _ = (part.double() for part in self._split(parts))
        at_w, at_shift = reduced[0], reduced[-1]
        at_scale = self._sum_rows(at_w * self.old.double()) if self.sparse else reduced[1]
        at_scale = at_scale - self.mean * at_shift + self._sum_rows(self.slope * w)
        at_w = self.scale.double()[self.rows] * at_w + scale[self.rows] * self.slope
        found = {
            self.fold.weight: at_w,
            self.fold.scale: (self.root * at_scale)[self.at_scale],
            self.fold.shift: at_shift[self.at_shift],
        }
        return {name: found[name] for name in self.active}

    def _split(self, parts: Parts) -> tuple[Tensor, Tensor, Tensor]:
        """Return the direction by the active w, by s and by beta, in the working dtype."""
        like = self.scale
        w = parts[self.fold.weight].to(like.dtype) if self.fold.weight in parts else like.new_zeros(0)
        full = [
            like.new_zeros(len(like)).index_copy_(0, index, parts[name].to(like.dtype))
            if name in parts
            else like.new_zeros(len(like))
            for name, index in ((self.fold.scale, self.at_scale), (self.fold.shift, self.at_shift))
        ]
        return w, full[0] * self.root, full[1]

    def _sum_rows(self, values: Tensor) -> Tensor:
        return values.new_zeros(len(self.scale)).index_add_(0, self.rows, values)


class _Scatter(torch.autograd.Function):
    """`whole`, which is zero but for the values at `index`, as a function of the values: for uses other than convolution."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, whole: Tensor) -> Tensor:
        ctx.index = index  # not saved through the graph, which may be freed and used again
        return whole.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        return g.reshape(-1)[ctx.index], None, None


def _confined(weight: Tensor, index: Tensor) -> bool:
    return int(torch.count_nonzero(weight)) == int(torch.count_nonzero(weight.reshape(-1)[index]))
