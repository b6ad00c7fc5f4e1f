"""Convolution and evaluation-mode batch norm whose second derivatives run on the kernels of the first ones.

torch's own double backward of a convolution turns a weight gradient into a convolution with an image-sized kernel, and
that of a batch norm into a dozen passes. Both operations are bilinear in (input, weight), so with B the backward map,
B(g; x, w) = (w^T g, x^T g), the second derivative needs only forwards and one more B: that is what is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

aten = torch.ops.aten


class FastSecondOrder(TorchFunctionMode):
    """Inside this context convolutions and evaluation-mode batch norms have a fast second derivative.

    Arguments: none. Result: a context manager; values and second derivatives are unchanged to rounding, but gradients taken
    with create_graph, by the weights of these operations, are zeros that carry the right graph: a third is saved.
    Raises: nothing; a call of another form (string padding, training-mode norm) is left to torch.
    Source: differentiation of a bilinear map.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Route the known functions, pass the others on."""
        route = _ROUTES.get(func)
        done = route(*args, **(kwargs or {})) if route else None
        return func(*args, **(kwargs or {})) if done is None else done


class _Bilinear(torch.autograd.Function):
    """y = forward(x, w) for a map pair (forward, backward) that is linear in x and in w."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, pair: Any) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.pair = pair
        result: Tensor = pair.forward(x, w)
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        if not torch.is_grad_enabled():  # the last of the two passes
            return *ctx.pair.backward(g, x, w, wanted), None
        return *_BilinearBackward.apply(g, x, w, ctx.pair, wanted), None  # type: ignore[no-untyped-call]


class _BilinearBackward(torch.autograd.Function):
    """(w^T g, x^T g), differentiable in g, x and w; the value of x^T g, which no second derivative needs, is left zero."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, w: Tensor, pair: Any, wanted: tuple[bool, bool]) -> Any:
        ctx.save_for_backward(g, x, w)
        ctx.pair = pair
        ctx.set_materialize_grads(False)
        at_x = pair.backward(g, x, w, (True, False))[0] if wanted[0] else None
        return at_x, torch.zeros_like(w) if wanted[1] else None

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_x: Tensor | None, to_w: Tensor | None) -> tuple[Tensor | None, ...]:
        g, x, w = ctx.saved_tensors
        needs_g, needs_x, needs_w = ctx.needs_input_grad[:3]
        at_g = None
        for x_part, w_part in ((to_x, w), (x, to_w)):
            if needs_g and x_part is not None and w_part is not None:
                part = ctx.pair.forward(x_part, w_part)
                at_g = part if at_g is None else at_g.add_(part)
        back_x = needs_x and to_w is not None
        back_w = needs_w and to_x is not None
        at_x, at_w = ctx.pair.backward(
            g, x if to_x is None else to_x, w if to_w is None else to_w, (back_x, back_w)
        )
        return at_g, at_x, at_w, None, None


class _Convolution:
    """The pair of a convolution with fixed stride, padding, dilation and groups."""

    def __init__(self, options: list[list[int]], groups: int) -> None:
        self.options = (*options, False, [0] * len(options[0]), groups)

    def forward(self, x: Tensor, w: Tensor) -> Any:
        return aten.convolution(x, w, None, *self.options)

    def backward(self, g: Tensor, x: Tensor, w: Tensor, wanted: tuple[bool, bool]) -> Any:
        return aten.convolution_backward(g, x, w, None, *self.options, (*wanted, False))[:2]


class _Scaling:
    """The pair of a product per channel, run as a batch norm with mean zero and the given variance."""

    def __init__(self, variance: Tensor, eps: float) -> None:
        self.variance, self.eps = variance, eps
        self.zero = torch.zeros_like(variance)

    def forward(self, x: Tensor, w: Tensor) -> Any:
        return aten.native_batch_norm(x, w, None, self.zero, self.variance, False, 0.0, self.eps)[0]

    def backward(self, g: Tensor, x: Tensor, w: Tensor, wanted: tuple[bool, bool]) -> Any:
        return aten.native_batch_norm_backward(
            g, x, w, self.zero, self.variance, None, None, False, self.eps, (*wanted, False)
        )[:2]


def _per_channel(vector: Tensor, like: Tensor) -> Tensor:
    return vector.reshape(1, -1, *[1] * (like.ndim - 2))


def _convolve(
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
    y: Tensor = _Bilinear.apply(input, weight, _Convolution(options, groups))  # type: ignore[no-untyped-call]
    return y if bias is None else y + _per_channel(bias, y)


def _normalise(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:
    if training or running_mean is None or running_var is None or weight is None or bias is None:
        return None
    y: Tensor = _Bilinear.apply(input, weight, _Scaling(running_var, eps))  # type: ignore[no-untyped-call]
    return y + _per_channel(bias - weight * running_mean * torch.rsqrt(running_var + eps), y)


_ROUTES: dict[Any, Callable[..., Tensor | None]] = {
    torch.conv1d: _convolve,
    torch.conv2d: _convolve,
    torch.conv3d: _convolve,
    functional.batch_norm: _normalise,
}
