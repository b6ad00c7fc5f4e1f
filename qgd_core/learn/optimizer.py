"""QuantumGradientDescent: a torch optimizer whose step is one quantum window of gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from qgd_core.arrays import RealArray
from qgd_core.backends.registry import get_backend
from qgd_core.errors import ConfigError, NotDissipative, PrecisionUnreachable
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.closure import Closure, ClosureLoss
from qgd_core.learn.descent import descend
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import StepLosses
from qgd_core.learn.window import WindowPlan, WindowResult, plan_window, run_window
from qgd_core.planner.solvers import check_solver


@dataclass(frozen=True)
class Window:
    """What one step did: where it started and ended, and either the quantum run or why there was none.

    losses, of its steps; velocity and end_velocity, the momentum at the start and at the end, minus torch's buffer.
    """

    start: RealArray
    losses: StepLosses
    settings: Settings
    velocity: RealArray
    end: RealArray
    end_velocity: RealArray
    plan: WindowPlan | None = None
    result: WindowResult | None = None
    reason: str = ""


class QuantumGradientDescent(Optimizer):
    """Gradient descent in windows: each step() takes `steps` steps of torch.optim.SGD at once, on a quantum backend.

    Arguments: params, as for any torch optimizer; with `active`, the model's named_parameters(); lr, the
    learning rate of each inner step; active, the weights trained (all of them by default); steps, order,
    newton_steps, budget, shots, solver, limits (max_*), momentum, nesterov, weight_decay (on the active weights),
    preconditioner and recentre as in learn.settings.Settings; schedule, a function from the number of an inner step
    to a factor of lr (it is not part of state_dict); backend, a string such as "qiskit:aer", with backend_options;
    seed, of the sampling.
    Result: after step(closure) the active weights are those of the window, `window` says what was done. A
    window that is not admissible is refused and done classically; `window.reason` names the number.
    Raises: ConfigError for arguments out of range, more than one parameter group, or a closure without a graph.
    Source: arXiv:2303.03428, "Training scheme", with a moving pivot.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[tuple[str, Tensor]],
        lr: float = 1.0,
        *,
        active: ActiveSet | None = None,
        steps: int = 6,
        order: int = 2,
        newton_steps: int = 1,
        budget: float = 0.05,
        shots: int | Literal["auto"] | None = "auto",
        solver: str = "auto",
        limits: Mapping[str, float | None] | None = None,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        preconditioner: str | None = None,
        recentre: bool = False,
        schedule: Callable[[int], float] | None = None,
        backend: str = "qiskit:aer",
        backend_options: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        options = {
            "steps": steps,
            "order": order,
            "newton_steps": newton_steps,
            "budget": budget,
            "shots": shots,
            "solver": solver,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "preconditioner": preconditioner,
            "recentre": recentre,
            **(limits or {}),
        }
        get_backend(backend, **(backend_options or {}))
        check_solver(solver)
        place = {"backend": backend, "backend_options": dict(backend_options or {})}
        super().__init__(params, {"lr": lr, "seed": seed, "windows": 0, **place, **options})
        if len(self.param_groups) != 1:
            raise ConfigError("QuantumGradientDescent takes one parameter group.", subject=params)
        self.schedule = schedule
        self.settings()
        self._mark(active)
        self.window: Window | None = None

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Closure | Sequence[Closure] | StepLosses | None = None
    ) -> float:
        """Run one window.

        Arguments: closure, returns the loss without calling backward; evaluated about ten times. For stochastic
        descent one closure for each of the window's steps, or learn.minibatch.BatchLosses of the active weights.
        Result: the loss after the window, the mean one where there are several.
        Raises: ConfigError when there is no closure, their number is not that of the steps, or a loss cannot be
        differentiated.
        Source: as the class.
        """
        losses = self.losses(closure)
        group, settings = self.param_groups[0], self.settings()
        backend = get_backend(group["backend"], **group["backend_options"])
        handle = self._handle()
        start, velocity = handle.read(), self.read_velocity()
        common = start, losses, settings, velocity
        try:
            plan = plan_window(losses, start, settings, backend, velocity)
            seed = int(np.random.SeedSequence([group["seed"], group["windows"]]).generate_state(1)[0]) >> 1
            result = run_window(plan, backend, seed)
            self.window = Window(*common, result.weights, result.velocity, plan, result)
        except (NotDissipative, PrecisionUnreachable) as refusal:
            done = descend(losses, start, settings, velocity)
            self.window = Window(*common, done.end, done.velocity, reason=str(refusal))
        group["windows"] += 1
        handle.write(self.window.end)
        if settings.momentum:
            self.write_velocity(self.window.end_velocity)
        return losses.value(self.window.end)

    def losses(self, closure: Closure | Sequence[Closure] | StepLosses | None) -> StepLosses:
        """What step() is given as the losses of the window's steps; raises ConfigError as step()."""
        if closure is None:
            raise ConfigError(
                "QuantumGradientDescent.step needs a closure.",
                remedy="Pass a function that returns the loss.",
            )
        steps = self.param_groups[0]["steps"]
        if isinstance(closure, StepLosses | Sequence) and len(closure) not in (1, steps):
            raise ConfigError(
                f"{len(closure)} losses were given for a window of {steps} steps.",
                value=len(closure),
                remedy="Give one, or one a step.",
            )
        if isinstance(closure, StepLosses):
            return closure
        closures = closure if isinstance(closure, Sequence) else [closure]
        return StepLosses([self.loss(one) for one in closures])

    def loss(self, closure: Closure) -> ClosureLoss:
        """The closure as a loss of this optimizer's active weights."""
        parameters = self.param_groups[0]["params"]
        return ClosureLoss(closure, parameters, [self.state[p]["active"].bool() for p in parameters])

    def settings(self) -> Settings:
        """What the next window is asked for, its part of the schedule included."""
        group = self.param_groups[0]
        chosen = {name: group[name] for name in Settings.__dataclass_fields__ if name in group}
        if self.schedule is not None:
            first = group["windows"] * group["steps"]
            chosen["schedule"] = tuple(self.schedule(first + t) for t in range(group["steps"]))
        return Settings(learning_rate=group["lr"], **chosen)

    def _handle(self) -> ClosureLoss:
        """The active weights, to be read and written."""
        return self.loss(lambda: torch.zeros(()))

    def read_velocity(self) -> RealArray:
        """Minus the momentum buffers' active entries, zero before the first window."""
        parts = []
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            buffer = state.get("momentum_buffer", torch.zeros_like(parameter))
            parts.append(-buffer[state["active"].bool()].to("cpu", torch.float64))
        return torch.cat(parts).numpy()

    def write_velocity(self, velocity: RealArray) -> None:
        """Keep the momentum as torch.optim.SGD does: minus the velocity, in each parameter's state."""
        rest = torch.from_numpy(-velocity)
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            mask = state["active"].bool()
            part, rest = rest[: int(mask.sum())], rest[int(mask.sum()) :]
            state["momentum_buffer"] = torch.zeros_like(parameter).masked_scatter_(mask, part.to(parameter))

    def _mark(self, active: ActiveSet | None) -> None:
        """Keep each parameter's mask in its state, so that state_dict carries the active set."""
        group = self.param_groups[0]
        names: list[str] = group.get("param_names") or []
        if active is not None and not names:
            raise ConfigError(
                "An active set needs the parameters' names.", remedy="Pass model.named_parameters()."
            )
        masks = {} if active is None else active.masks()
        if missing := sorted(set(masks) - set(names)):
            raise ConfigError(
                f"The active set names {missing[0]!r}, which is not among the parameters.", subject=missing
            )
        for i, parameter in enumerate(group["params"]):
            whole = torch.ones_like(parameter, dtype=torch.bool)
            mask = whole if active is None else masks.get(names[i], torch.zeros_like(whole))
            self.state[parameter]["active"] = mask.to(parameter.device)
