"""What a window is worth: its record, with the controls that keep us honest."""

from __future__ import annotations

from typing import Any

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.counts import Counts, t_estimate
from qgd_core.learn.closure import ClosureLoss, descend
from qgd_core.learn.optimizer import Window
from qgd_core.learn.window import Settings, WindowPlan, WindowResult
from qgd_core.linear.base import SYNTHESIS

Record = dict[str, Any]


def record_window(window: Window, loss: ClosureLoss, settings: Settings, newton: RealArray) -> Record:
    """Compare a finished window with true gradient descent, its own model and the controls.

    Arguments: window; loss, of the same active weights; settings; newton, where Newton steps alone have led.
    Result: a table of plain numbers; errors and controls are 2-norms relative to the move |w_T - w_0| of true
    gradient descent from the window's start, and so are the budgets beside them.
    Raises: nothing.
    Source: none.
    """
    truth = descend(loss, window.start, settings.steps, settings.learning_rate)[-1]
    move = float(np.linalg.norm(truth - window.start))
    record: Record = {
        "status": "quantum" if window.result else "classical",
        "reason": window.reason,
        "move": move,
    }
    if window.plan is None or window.result is None:
        return {**record, "controls": {"newton_only": _distance(newton, truth, move)}}
    return {
        **record,
        **_gate_numbers(window.plan),
        "resources": _resources(window.result),
        "budget": {**window.plan.budget.scaled(1 / move).shares(), "total": window.plan.budget.total / move},
        "errors": _errors(window.plan, window.result, truth, move),
        "controls": {
            "centre_alone": _distance(window.plan.centre.point, truth, move),
            "affine": _distance(_affine(window.plan, settings), truth, move),
            "newton_only": _distance(newton, truth, move),
        },
    }


def _gate_numbers(plan: WindowPlan) -> Record:
    centre = plan.centre
    return {
        "r_number": plan.r_number,
        "log_norm": plan.log_norm,
        "max_power_norm": plan.power_norm,
        "centre": {
            "kind": "newton" if centre.newton_steps else "start",
            "newton_steps": centre.newton_steps,
            "gradients": centre.gradients,
            "hessians": centre.hessians,
            "seconds": centre.seconds,
        },
    }


def _resources(result: WindowResult) -> Record:
    resources = result.solution.resources
    return {
        "qubits": resources.qubits,
        "two_qubit": resources.two_qubit,
        "rotations": resources.rotations,
        "t_estimate": t_estimate(Counts(rotations=resources.rotations), SYNTHESIS),
        "success_probability": resources.success_probability,
        "shots": resources.shots,
    }


def _errors(plan: WindowPlan, result: WindowResult, truth: RealArray, move: float) -> Record:
    model = plan.weights(plan.system.project(_march(plan)))
    error = float(np.linalg.norm(result.weights - truth))
    return {
        "vs_carleman": _distance(result.weights, model, move),
        "vs_carleman_budget": plan.budget.solver / move,
        "vs_gd": error / move,
        "vs_gd_budget": plan.budget.total / move,
        "vs_gd_relative_to_weights": error / float(np.linalg.norm(truth)),
        "exact_vs_carleman": _distance(result.exact_weights, model, move),
        "exact_vs_gd": _distance(result.exact_weights, truth, move),
    }


def _march(plan: WindowPlan) -> RealArray:
    """The Carleman model's own answer, by sparse products: the truth of the quantum solver."""
    return plan.system.evolve(plan.system.lift(plan.start), plan.route.queries)


def _affine(plan: WindowPlan, settings: Settings) -> RealArray:
    """Where the affine model (N = 1) around the same centre leads."""
    u, linear = plan.start, plan.field.coefficient(1)
    drift = plan.field.coefficient(0).toarray().ravel()
    for _ in range(settings.steps):
        u = u + settings.learning_rate * (np.asarray(linear @ u) + drift)
    return plan.weights(u)


def _distance(point: RealArray, truth: RealArray, move: float) -> float:
    return float(np.linalg.norm(point - truth)) / move if move > 0 else 0.0
