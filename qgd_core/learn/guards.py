"""Turn torch's complaints about second derivatives into one sentence with a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from qgd_core.errors import ConfigError, UnsupportedOperation
from qgd_core.learn.evaluate import evaluating
from qgd_core.learn.losses import Objective

_FEW = 4  # samples looked at when the shape of the loss is checked
_SCALES = (0.5, 3.0, -3.0)  # of the outputs then

# what torch says -> what it means and what to do
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (
        r"derivative for aten::(\S*(?:flash|efficient)_attention\S*) is not implemented",
        "The attention kernel {0} has no second derivative.",
        "Leave the choice of kernel to torch (the math path is taken here), or use sdpa_kernel(SDPBackend.MATH).",
    ),
    (
        r"derivative for (?:aten::)?(\S+) is not implemented",
        "The operation {0} has no second derivative in torch.",
        "Replace it by elementary operations.",
    ),
    (
        r"once_differentiable",
        "A custom operation of the model can be differentiated only once.",
        "Write its backward with torch operations and drop @once_differentiable.",
    ),
    (
        r"modified by an inplace operation",
        "The model changes a tensor in place that its derivatives need.",
        "Use inplace=False, and x = x + y instead of x += y.",
    ),
    (
        r"does not require grad",
        "The loss does not depend on the active weights in a way that torch can follow.",
        "Look for .detach(), .item(), no_grad() or a rounding in the model and the loss.",
    ),
)


@contextmanager
def explained() -> Iterator[None]:
    """Raise UnsupportedOperation, with the meaning and a remedy, for errors of torch that are known."""
    try:
        yield
    except RuntimeError as error:
        for pattern, meaning, remedy in _MEANINGS:
            if found := re.search(pattern, str(error)):
                raise UnsupportedOperation(
                    meaning.format(*found.groups()), subject=error, remedy=remedy
                ) from error
        raise


def require_finite(value: Tensor, what: str, batch: Any = None) -> None:
    """Raise ConfigError if `value` has NaN or infinite entries, and say whether the batch has them too."""
    if bool(torch.isfinite(value).all()):
        return
    leaves = [leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    guilty = any(not bool(torch.isfinite(leaf).all()) for leaf in leaves)
    raise ConfigError(
        f"{what} is NaN or infinite" + (", and so are entries of the data." if guilty else "."),
        subject=what,
        remedy="Clean the data."
        if guilty
        else "Look at the weights, the loss at this point, or take a wider dtype.",
    )


def require_curved(model: nn.Module, objective: Objective, batch: Any) -> None:
    """Raise UnsupportedOperation if the loss is piecewise linear in the model's outputs (L1, hinge).

    Arguments: model, objective, and one batch (inputs, targets); an objective of the whole model is not looked at.
    Result: none; a loss that is simply linear (log-likelihoods of a log-softmax) passes.
    Raises: UnsupportedOperation.
    Source: slopes that differ between scaled outputs, with second derivatives that vanish at all of them.
    """
    if objective.whole:
        return
    with evaluating(model), torch.no_grad():
        outputs = model(batch[0][:_FEW])
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point() or not bool(outputs.any()):
        return
    found = [_bend(objective, outputs * (scale / outputs.abs().max()), batch[1][:_FEW]) for scale in _SCALES]
    slopes, bends = zip(*[pair for pair in found if pair], strict=True) if any(found) else ((), ())
    if any(not torch.equal(slope, slopes[0]) for slope in slopes) and not any(
        bool(bend.any()) for bend in bends
    ):
        raise UnsupportedOperation(
            "The loss is not twice differentiable: it is piecewise linear in the model's outputs.",
            subject=objective.loss,
            remedy="Use a smooth loss: cross-entropy, squares, softplus or Huber.",
        )


def _bend(objective: Objective, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the loss's slope by the outputs and its derivative along a random vector; None outside its domain."""
    outputs = outputs.detach().requires_grad_()
    try:
        value = objective.loss(outputs, targets)
    except RuntimeError:  # a probability that is not one, for example
        return None
    if not bool(torch.isfinite(value)):
        return None
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(value, outputs, create_graph=True)
        random = torch.randn(slope.shape, generator=torch.Generator().manual_seed(0)).to(slope)
        along = (slope * random).sum()
        bend = torch.zeros_like(outputs)
        if along.requires_grad:
            (bend,) = torch.autograd.grad(along, outputs, materialize_grads=True)
    return slope.detach(), bend


def require_twice(slopes: Iterable[Tensor]) -> None:
    """Raise UnsupportedOperation if the graph of a gradient holds an operation that torch cannot differentiate again.

    Arguments: slopes, gradients made with create_graph. Result: none. Raises: UnsupportedOperation.
    Source: torch marks such operations with an Error node, which a product with chosen inputs never runs into.
    """
    waiting, seen = [slope.grad_fn for slope in slopes], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        with explained():
            if node.name() == "torch::autograd::Error":
                raise RuntimeError("once_differentiable")
        waiting += [parent for parent, _ in node.next_functions]
