"""What a training window is asked for, and the rule of its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from qgd_core.dynamics.numbers import real_number, whole_number
from qgd_core.dynamics.updates import PRECONDITIONERS
from qgd_core.errors import ConfigError

# A window of order N takes N + 2 derivatives of the loss, each about five times the work of the one before.
MOST_ORDER = 4


@dataclass(frozen=True)
class Settings:
    """What a window is asked for.

    steps, T gradient-descent steps of learning rate eta; order, of the field and of the Carleman system;
    newton_steps, spent classically on the centre; budget, 2-norm error against the true iteration,
    relative to the move; shots, a number, "auto" (as many as the budget needs) or None (exact amplitudes);
    solver, for the planner; max_* the limits of the gate, None for no limit.
    The rule of a step is that of torch.optim.SGD: schedule, factors of eta, one a step, or None; momentum, nesterov
    and weight_decay; preconditioner, None, "newton" or "diagonal": of the Hessian at the centre, fixed in a window.
    recentre, to move the centre to the fixed point of the polynomial model, found classically.
    """

    steps: int = 6
    learning_rate: float = 1.0
    order: int = 2
    newton_steps: int = 1
    budget: float = 0.05
    shots: int | Literal["auto"] | None = "auto"
    solver: str = "auto"
    max_log_norm: float | None = None
    max_power_norm: float | None = 1.1
    max_r_number: float | None = None
    schedule: tuple[float, ...] | None = None
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    preconditioner: str | None = None
    recentre: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "order", "newton_steps"):
            whole_number(getattr(self, name), name)
        for name in ("learning_rate", "budget", "momentum", "weight_decay"):
            real_number(getattr(self, name), name)
        _require("steps", self.steps, self.steps >= 1, "at least 1")
        _require("order", self.order, 1 <= self.order <= MOST_ORDER, f"1 to {MOST_ORDER}")
        _require("newton_steps", self.newton_steps, self.newton_steps >= 0, "at least 0")
        _require("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _require("budget", self.budget, 0 < self.budget < 1, "between 0 and 1")
        _require("momentum", self.momentum, 0 <= self.momentum < 1, "at least 0 and below 1")
        _require("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "at least 0")
        _require("nesterov", self.nesterov, not self.nesterov or self.momentum > 0, "false without momentum")
        known = (None, *PRECONDITIONERS)
        _require("preconditioner", self.preconditioner, self.preconditioner in known, f"one of {known}")
        if self.schedule is not None:
            fits = len(self.schedule) == self.steps and all(0 < f < math.inf for f in self.schedule)
            _require("schedule", self.schedule, fits, f"{self.steps} positive numbers")
        if self.shots not in ("auto", None):
            _require(
                "shots",
                self.shots,
                isinstance(self.shots, int) and self.shots >= 1,
                'at least 1, "auto" or None',
            )

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rate of every step."""
        factors = (1.0,) * self.steps if self.schedule is None else self.schedule
        return tuple(self.learning_rate * factor for factor in factors)


def _require(name: str, value: object, fits: bool, wanted: str) -> None:
    if not fits:
        raise ConfigError(f"{name} is {value!r}, expected {wanted}.", subject=name)
