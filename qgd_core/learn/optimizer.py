"""QuantumGradientDescent: a torch optimizer whose step is one quantum window of gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
from qgd_core.learn.closure import ClosureLoss, descend
from qgd_core.learn.window import Settings, WindowPlan, WindowResult, plan_window, run_window
from qgd_core.planner.choose import check_solver


@dataclass(frozen=True)
class Window:
    """What one step did: where it started and ended, and either the quantum run or why there was none."""

    start: RealArray
    end: RealArray
    plan: WindowPlan | None = None
    result: WindowResult | None = None
    reason: str = ""


class QuantumGradientDescent(Optimizer):
    """Gradient descent in windows: each step() takes `steps` plain steps at once, on a quantum backend.

    Arguments: params, as for any torch optimizer; with `active`, the model's named_parameters(); lr, the
    learning rate of each inner step; active, the weights trained (all of them by default); steps, order,
    newton_steps, budget, shots, solver and limits (max_*) as in learn.window.Settings; backend, a string such
    as "qiskit:aer", with backend_options; seed, of the sampling.
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
            **(limits or {}),
        }
        get_backend(backend, **(backend_options or {}))
        check_solver(solver)
        place = {"backend": backend, "backend_options": dict(backend_options or {})}
        super().__init__(params, {"lr": lr, "seed": seed, "windows": 0, **place, **options})
        if len(self.param_groups) != 1:
            raise ConfigError("QuantumGradientDescent takes one parameter group.", subject=params)
        self._settings()
        self._mark(active)
        self.window: Window | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> float:  # type: ignore[override]
        """Run one window.

        Arguments: closure, returns the loss without calling backward; evaluated about ten times.
        Result: the loss after the window.
        Raises: ConfigError when there is no closure or its loss cannot be differentiated.
        Source: as the class.
        """
        if closure is None:
            raise ConfigError(
                "QuantumGradientDescent.step needs a closure.",
                remedy="Pass a function that returns the loss.",
            )
        group = self.param_groups[0]
        settings = self._settings()
        backend = get_backend(group["backend"], **group["backend_options"])
        loss = self.loss(closure)
        start = loss.read()
        try:
            plan = plan_window(loss, start, settings, backend)
            seed = int(np.random.SeedSequence([group["seed"], group["windows"]]).generate_state(1)[0]) >> 1
            result = run_window(plan, backend, seed)
            self.window = Window(start, result.weights, plan, result)
        except (NotDissipative, PrecisionUnreachable) as refusal:
            end = descend(loss, start, settings.steps, settings.learning_rate)[-1]
            self.window = Window(start, end, reason=str(refusal))
        group["windows"] += 1
        loss.write(self.window.end)
        return loss.value(self.window.end)

    def loss(self, closure: Callable[[], Tensor]) -> ClosureLoss:
        """The closure as a loss of this optimizer's active weights."""
        parameters = self.param_groups[0]["params"]
        return ClosureLoss(closure, parameters, [self.state[p]["active"].bool() for p in parameters])

    def _settings(self) -> Settings:
        group = self.param_groups[0]
        chosen = {name: group[name] for name in Settings.__dataclass_fields__ if name in group}
        return Settings(learning_rate=group["lr"], **chosen)

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
