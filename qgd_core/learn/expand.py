"""From a torch loss to the polynomial field of its gradient flow, on the active weights only."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.evaluate import BoundModel
from qgd_core.learn.losses import as_objective

Function = Callable[[Tensor], Tensor]

_MOST = 3  # degree of the gradient up to which expansions are asked for
_PLACES = np.cos(np.pi * (np.arange(9) + 0.5) / 9)  # along a line, in units of its random direction
_ROUNDING = 1e-11


def restrict(model: nn.Module, loss: Any, data: Any, active: ActiveSet) -> Function:
    """Return the loss as a float64 function of the active weights, everything else held.

    Arguments: model, left as it is (a copy of its weights in float64 is evaluated, in evaluation mode); loss, an
    Objective, a name in LOSSES or a function of (output, target); data, one batch (inputs, targets); active, n weights.
    Result: a function of a float64 tensor (n,) giving a float64 scalar, smooth as the model is.
    Raises: ConfigError when the set names parameters the model lacks.
    Source: torch.func.functional_call.
    """
    call, batch = _bind(model, loss, active), tree_map(_double, data)
    return lambda vector: call(vector, batch)


def restrict_each(model: nn.Module, loss: Any, data: Any, active: ActiveSet) -> Function:
    """Return the losses of m batches, each a function of its own copy of the active weights.

    Arguments: model, loss and active as in `restrict`; data, the batches stacked: tensors with m in front.
    Result: a function of a float64 tensor (m, n) giving a float64 tensor (m,), entry i from row i alone.
    Raises: as `restrict`.
    Source: torch.func.vmap.
    """
    call, batches = _bind(model, loss, active), tree_map(_double, data)

    def values(vectors: Tensor) -> Tensor:
        found: Tensor = torch.func.vmap(call)(vectors, batches)
        return found

    return values


def _bind(model: nn.Module, loss: Any, active: ActiveSet) -> Callable[[Tensor, Any], Tensor]:
    """The objective as a function of (active weights, batch), in float64, everything else held."""
    bound = BoundModel(model, as_objective(loss))
    held = {name: _double(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    return lambda vector, batch: bound.call(active.overlay(held, vector), batch)


def value(function: Function, at: ArrayLike) -> float:
    """Return the loss at the active weights `at` (n,)."""
    return float(function(_point(at)))


def gradient(function: Function, at: ArrayLike) -> RealArray:
    """Return the gradient (n,) of the restricted loss at the active weights `at` (n,)."""
    return derivative(function, at, 1)


def hessian(function: Function, at: ArrayLike) -> RealArray:
    """Return the Hessian (n, n) of the restricted loss at the active weights `at` (n,)."""
    return derivative(function, at, 2)


def derivative(function: Function, at: ArrayLike, order: int) -> RealArray:
    """Return the derivative tensor of shape (n,) * order of a restricted loss, exact to rounding.

    Arguments: function from `restrict`; at, the active weights (n,); order >= 1.
    Result: a float64 array with `order` axes of length n, symmetric.
    Raises: ConfigError when `at` or the derivative is not finite.
    Source: nested reverse mode, one pass per sorted multi-index, as derivatives commute.
    """
    point = _point(at).requires_grad_()
    return differentiate(function(point), lambda scalar, again: _slope(scalar, point, again), order)


def differentiate(scalar: Tensor, slope: Callable[[Tensor, bool], Tensor], order: int) -> RealArray:
    """Return the derivative tensor of a scalar, given how to take one slope.

    Arguments: scalar with a graph, or independent ones, shape (m,); slope, a function of (scalar, differentiable once
    more) giving its gradient, shape (n,) or (m, n); order >= 1.
    Result: a float64 array with `order` axes of length n, symmetric, exact to rounding; m stands in front.
    Raises: ConfigError when an entry is not finite.
    Source: nested reverse mode, one pass per sorted multi-index, as derivatives commute.
    """
    entries: dict[tuple[int, ...], Tensor] = {(): scalar}
    for level in range(order):
        entries = {
            (*index, j): entry
            for index, inner in entries.items()
            for j, entry in enumerate(slope(inner, level + 1 < order).unbind(-1))
            if j >= max(index, default=0)
        }
    n = max(index[0] for index in entries) + 1
    result: RealArray = np.empty((n,) * order + tuple(scalar.shape))
    for index, entry in entries.items():
        number = entry.detach().cpu().numpy()
        for permuted in itertools.permutations(index):
            result[permuted] = number
    result = np.moveaxis(result, -1, 0) if scalar.ndim else result
    if not np.isfinite(result).all():
        raise ConfigError(
            f"Derivative {order} of the loss has NaN or infinite entries.",
            subject="loss",
            remedy="Look for NaN in the data, or a loss that is not smooth at this point.",
        )
    return result


def expand(
    model: nn.Module,
    loss: Any,
    data: Any,
    active: ActiveSet,
    order: int | None = None,
    centre: ArrayLike | None = None,
) -> PolynomialField:
    """Expand the gradient flow du/dt = -grad L around a centre, in the active weights.

    Arguments: model, loss and data as in `restrict`; active, n weights; order q >= 1, the highest degree kept (default:
    the degree of the gradient, where the loss is a polynomial of degree 4 or less in these weights); centre, the active
    weights (n,) expanded around (default: where the model is now). u = w - centre.
    Result: PolynomialField with F_k = -D^(k+1) L / k! of shape (n, n^k), k = 0..q, exact to rounding; the model error
    is the Taylor remainder, of order |u|^(q+1), and none where the loss is a polynomial of degree q + 1.
    Raises: ConfigError when order < 1, when the loss is no such polynomial and no order is given, when a derivative is
    not finite, or when weights are dead: no derivative depends on them.
    Source: arXiv 2303.03428, Eq 4, in the continuous form of the same gradient.
    """
    if order is not None and (not isinstance(order, (int, np.integer)) or order < 1):
        raise ConfigError(f"order is {order}, expected a whole number >= 1.", subject="order", value=order)
    function = restrict(model, loss, data, active)
    point = active.gather(model) if centre is None else real_vector(centre, "centre", len(active))
    degree = _polynomial_degree(function, point) if order is None else order
    tensors = {k: derivative(function, point, k + 1) for k in range(degree + 1)}
    _require_alive(tensors, active)
    return PolynomialField(
        {k: -tensor.reshape(len(point), -1) / math.factorial(k) for k, tensor in tensors.items()},
        centre=point,
    )


def _polynomial_degree(function: Function, point: RealArray) -> int:
    """The degree, 1 to 3, of the gradient along two random lines through the point; a polynomial fits it to rounding."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(2):
        line = rng.standard_normal(len(point)) / np.sqrt(len(point))
        slopes = np.array([gradient(function, point + t * line) for t in _PLACES])
        for degree in range(1, _MOST + 2):
            powers = np.polynomial.chebyshev.chebvander(_PLACES, degree)
            rest = slopes - powers @ np.linalg.lstsq(powers, slopes, rcond=None)[0]
            if np.abs(rest).max() <= _ROUNDING * np.abs(slopes).max():
                break
        found = max(found, degree)
    if found > _MOST:
        raise ConfigError(
            f"The loss is not a polynomial of degree {_MOST + 1} or less in the active weights, and no order is given.",
            subject="order",
            remedy="Pass order=2, say; what is cut off is the Taylor remainder.",
        )
    return found


