"""Learning-rate schedules by name: factors of the rate, one for each inner step, as torch's schedulers give them."""

from __future__ import annotations

import math
from collections.abc import Callable

from qgd_core.errors import ConfigError, nearest

# name -> factor of (step, steps in all, decay); torch's ConstantLR with factor 1, CosineAnnealingLR to 0, ExponentialLR
SCHEDULES: dict[str, Callable[[int, int, float], float]] = {
    "constant": lambda step, total, decay: 1.0,
    "cosine": lambda step, total, decay: (1.0 + math.cos(math.pi * step / total)) / 2.0,
    "exponential": lambda step, total, decay: decay**step,
}


def make_schedule(name: str, total: int, decay: float = 1.0) -> Callable[[int], float] | None:
    """Return the function from the number of a step to its factor, None for a constant rate.

    Arguments: name, a key of SCHEDULES; total, inner steps of the whole training; decay, of "exponential", a step.
    Result: a function of step = 0 .. total - 1, above 0.
    Raises: ConfigError for an unknown name.
    Source: torch.optim.lr_scheduler, closed forms.
    """
    if name not in SCHEDULES:
        raise ConfigError(f"There is no schedule {name!r}.", subject=name, remedy=nearest(name, SCHEDULES))
    return None if name == "constant" else lambda step: SCHEDULES[name](step, total, decay)
