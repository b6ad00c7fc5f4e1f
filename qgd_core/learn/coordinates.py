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


class Entries:
    """The active entries of a tensor: nothing is moved but their values, and no index is used where all are active.

    Arguments: index, sorted flat positions (n,); like, the tensor whose shape, dtype and layout is meant.
    Result: `read` and `lay` go from tensors to active values and back. Raises: nothing. Source: none.
    """

    def __init__(self, index: Tensor, like: Tensor) -> None:
        self.like = like.detach()
        self.index = None if len(index) == like.numel() else index

    def read(self, whole: Tensor) -> Tensor:
        """Return the active values of a tensor: (n,), or the tensor as it is where all are active."""
        return whole if self.index is None else whole.reshape(-1)[self.index]

    def view(self, values: Tensor) -> Tensor:
        """Return values (n,) in the shape in which `read` gives them."""
        return values.reshape(self.like.shape) if self.index is None else values

    def lay(self, values: Tensor) -> Tensor:
        """Return a tensor of this layout with values, as `read` gives them, in place and zero elsewhere."""
        if self.index is None:
            return torch.empty_like(self.like).copy_(values)
        flat = self.like.new_zeros(self.like.numel()).index_copy_(0, self.index, values.to(self.like.dtype))
        return torch.empty_like(self.like).copy_(flat.reshape(self.like.shape))


class Rows:
    """The outputs that the active values of a convolution's weight belong to.

    Arguments: index, sorted flat positions (n,); entries, of the weight. Result: `spread` and `sum` go from numbers of the
    outputs to the values and back. Raises: nothing. Source: none.
    """

    def __init__(self, entries: Entries, index: Tensor) -> None:
        self.outputs, size = len(entries.like), entries.like[0].numel()
        self.of = None if entries.index is None else torch.div(index, size, rounding_mode="floor")

    def spread(self, numbers: Tensor) -> Tensor:
        """Return a number of each output (outputs,) as a factor of the values."""
        return per_output(numbers) if self.of is None else numbers[self.of]

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over each output (outputs,) of the values."""
        if self.of is None:
            return values.sum(dim=(1, 2, 3))
        return values.new_zeros(self.outputs).index_add_(0, self.of, values)


def per_output(numbers: Tensor) -> Tensor:
    """Return numbers (outputs,) so that they multiply a weight (outputs, inputs, height, width)."""
    return numbers[:, None, None, None]


class Plain:
    """A weight differentiated as it is: one leaf of its shape."""

    def __init__(self, name: str, weight: Tensor, index: Tensor) -> None:
        self.name, self.entries = name, Entries(index, weight)
        self.leaves = [weight.detach().requires_grad_()]
        self.tensors = {name: self.leaves[0]}
        self.active = [name]
        self.count = 1  # of the tensors that reduce returns

    def place(self, parts: Parts) -> list[Tensor]:
        """Return the direction of each leaf for a direction given on the active weights."""
        return [self.entries.lay(self.entries.view(parts[self.name]))]

    def reduce(self, products: list[Tensor]) -> list[Tensor]:
        """Return what is kept of one batch's products: linear in them, and small."""
        return [self.entries.read(products[0])]

    def note(self, slopes: list[Tensor], share: float) -> None:
        """Add a batch's gradient to the total that the second-order part needs: none here."""

    def collect(self, reduced: list[Tensor], parts: Parts, result: Parts) -> None:
        """Write the product on the active weights into `result`, by name; `reduced` may be used up."""
        self.entries.view(result[self.name]).copy_(reduced[0])


