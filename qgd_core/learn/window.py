"""One quantum window: expand around a pivot, gate, plan, run, read. It knows losses only by their derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.backends.api import Backend
from qgd_core.budget import ErrorBudget
from qgd_core.carleman.compress import compress
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.majorant import enclose, remainder_majorant, truncation_majorant
from qgd_core.carleman.system import CarlemanSystem, carleman
from qgd_core.dynamics.frame import eigenframe
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import ConfigError, NotDissipative, PrecisionUnreachable
from qgd_core.learn.centre import Centre, Loss, check_definite, find_centre
from qgd_core.linear.base import Plan, Solution
from qgd_core.ode.base import LinearRecurrence
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan

# A window of order N takes N + 2 derivatives of the loss, each about five times the work of the one before.
MOST_ORDER = 4
# |g u_0| at the start of a window: chosen once, from |u_0| alone.
START = 0.7
# Share of the budget that the low-rank form of a quadratic step may take.
COMPRESSION = 0.05


@dataclass(frozen=True)
class Settings:
    """What a window is asked for.

    steps, T gradient-descent steps of learning rate eta; order, of the field and of the Carleman system;
    newton_steps, spent classically on the centre; budget, 2-norm error against true gradient descent,
    relative to the move; shots, a number, "auto" (as many as the budget needs) or None (exact amplitudes);
    solver, for the planner; max_* the limits of the gate, None for no limit.
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

    def __post_init__(self) -> None:
        _require("steps", self.steps, self.steps >= 1, "at least 1")
        _require("order", self.order, 1 <= self.order <= MOST_ORDER, f"1 to {MOST_ORDER}")
        _require("newton_steps", self.newton_steps, self.newton_steps >= 0, "at least 0")
        _require("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        _require("budget", self.budget, 0 < self.budget < 1, "between 0 and 1")
        if self.shots not in ("auto", None):
            _require(
                "shots",
                self.shots,
                isinstance(self.shots, int) and self.shots >= 1,
                'at least 1, "auto" or None',
            )


def _require(name: str, value: object, fits: bool, wanted: str) -> None:
    if not fits:
        raise ConfigError(f"{name} is {value!r}, expected {wanted}.", subject=name)


@dataclass(frozen=True)
class WindowPlan:
    """An admissible window before it runs: model, numbers of the gate, budget in the unit of the weights."""

    centre: Centre
    frame: RealArray
    field: PolynomialField
    start: RealArray
    system: CarlemanSystem
    route: Plan
    budget: ErrorBudget
    move_estimate: float
    r_number: float
    log_norm: float
    power_norm: float
    shots: int | None

    def weights(self, u: RealArray) -> RealArray:
        """Active weights of a displacement from the centre, given in the eigenframe."""
        return np.asarray(self.centre.point + self.frame @ u)


@dataclass(frozen=True)
class WindowResult:
    """The weights a window returned, their standard errors, and what was run."""

    weights: RealArray
    stderr: RealArray
    exact_weights: RealArray
    solution: Solution


def plan_window(
    loss: Loss, start: RealArray, settings: Settings, backend: Backend | None = None
) -> WindowPlan:
    """Model, gate and plan one window; nothing runs, and the trajectory is never computed.

    Arguments: loss; start, active weights (n,); settings; backend, whose limits the plan must fit.
    Result: an admissible window whose budget sums to at most settings.budget times the predicted move. Truncation
    is a bound, the low-rank form of a quadratic step included; the model share is an estimate: the next Taylor
    term's majorant, times how much larger the true defect at the start is than that term there; the move is
    predicted by the affine model.
    Raises: NotDissipative when a number of the gate is past its limit; PrecisionUnreachable when the shares
    leave no room for shots. Both name the number and a remedy.
    Source: gate and order as in arXiv:2303.03428 made numerical; shares derived here.
    """
    centre = find_centre(loss, start, settings.newton_steps)
    check_definite(loss.derivative(centre.point, 2))
    wide = {
        k: -loss.derivative(centre.point, k + 1).reshape(start.size, -1) / math.factorial(k)
        for k in range(settings.order + 2)
    }
    frame, turned = eigenframe(PolynomialField(wide, centre=centre.point))
    field = PolynomialField({k: turned.coefficient(k) for k in range(settings.order + 1)}, turned.centre)
    rest = PolynomialField(
        {settings.order + 1: turned.coefficient(settings.order + 1) * settings.learning_rate}
    )
    u0 = frame.T @ (start - centre.point)
    update = step_map(field, settings.learning_rate)

    move = _affine_move(field, u0, settings)
    scale = START / max(float(np.linalg.norm(u0)), move)
    marched, structure, drift = _compressed(field, update, u0, scale, move, settings)
    system = carleman(marched, order=settings.order, step=settings.learning_rate, scale=scale)
    r_number, log_norm = field.r_number(u0), system.log_norm()
    power_norm = system.power_norm(settings.steps)
    _gate("the log-norm of the Carleman step", log_norm, settings.max_log_norm)
    _gate("the norm of powers of the Carleman step", power_norm, settings.max_power_norm)
    _gate("R", r_number, settings.max_r_number)

    truncation = drift + float(np.linalg.norm(truncation_majorant(system, u0, settings.steps)))
    model = float(np.linalg.norm(remainder_majorant(update, rest, u0, settings.steps)))
    model *= _defect_ratio(loss, start, frame, field, rest, u0, settings.learning_rate)
    room = settings.budget * move - truncation - model
    if not room > 0.0:
        needed = (truncation + model) / move
        raise PrecisionUnreachable(
            f"The window's truncation ({truncation / move:.1e}) and model error ({model / move:.1e}) leave"
            f" nothing of the budget {settings.budget:.1e}.",
            value=needed,
            remedy=f"Ask for more than {needed:.1e}, a higher order, one more Newton step, or more L2.",
        )
    radii = enclose(step_map(marched, settings.learning_rate), u0, settings.steps)[-1]
    problem = LinearRecurrence(
        system.matrix,
        system.source,
        system.lift(u0),
        settings.steps,
        wanted=range(start.size),
        bound=scale * float(np.linalg.norm(radii)) + scale * truncation,
        structure=structure,
    )
    route = plan(problem, room * scale / problem.unit, settings.solver, backend)
    spent = route.error_budget.scaled(problem.unit / scale)
    shots = route.shots if settings.shots == "auto" else settings.shots
    sampling = spent.shots if shots is None else spent.shots * math.sqrt(route.shots / shots)
    if sampling > spent.shots * (1 + 1e-12):
        raise PrecisionUnreachable(
            f"{shots} shots leave a sampling error of {sampling / move:.1e} of the move; the budget has room"
            f" for {spent.shots / move:.1e}.",
            value=route.shots,
            remedy=f'Ask for {route.shots} shots or shots = "auto".',
        )
    return WindowPlan(
        centre=centre,
        frame=frame,
        field=field,
        start=u0,
        system=system,
        route=route,
        budget=replace(spent, model=model, truncation=truncation, shots=sampling),
        move_estimate=move,
        r_number=r_number,
        log_norm=log_norm,
        power_norm=power_norm,
        shots=shots,
    )


def run_window(window: WindowPlan, backend: Backend, seed: int | None) -> WindowResult:
    """Compile, run and read a planned window.

    Arguments: window; backend; seed of the sampling.
    Result: the new active weights with standard errors, and the same from exact amplitudes beside them.
    Raises: ResultMissing when no shot was accepted.
    Source: none.
    """
    solution = run_plan(window.route, backend, window.shots, seed)
    scale = window.system.scale
    turned = window.frame * solution.stderr[np.newaxis, :] / scale
    exact = window.route.emulate().value
    return WindowResult(
        weights=window.weights(solution.value / scale),
        stderr=np.sqrt(np.sum(turned**2, axis=1)),
        exact_weights=window.weights(exact / scale),
        solution=solution,
    )


def _gate(name: str, value: float, limit: float | None) -> None:
    if limit is not None and not value <= limit:
        raise NotDissipative(
            f"The window is not admissible: {name} is {value:.3g}, above {limit:.3g}.",
            value=value,
            remedy="Take one more Newton step for the centre, a smaller learning rate, or more L2.",
        )


def _compressed(
    field: PolynomialField,
    update: PolynomialField,
    u0: RealArray,
    scale: float,
    move: float,
    settings: Settings,
) -> tuple[PolynomialField, SlotSteps | None, float]:
    """The field that is marched, its structure, and a bound on what it changes: a sum of cubes where that does."""
    limit = COMPRESSION * settings.budget * move
    found = compress(update, u0, settings.steps, limit) if settings.order == 2 else None
    if found is None:
        return field, None, 0.0
    step, drift = found
    return step.field(settings.learning_rate), SlotSteps((step,), u0, scale, settings.steps), drift


def _affine_move(field: PolynomialField, u0: RealArray, settings: Settings) -> float:
    """The move the affine model predicts: no power of the true map is taken."""
    u = np.array(u0)
    affine = step_map(PolynomialField({k: field.coefficient(k) for k in (0, 1)}), settings.learning_rate)
    for _ in range(settings.steps):
        u = affine(u)
    move = float(np.linalg.norm(u - u0))
    if not move > 0.0:
        raise NotDissipative(
            "The window does not move: the gradient is zero.", value=move, remedy="Training is done."
        )
    return move


def _defect_ratio(
    loss: Loss,
    start: RealArray,
    frame: RealArray,
    field: PolynomialField,
    rest: PolynomialField,
    u0: RealArray,
    learning_rate: float,
) -> float:
    """How much larger the true model defect at the start is than its leading Taylor term, at least 1."""
    leading = float(np.linalg.norm(rest(u0)))
    true = learning_rate * float(np.linalg.norm(-frame.T @ loss.derivative(start, 1) - field(u0)))
    return max(1.0, true / leading) if leading > 0.0 else 1.0
