"""One-shot global pruning: score every weight, keep the best, zero the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.losses import Objective, as_objective

Scores = dict[str, Tensor]


def magnitude(model: nn.Module, objective: Objective | None, batch: Any, seed: int) -> Scores:
    """Return |w| (needs no data)."""
    return {name: weight.detach().abs() for name, weight in model.named_parameters()}


def snip(model: nn.Module, objective: Objective | None, batch: Any, seed: int) -> Scores:
    """Return |w dL/dw|, the first-order change of the loss on removal (SNIP, arXiv 1810.02340, Eq 6)."""
    weights = dict(model.named_parameters())
    slopes = torch.autograd.grad(_loss(model, objective, batch), list(weights.values()))
    return {
        name: (weight * slope).detach().abs()
        for (name, weight), slope in zip(weights.items(), slopes, strict=True)
    }


def grasp(model: nn.Module, objective: Objective | None, batch: Any, seed: int) -> Scores:
    """Return w (H g), high where removal would lower the gradient flow (GraSP, arXiv 2002.07376, Eq 8, sign turned)."""
    weights = dict(model.named_parameters())
    slopes = torch.autograd.grad(_loss(model, objective, batch), list(weights.values()), create_graph=True)
    flow = torch.stack([slope.square().sum() for slope in slopes]).sum() / 2
    products = torch.autograd.grad(flow, list(weights.values()))
    return {
        name: (weight * product).detach()
        for (name, weight), product in zip(weights.items(), products, strict=True)
    }


def random(model: nn.Module, objective: Objective | None, batch: Any, seed: int) -> Scores:
    """Return uniform numbers, the control that any other score must beat."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(weight.shape, generator=generator) for name, weight in model.named_parameters()}


SCORERS: dict[str, Callable[[nn.Module, Objective | None, Any, int], Scores]] = {
    "magnitude": magnitude,
    "snip": snip,
    "grasp": grasp,
    "random": random,
}


def prune(
    model: nn.Module,
    *,
    keep: int | None = None,
    density: float | None = None,
    scorer: str = "magnitude",
    names: Iterable[str] | None = None,
    loss: Objective | str | Callable[..., Tensor] | None = None,
    batch: Any = None,
    seed: int = 0,
) -> ActiveSet:
    """Zero all but the best-scored weights of `model`, ranked together over all layers.

    Arguments: model, changed in place; keep, the number of weights kept, or density, the fraction in (0, 1] (one of
    the two); scorer, a name in SCORERS; names, the parameters pruned (default: every one with two or more axes), the
    others stay active as a whole; loss and batch, what SNIP and GraSP differentiate; seed, of the random scorer.
    Result: the active set: `keep` (or round(density * size), at least one) coordinates of `names`, plus all of the
    other parameters. Ties fall to the earlier coordinate.
    Raises: ConfigError for both or none of keep and density, a count out of range, or an unknown scorer or name.
    Source: global one-shot unstructured pruning, as in arXiv 2303.03428 and its code.
    """
    weights = dict(model.named_parameters())
    chosen = (
        list(names) if names is not None else [name for name, weight in weights.items() if weight.ndim > 1]
    )
    prunable = ActiveSet.from_names(model, chosen)
    count = _count(keep, density, len(prunable))
    if scorer not in SCORERS:
        raise ConfigError(
            f"There is no scorer {scorer!r}.", subject=scorer, remedy=f"Choose one of {', '.join(SCORERS)}."
        )
    scores = SCORERS[scorer](model, None if loss is None else as_objective(loss), batch, seed)
    kept = prunable.subset(_best(prunable.flatten(scores).cpu().numpy(), count)).masks()
    masks = {
        name: torch.full(weight.shape, name not in prunable.indices) if name not in kept else kept[name]
        for name, weight in weights.items()
    }
    with torch.no_grad():
        for name, weight in weights.items():
            weight.masked_fill_(~masks[name].to(weight.device), 0)
    return ActiveSet.from_masks(model, masks)


def find_dead(model: nn.Module, active: ActiveSet, inputs: Tensor, seed: int = 0) -> NDArray[np.bool_]:
    """Return which active weights no output depends on, to first order, on any of `inputs`.

    Arguments: model; active, of n weights; inputs, a batch the model accepts; seed of the random output weights.
    Result: a boolean vector (n,), true where the gradient of a random combination of all outputs is exactly zero:
    the weight's path was cut by pruning, or its unit never fires on these inputs.
    Raises: ConfigError when the active set names parameters the model lacks.
    Source: the disconnected layers of arXiv 2006.05467, detected by gradients.
    """
    outputs = model(inputs)
    random = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(seed)).to(outputs)
    weights = dict(model.named_parameters())
    slopes = torch.autograd.grad((outputs * random).sum(), list(weights.values()), allow_unused=True)
    filled = {
        name: torch.zeros_like(weight) if slope is None else slope
        for (name, weight), slope in zip(weights.items(), slopes, strict=True)
    }
    return (active.flatten(_only(filled, active)) == 0).cpu().numpy()


def _best(scores: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the positions of the `count` largest scores, the earlier ones among ties."""
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    above = np.flatnonzero(scores > least)
    return np.concatenate([above, np.flatnonzero(scores == least)[: count - len(above)]])


def _only(tensors: Mapping[str, Tensor], active: ActiveSet) -> Scores:
    return {name: tensors[name] for name in active.indices}


def _loss(model: nn.Module, objective: Objective | None, batch: Any) -> Tensor:
    if objective is None or batch is None:
        raise ConfigError(
            "This scorer differentiates the loss, and got no loss or no batch.",
            subject="loss",
            remedy='Pass loss= and batch=, or use scorer="magnitude".',
        )
    return objective(model, batch)


def _count(keep: int | None, density: float | None, size: int) -> int:
    if (keep is None) == (density is None):
        raise ConfigError("Pruning needs exactly one of keep and density.", subject="keep")
    if keep is not None:
        if not 1 <= keep <= size:
            raise ConfigError(
                f"keep is {keep}, outside 1 to {size}, the number of weights that can be pruned.",
                subject="keep",
                value=keep,
            )
        return keep
    if density is None or not 0 < density <= 1:
        raise ConfigError(f"density is {density}, outside (0, 1].", subject="density", value=density)
    return max(1, round(density * size))
