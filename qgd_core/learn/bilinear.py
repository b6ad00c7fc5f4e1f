"""Convolution and evaluation-mode batch norm whose second derivatives run on the kernels of the first ones.

torch's own double backward of a convolution turns a weight gradient into a convolution with an image-sized kernel, and
that of a batch norm into a dozen passes. Both operations are bilinear in (input, weight), so with B the backward map,
B(g; x, w) = (w^T g, x^T g), the second derivative needs only forwards and one more B: that is what is done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from qgd_core.learn.sparse_convolution import Pattern, SparseConvolution, sum_pixels

aten = torch.ops.aten


@dataclass(frozen=True)
class Replacement:
    """What runs in place of a convolution: its active weights with their pattern (None: the weight as it is), its bias."""

    values: Tensor
    pattern: Pattern | None
    bias: Tensor | None


class FastSecondOrder(TorchFunctionMode):
    """Inside this context convolutions and evaluation-mode batch norms have a fast second derivative.

    Arguments: replacements, by the id of the weight a convolution is called with; absorbed, ids of batch-norm weights whose
    norm is part of the convolution before it; exact, whether gradients taken with create_graph, by the weights of
    these operations, have their values (otherwise zeros that carry the right graph: a third is saved).
    Result: a context manager; values and second derivatives are unchanged to rounding.
    Raises: nothing; a call of another form (string padding, training-mode norm) is left to torch.
    Source: differentiation of a bilinear map.
    """

    def __init__(
        self,
        replacements: Mapping[int, Replacement] | None = None,
        absorbed: frozenset[int] = frozenset(),
        exact: bool = False,
    ) -> None:
        super().__init__()
        self.replacements = replacements or {}
        self.absorbed = absorbed
        self.exact = exact
        self.routes: dict[Any, Any] = {
            torch.conv1d: self._convolve,
            torch.conv2d: self._convolve,
            torch.conv3d: self._convolve,
            functional.batch_norm: self._normalise,
        }

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Route the known functions, pass the others on."""
        route = self.routes.get(func)
        done = route(*args, **(kwargs or {})) if route else None
        return func(*args, **(kwargs or {})) if done is None else done

    def _convolve(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor | None:
        axes = weight.ndim - 2
        if isinstance(padding, str) or input.ndim != weight.ndim:
            return None
        options: list[list[int]] = [
            [size] * axes if isinstance(size, int) else list(size) for size in (stride, padding, dilation)
        ]
        if any(len(option) != axes for option in options):
            return None
        pair: Any = _Convolution(options, groups, weight)
        if found := self.replacements.get(id(weight)):
            bias = found.bias if bias is None else bias
            if found.pattern and pair.keeps_size(weight):
                pair, weight = SparseConvolution(found.pattern), found.values
        y: Tensor = _Bilinear.apply(input, weight, bias, pair, self.exact)  # type: ignore[no-untyped-call]
        return y

    def _normalise(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor | None:
        if id(weight) in self.absorbed:
            return input
        if training or running_mean is None or running_var is None or weight is None or bias is None:
            return None
        pair = _Scaling(running_var, eps)
        y: Tensor = _Bilinear.apply(input, weight, None, pair, self.exact)  # type: ignore[no-untyped-call]
        return y + _per_channel(bias - weight * running_mean * torch.rsqrt(running_var + eps), y)


class _Bilinear(torch.autograd.Function):
    """y = forward(x, w) + b per channel, for a map pair (forward, backward) that is linear in x and in w."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor | None, pair: Any, exact: bool) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.pair, ctx.exact = pair, exact
        result: Tensor = pair.forward(x, w, b)
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        if not torch.is_grad_enabled():  # the last of the two passes
            return *ctx.pair.backward(g, x, w, wanted), None, None
        return *_BilinearBackward.apply(g, x, w, ctx.pair, wanted, ctx.exact), None, None  # type: ignore[no-untyped-call]


class _BilinearBackward(torch.autograd.Function):
    """(w^T g, x^T g, sum g), differentiable in g, x and w; what no second derivative needs is zero unless `exact`."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, w: Tensor, pair: Any, wanted: tuple[bool, bool, bool], exact: bool
    ) -> Any:
        ctx.save_for_backward(g, x, w)
        ctx.pair = pair
        ctx.set_materialize_grads(False)
        at_x, at_w, _ = pair.backward(g, x, w, (wanted[0], wanted[1] and exact, False))
        if wanted[1] and not exact:
            at_w = w.new_zeros(()).expand(w.shape)
        return at_x, at_w, g.new_zeros(g.shape[1]) if wanted[2] else None

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, to_x: Tensor | None, to_w: Tensor | None, to_b: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        g, x, w = ctx.saved_tensors
        needs_g, needs_x, needs_w = ctx.needs_input_grad[:3]
        at_g = None
        if needs_g:
            if to_w is not None:
                at_g = ctx.pair.forward(x, to_w, to_b)
            elif to_b is not None:
                at_g = _per_channel(to_b, g).expand(g.shape).clone()
            if to_x is not None:
                part = ctx.pair.forward(to_x, w, None)
                at_g = part if at_g is None else at_g.add_(part)
        back_x = needs_x and to_w is not None
        back_w = needs_w and to_x is not None
        at_x, at_w = ctx.pair.backward(
            g, x if to_x is None else to_x, w if to_w is None else to_w, (back_x, back_w, False)
        )[:2]
        return at_g, at_x, at_w, None, None, None


class _Convolution:
    """The pair of a convolution with fixed stride, padding, dilation and groups."""

    def __init__(self, options: list[list[int]], groups: int, weight: Tensor) -> None:
        self.options: Any = (*options, False, [0] * len(options[0]), groups)
        self.pointwise = (
            list(weight.shape[2:]) == [1, 1]
            and (options[0], options[1], groups) == ([1, 1], [0, 0], 1)
            and weight.dtype == torch.float32
            and weight.device.type == "cpu"
            and _LINEAR is not None
        )

    def keeps_size(self, weight: Tensor) -> bool:
        """Return whether stride, padding, dilation and groups are those of a convolution of stride 1 between equal sizes."""
        stride, padding, dilation, *_, groups = self.options
        same = [size // 2 for size in weight.shape[2:]]
        return groups == 1 and padding == same and set(stride) == set(dilation) == {1}

    def forward(self, x: Tensor, w: Tensor, b: Tensor | None) -> Any:
        if self.pointwise and _channels_last(x):
            return _as_images(_LINEAR(_as_rows(x), w[:, :, 0, 0], b, "none", [], ""), x)
        return aten.convolution(x, w, b, *self.options)

    def backward(self, g: Tensor, x: Tensor, w: Tensor, wanted: tuple[bool, bool, bool]) -> Any:
        if not (self.pointwise and _channels_last(g) and _channels_last(x)):
            at_x, at_w, _ = aten.convolution_backward(g, x, w, None, *self.options, (*wanted[:2], False))
            return at_x, at_w, sum_pixels(g) if wanted[2] else None
        rows, at_x, at_w = _as_rows(g), None, None
        if wanted[0]:
            at_x = _as_images(_LINEAR(rows, w[:, :, 0, 0].t(), None, "none", [], ""), g)
        if wanted[1]:
            at_w = _LINEAR(rows.t(), _as_rows(x).t(), None, "none", [], "")[:, :, None, None]
        return at_x, at_w, rows.sum(dim=0) if wanted[2] else None


class _Scaling:
    """The pair of a product per channel, run as a batch norm with mean zero and the given variance."""

    def __init__(self, variance: Tensor, eps: float) -> None:
        self.variance, self.eps = variance, eps
        self.zero = torch.zeros_like(variance)

    def forward(self, x: Tensor, w: Tensor, b: None) -> Any:
        return aten.native_batch_norm(x, w, None, self.zero, self.variance, False, 0.0, self.eps)[0]

    def backward(self, g: Tensor, x: Tensor, w: Tensor, wanted: tuple[bool, bool, bool]) -> Any:
        return aten.native_batch_norm_backward(
            g, x, w, self.zero, self.variance, None, None, False, self.eps, (*wanted[:2], False)
        )


# oneDNN's product of matrices with bias, which torch's compiler uses; twice the speed of torch's own on one thread
_LINEAR: Any = getattr(
    torch.ops.mkldnn, "_linear_pointwise", None
)  # missing where torch was built without oneDNN


def _channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last)


def _as_rows(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _as_images(rows: Tensor, like: Tensor) -> Tensor:
    return rows.reshape(len(like), *like.shape[2:], rows.shape[1]).permute(0, 3, 1, 2)


def _per_channel(vector: Tensor, like: Tensor) -> Tensor:
    return vector.reshape(1, -1, *[1] * (like.ndim - 2))