class Folded:
    """A convolution with its batch norm: leaves s w (all of it, or its active values) and t."""

    def __init__(
        self, fold: Fold, tensors: Mapping[str, Tensor], indices: Mapping[str, Tensor], sparse: bool
    ) -> None:
        self.fold = fold
        weight = tensors[fold.weight].detach()
        none = torch.zeros(0, dtype=torch.int64, device=weight.device)
        at_w, self.at_scale, self.at_shift = (
            indices.get(name, none) for name in (fold.weight, fold.scale, fold.shift)
        )
        self.active = [name for name in (fold.weight, fold.scale, fold.shift) if name in indices]
        self.root = torch.rsqrt(tensors[fold.variance] + fold.eps)
        self.mean = tensors[fold.mean]
        self.scale = tensors[fold.scale].detach() * self.root
        whole = weight * per_output(self.scale)
        shift = (tensors[fold.shift].detach() - self.mean * self.scale).requires_grad_()
        pattern = Pattern(at_w, tuple(weight.shape)) if sparse else None
        self.sparse = pattern is not None and _confined(weight, at_w) and pattern.pays()
        self.entries = Entries(at_w, weight)  # not `whole`, which would then stay in memory
        self.rows = Rows(self.entries, at_w)
        self.old = self.entries.read(weight) if self.sparse else weight
        values = self.entries.read(whole) if self.sparse else whole
        values.requires_grad_()
        # torch has no types for Function.apply.
        stand_in = _Scatter.apply(values, at_w, whole) if self.sparse else values  # type: ignore[no-untyped-call]
        self.leaves = [values, shift]
        marker = torch.ones_like(self.scale)
        self.tensors = {fold.weight: stand_in, fold.scale: marker, fold.shift: torch.zeros_like(self.mean)}
        self.replacement = id(stand_in), Replacement(values, pattern if self.sparse else None, shift)
        self.absorbed = id(marker)
        self.count = 3
        self.slope = torch.zeros_like(self.entries.read(whole), dtype=torch.float64)

    def place(self, parts: Parts) -> list[Tensor]:
        """Return the direction of each leaf for a direction given on the active weights."""
        w, scale, shift = self._split(parts)
        if self.sparse:
            moved = w.to(scale.dtype) * self.rows.spread(self.scale) + self.rows.spread(scale) * self.old
        else:
            moved = self.entries.lay(w).mul_(per_output(self.scale)).addcmul_(per_output(scale), self.old)
        return [moved, shift - self.mean * scale]

    def reduce(self, products: list[Tensor]) -> list[Tensor]:
        """Return what is kept of one batch's products: linear in them, and small."""
        if self.sparse:
            return [products[0], self.rows.sum(products[0].double() * self.old), products[1]]
        return [self.entries.read(products[0]), (products[0] * self.old).sum(dim=(1, 2, 3)), products[1]]

    def note(self, slopes: list[Tensor], share: float) -> None:
        """Add a batch's gradient to the total that the second-order part needs."""
        slope = slopes[0].detach()
        self.slope.add_(slope if self.sparse else self.entries.read(slope), alpha=share)

    def collect(self, reduced: list[Tensor], parts: Parts, result: Parts) -> None:
        """Write the product on the active weights into `result`, by name; `reduced` may be used up."""
        w, scale, _ = self._split(parts, torch.float64)
        at_w, at_scale, at_shift = reduced
        bent = self.rows.sum(self.slope * w)
        at_w.mul_(self.rows.spread(self.scale.double())).addcmul_(self.rows.spread(scale), self.slope)
        at_scale = self.root * (at_scale - self.mean * at_shift + bent)
        found = {self.fold.scale: at_scale[self.at_scale], self.fold.shift: at_shift[self.at_shift]}
        for name in self.active:
            if name == self.fold.weight:
                self.entries.view(result[name]).copy_(at_w)
            else:
                result[name].copy_(found[name])

    def _split(self, parts: Parts, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the direction by the active w, by s and by beta, the last two in a dtype (the working one for None)."""
        like = self.scale.new_zeros(len(self.scale), dtype=dtype or self.scale.dtype)
        scale, shift = (
            like.index_copy(0, index, parts[name].to(like.dtype)) if name in parts else like
            for name, index in ((self.fold.scale, self.at_scale), (self.fold.shift, self.at_shift))
        )
        return self.entries.view(parts.get(self.fold.weight, like[:0])), self.root * scale, shift


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