def _require_alive(tensors: dict[int, RealArray], active: ActiveSet) -> None:
    """Raise ConfigError if some weight is in no derivative, naming up to three."""
    dead = ~np.any([tensor.reshape(len(tensor), -1).any(axis=1) for tensor in tensors.values()], axis=0)
    if dead.any():
        names = [f"{name}[{int(i)}]" for name, index in active.indices.items() for i in index]
        listed = ", ".join(np.array(names)[dead][:3])
        raise ConfigError(
            f"{dead.sum()} of {len(active)} active weights are dead, the loss does not depend on them here: "
            f"{listed}{', ...' if dead.sum() > 3 else '.'}",
            subject=active,
            value=int(dead.sum()),
            remedy="Leave them out (active.subset), or give the objective weight decay.",
        )


def _slope(scalar: Tensor, point: Tensor, again: bool) -> Tensor:
    """Return d scalar / d point, differentiable once more if `again`; zero where the scalar is constant."""
    if not scalar.requires_grad:
        return torch.zeros_like(point)
    (slope,) = torch.autograd.grad(
        scalar, point, create_graph=again, retain_graph=True, materialize_grads=True
    )
    return slope


def _point(at: ArrayLike) -> Tensor:
    return torch.from_numpy(real_vector(at, "the active weights"))


def _double(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    return leaf.detach().to(torch.float64) if leaf.is_floating_point() else leaf.detach()
