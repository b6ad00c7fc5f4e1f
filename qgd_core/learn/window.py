"""One quantum window: expand around a pivot, gate, plan, run, read. It knows losses only by their derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.backends.api import Backend
from qgd_core.budget import ErrorBudget
from qgd_core.carleman.majorant import (
    each,
    enclose,
    norm_map,
    remainder_majorant,
    truncation_majorant,
)
from qgd_core.carleman.sequence import CarlemanSequence, carleman_sequence
from qgd_core.carleman.system import CarlemanSystem
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.updates import unit_field
from qgd_core.errors import NotDissipative, PrecisionUnreachable
from qgd_core.learn.centre import Centre
from qgd_core.learn.local import Local, expand_around
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import Loss, StepLosses, as_steps
from qgd_core.learn.structure import find_structure
from qgd_core.linear.base import Plan, Solution
from qgd_core.ode.base import LinearRecurrence
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan
from qgd_core.readout.frame import NormedReadout

# |g u_0| at the start of a window: chosen once, from |u_0| alone.
START = 0.7
# Share of the budget that the low-rank form of a step may take.
COMPRESSION = 0.05


@dataclass(frozen=True)
class WindowPlan:
    """An admissible window before it runs: model, numbers of the gate, budget in the unit of the weights.

    sampling_rms is the root mean square that the plan expects of the sampling error, at the affine model's answer;
    None for exact amplitudes, and where the route's read-out does not say.
    """

    local: Local
    sequence: CarlemanSequence
    route: Plan
    budget: ErrorBudget
    move_estimate: float
    r_number: float
    log_norm: float
    power_norm: float
    shots: int | None
    sampling_rms: float | None

    @property
    def centre(self) -> Centre:
        """The expansion point and what it cost."""
        return self.local.centre

    @property
    def start(self) -> RealArray:
        """The marched coordinates at the start."""
        return self.local.start

    @property
    def system(self) -> CarlemanSystem:
        """The Carleman system of the first step."""
        return self.sequence.systems[0]

    def weights(self, u: RealArray) -> RealArray:
        """Active weights of a point in the marched coordinates."""
        return self.local.weights(u)

    def classical(self) -> RealArray:
        """The weights that the Carleman model itself leads to, by sparse products."""
        return self.weights(self.sequence.classical(self.start))

    def affine(self) -> RealArray:
        """The weights that the affine model (N = 1) around the same centre leads to."""
        return self.weights(_march_affinely(self.local))


@dataclass(frozen=True)
class WindowResult:
    """The weights a window returned, their standard errors, the momentum after them, and what was run."""

    weights: RealArray
    stderr: RealArray
    exact_weights: RealArray
    velocity: RealArray
    solution: Solution


def plan_window(
    loss: Loss | StepLosses,
    start: RealArray,
    settings: Settings,
    backend: Backend | None = None,
    velocity: RealArray | None = None,
) -> WindowPlan:
    """Model, gate and plan one window; nothing runs, and the trajectory is never computed.

    Arguments: loss, one for all steps or one a step; start, active weights (n,); settings; backend, whose limits the
    plan must fit; velocity, the momentum (n,) at the start, zero by default.
    Result: an admissible window whose budget sums to at most settings.budget times the predicted move. Truncation
    is a bound, the low-rank form of a step included; the model share is an estimate: the next Taylor
    term's majorant, times how much larger the true defect at the start is than that term there; the move is
    predicted by the affine model.
    Raises: NotDissipative when a number of the gate is past its limit; PrecisionUnreachable when the shares
    leave no room for shots. Both name the number and a remedy.
    Source: gate and order as in arXiv:2303.03428 made numerical; shares derived here.
    """
    losses = as_steps(loss, settings.weight_decay)
    local = expand_around(losses, start, settings, np.zeros(start.size) if velocity is None else velocity)
    u0, steps = local.start, settings.steps
    end = _march_affinely(local)
    move = float(np.linalg.norm(local.weights(end) - start))
    if not move > 0.0:
        raise NotDissipative(
            "The window does not move: the gradient is zero.", value=move, remedy="Training is done."
        )
    scale = START / max(float(np.linalg.norm(u0)), float(np.linalg.norm(end - u0)))
    marched = find_structure(local, settings.order, COMPRESSION * settings.budget * move / local.gain)
    fields = [unit_field(one) for one in marched.updates]
    systems = carleman_sequence(fields, settings.order, 1.0, scale=scale)
    sequence = CarlemanSequence(tuple(each(systems.systems, steps)))
    gates = _check_gate(local, systems, steps, settings)

    lost = _bound_truncation(systems, sequence, local, steps)
    truncation = local.gain * (marched.drift + lost)
    model = local.gain * _estimate_model(local, steps) * _defect_ratio(losses, start, local)
    room = settings.budget * move - truncation - model
    if not room > 0.0:
        needed = (truncation + model) / move
        raise PrecisionUnreachable(
            f"The window's truncation ({truncation / move:.1e}) and model error ({model / move:.1e}) leave"
            f" nothing of the budget {settings.budget:.1e}.",
            value=needed,
            remedy=f"Ask for more than {needed:.1e}, a higher order, one more Newton step, or more L2.",
        )
    problem = LinearRecurrence(
        systems.matrices,
        np.array(systems.sources),
        systems.systems[0].lift(u0),
        steps,
        wanted=range(u0.size),
        bound=scale * (_reach(marched.updates, u0, steps) + lost),
        structure=None if marched.layout is None else marched.layout(scale),
    )
    unit = problem.unit * local.gain / scale
    route = plan(problem, room / unit, settings.solver, backend)
    if marched.reason:
        route = replace(route, parameters={**route.parameters, "not in slots": marched.reason})
    spent = route.error_budget.scaled(unit)
    shots, sampling = _choose_shots(route, spent, move, settings)
    return WindowPlan(
        local=local,
        sequence=sequence,
        route=route,
        budget=replace(spent, model=model, truncation=truncation, shots=sampling),
        move_estimate=move,
        r_number=gates[0],
        log_norm=gates[1],
        power_norm=gates[2],
        shots=shots,
        sampling_rms=None if shots is None else _expect_rms(route, local, end, scale, shots),
    )


def run_window(window: WindowPlan, backend: Backend, seed: int | None) -> WindowResult:
    """Compile, run and read a planned window.

    Arguments: window; backend; seed of the sampling.
    Result: the new active weights with standard errors, the same from exact amplitudes, and the momentum.
    Raises: ResultMissing when no shot was accepted.
    Source: none.
    """
    solution = run_plan(window.route, backend, window.shots, seed)
    local, scale = window.local, window.system.scale
    turned = local.frame * solution.stderr[np.newaxis, : local.n] / scale
    end = solution.value / scale
    return WindowResult(
        weights=window.weights(end),
        stderr=np.sqrt(np.sum(turned**2, axis=1)),
        exact_weights=window.weights(window.route.emulate().value / scale),
        velocity=local.velocity(end) if local.momentum else np.zeros(local.n),
        solution=solution,
    )


def _check_gate(
    local: Local, systems: CarlemanSequence, steps: int, settings: Settings
) -> tuple[float, float, float]:
    """R, log-norm and norm of powers, the largest over the steps, each within its limit."""
    single = len(systems.systems) == 1
    r_number = max(field.r_number(local.displacement) for field in local.fields)
    log_norm = max(system.log_norm() for system in systems.systems)
    power_norm = systems.systems[0].power_norm(steps) if single else systems.power_norm()
    for name, value, limit in (
        ("the log-norm of the Carleman step", log_norm, settings.max_log_norm),
        ("the norm of powers of the Carleman step", power_norm, settings.max_power_norm),
        ("R", r_number, settings.max_r_number),
    ):
        if limit is not None and not value <= limit:
            raise NotDissipative(
                f"The window is not admissible: {name} is {value:.3g}, above {limit:.3g}.",
                value=value,
                remedy="Take one more Newton step for the centre, a smaller learning rate, or more L2.",
            )
    return r_number, log_norm, power_norm


def _reach(updates: Sequence[PolynomialField], u0: RealArray, steps: int) -> float:
    """Upper limit on the length of the marched coordinates at the end, entry by entry or by norms."""
    size = np.array([np.linalg.norm(u0)])
    by_norms = enclose([norm_map(one) for one in updates], size, steps)[-1, 0]
    return float(min(np.linalg.norm(enclose(updates, u0, steps)[-1]), by_norms))


def _bound_truncation(
    systems: CarlemanSequence, sequence: CarlemanSequence, local: Local, steps: int
) -> float:
    """Bound on the length of the truncation error, entry by entry; with momentum, where signs matter, also by norms."""
    lost = float(np.linalg.norm(truncation_majorant(systems.systems, local.start, steps)))
    return min(lost, sequence.error_bound(local.start)) if local.momentum else lost


def _estimate_model(local: Local, steps: int) -> float:
    """Length of what the terms left out add in all, by the leading ones.

    Entry by entry, by majorants; with momentum, whose signs matter, also by norms along the affine model's path.
    """
    drift = remainder_majorant(local.updates, local.remainders, local.start, steps)
    missed = float(np.linalg.norm(drift[: local.n]))
    if not local.momentum:
        return missed
    u, along = local.start, 0.0
    for update, rest in zip(each(local.updates, steps), each(local.remainders, steps), strict=True):
        along = float(np.linalg.norm(update.jacobian(u), 2)) * along + float(np.linalg.norm(rest(u)))
        u = _affine(update)(u)
    return min(missed, along)


def _march_affinely(local: Local) -> RealArray:
    """Where the affine model leads: no power of the true map is taken."""
    u = local.start
    for update in each(local.updates, len(local.rates)):
        u = _affine(update)(u)
    return u


def _affine(update: PolynomialField) -> PolynomialField:
    return PolynomialField({k: update.coefficient(k) for k in (0, 1)})


def _choose_shots(
    route: Plan, spent: ErrorBudget, move: float, settings: Settings
) -> tuple[int | None, float]:
    """The shots, and the share they take; refused where that is more than there is."""
    shots = route.shots if settings.shots == "auto" else settings.shots
    sampling = spent.shots if shots is None else spent.shots * math.sqrt(route.shots / shots)
    if sampling > spent.shots * (1 + 1e-12):
        raise PrecisionUnreachable(
            f"{shots} shots leave a sampling error of {sampling / move:.1e} of the move; the budget has room"
            f" for {spent.shots / move:.1e}.",
            value=route.shots,
            remedy=f'Ask for {route.shots} shots or shots = "auto".',
        )
    return shots, sampling


def _expect_rms(route: Plan, local: Local, end: RealArray, scale: float, shots: int) -> float | None:
    """Root mean square of the weights' sampling error, from the read-out's covariance at the affine answer."""
    if not isinstance(route.readout, NormedReadout):
        return None
    covariance = route.readout.frame.covariance(route.readout.norm, shots, end * scale)
    turned = local.frame @ covariance[: local.n, : local.n] @ local.frame.T
    return math.sqrt(float(np.trace(turned))) / scale


def _defect_ratio(losses: StepLosses, start: RealArray, local: Local) -> float:
    """How much larger the true model defect at the start is than its leading Taylor term, at least 1."""
    slopes, v = losses.derivatives(start, 1), local.displacement
    ratios = [1.0]
    for slope, field, rest in zip(slopes, local.fields, local.rests, strict=True):
        leading = float(np.linalg.norm(rest(v)))
        if leading > 0.0:
            ratios.append(float(np.linalg.norm(-local.frame.T @ slope - field(v))) / leading)
    return max(ratios)
