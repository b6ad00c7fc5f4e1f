"""Keep a torch optimizer inside an active set, and take over masks made by torch's own pruning tools."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils import prune as torch_prune
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet


def enforce(optimizer: Optimizer, model: nn.Module, active: ActiveSet) -> RemovableHandle:
    """Make every step of `optimizer` leave all weights outside `active` exactly as they are now.

    Arguments: optimizer, any torch.optim.Optimizer of `model`'s parameters; active, the set to stay in.
    Result: the handle of a step-post-hook (`.remove()` ends it). After each step pruned weights are exactly
    zero, frozen ones exactly what they were, and every state tensor of a weight's shape (momentum) is zero outside.
    Raises: nothing.
    Source: torch.optim.Optimizer.register_step_post_hook.
    """
    masks = active.masks()
    outside: dict[Tensor, Tensor] = {}
    held: dict[Tensor, Tensor] = {}
    for name, weight in model.named_parameters():
        empty = ~masks[name] if name in masks else torch.ones(weight.shape, dtype=torch.bool)
        if empty.any():
            outside[weight] = empty.to(weight.device)
            held[weight] = weight.detach()[outside[weight]].clone()

    @torch.no_grad()
    def restore(stepped: Optimizer, args: Any, kwargs: Any) -> None:
        for weight, mask in outside.items():
            weight.masked_scatter_(mask, held[weight])
            for value in stepped.state.get(weight, {}).values():
                if isinstance(value, Tensor) and value.shape == weight.shape:
                    value.masked_fill_(mask, 0)

    return optimizer.register_step_post_hook(restore)


def adopt(model: nn.Module) -> ActiveSet:
    """Take over the masks that torch.nn.utils.prune or torch.ao.pruning left on `model`, and make them permanent.

    Arguments: model, changed in place: masked weights become plain parameters with zeros, under their own names.
    Result: the set of the unmasked coordinates; parameters without a mask are active as a whole.
    Raises: ConfigError when the model carries no mask.
    Source: torch.nn.utils.prune (buffers NAME_mask) and torch.ao.pruning (parametrizations with a `mask`).
    """
    masks: dict[str, Tensor] = {}
    for path, module in list(model.named_modules()):
        prefix = f"{path}." if path else ""
        for buffer, mask in list(module.named_buffers(recurse=False)):
            weight = buffer.removesuffix("_mask")
            if buffer.endswith("_mask") and hasattr(module, f"{weight}_orig"):
                masks[prefix + weight] = mask.clone()
                torch_prune.remove(module, weight)  # type: ignore[no-untyped-call]
        for weight in _parametrized(module):
            found = [part.mask for part in module.parametrizations[weight] if hasattr(part, "mask")]
            if found:
                masks[prefix + weight] = found[0].clone()
                parametrize.remove_parametrizations(module, weight, leave_parametrized=True)
    if not masks:
        raise ConfigError("The model carries no pruning mask.", remedy="Use qgd_core.learn.pruning instead.")
    whole = {name: torch.ones(weight.shape) for name, weight in model.named_parameters()}
    return ActiveSet.from_masks(model, {name: masks.get(name, one) for name, one in whole.items()})


def _parametrized(module: nn.Module) -> list[str]:
    return list(module.parametrizations) if parametrize.is_parametrized(module) else []  # type: ignore[arg-type]
