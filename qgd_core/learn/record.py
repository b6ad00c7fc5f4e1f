"""What a window is worth: its record, with the controls that keep us honest."""

from __future__ import annotations

from typing import Any

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.learn.descent import descend
from qgd_core.learn.optimizer import Window
from qgd_core.learn.window import WindowPlan, WindowResult

Record = dict[str, Any]


def record_window(window: Window, newton: RealArray) -> Record:
    """Compare a finished window with the true iteration on the same losses, its own model and the controls.

    Arguments: window; newton, where Newton steps alone have led.
    Result: a table of plain numbers; errors and controls are 2-norms relative to the move |w_T - w_0| of the true
    iteration (gradient descent, or its stochastic form on the same minibatches) from the window's start, and so are
    the budgets beside them.
    Raises: nothing.
    Source: none.
    """
    truth = descend(window.losses, window.start, window.settings, window.velocity).end
    move = float(np.linalg.norm(truth - window.start))
    record: Record = {
        "status": "quantum" if window.result else "classical",
        "reason": window.reason,
        "data": "all" if len(window.losses) == 1 else "minibatch",
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
            "affine": _distance(window.plan.affine(), truth, move),
            "carleman": _distance(window.plan.classical(), truth, move),
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
            "kind": centre.kind,
            "newton_steps": centre.newton_steps,
            "gradients": centre.gradients,
            "hessians": centre.hessians,
            "solves": centre.solves,
            "preconditioner_cost": centre.preconditioner_cost,
            "seconds": centre.seconds,
        },
    }


def _resources(result: WindowResult) -> Record:
    resources = result.solution.resources
    return {
        "qubits": resources.qubits,
        "two_qubit": resources.two_qubit,
        "rotations": resources.rotations,
        "t_estimate": resources.t_gates,
        "success_probability": resources.success_probability,
        "shots": resources.shots,
    }


def _errors(plan: WindowPlan, result: WindowResult, truth: RealArray, move: float) -> Record:
    model = plan.classical()
    error = float(np.linalg.norm(result.weights - truth))
    return {
        "vs_carleman": _distance(result.weights, model, move),
        "vs_carleman_budget": plan.budget.solver / move,
        "sampling_rms": None if plan.sampling_rms is None else plan.sampling_rms / move,
        "sampled": _distance(result.weights, result.exact_weights, move),
        "vs_gd": error / move,
        "vs_gd_budget": plan.budget.total / move,
        "vs_gd_relative_to_weights": error / float(np.linalg.norm(truth)),
        "exact_vs_carleman": _distance(result.exact_weights, model, move),
        "exact_vs_gd": _distance(result.exact_weights, truth, move),
    }


def _distance(point: RealArray, truth: RealArray, move: float) -> float:
    return float(np.linalg.norm(point - truth)) / move if move > 0 else 0.0
