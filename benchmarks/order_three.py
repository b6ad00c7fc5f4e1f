"""A training window of four weights at orders 2 and 3, both in slots: python benchmarks/order_three.py

T = 10 steps, one and two Newton steps; exact amplitudes against true gradient descent, relative to the move. CX are
upper bounds of the plan, per step those of the built circuit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.config import read_config
from qgd_core.dynamics.low_rank_cubic import approximate_cubic
from qgd_core.encodings.slot_cubic_steps import CubicSlotSteps
from qgd_core.learn.settings import Settings
from qgd_core.learn.trainer import SparseTrainer
from qgd_core.learn.window import WindowPlan, plan_window
from qgd_core.linear.base import Plan
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching

ROOT = Path(__file__).resolve().parents[1]
STEPS = 10


def third_order(window: WindowPlan, rank: int) -> Plan:
    """The same window with both tensors by `rank` directions, in three slots."""
    problem, u0, scale = window.route.problem, window.start, window.system.scale
    assert isinstance(problem, LinearRecurrence)
    step = approximate_cubic(window.local.updates[0], rank, float(np.linalg.norm(u0)))
    system = carleman(step.field(1.0), order=3, step=1.0, scale=scale)
    marched = LinearRecurrence(
        system.matrix,
        system.source,
        system.lift(u0),
        STEPS,
        wanted=range(u0.size),
        bound=problem.bound(),
        structure=CubicSlotSteps(step, u0, scale, STEPS),
    )
    eps = window.route.error_budget.shots * problem.unit / marched.unit
    return plan_marching(marched, eps, "slots_cubic")


def main() -> None:
    loss = SparseTrainer(read_config(ROOT / "examples/breast_cancer.toml", ["backend=emulator"])).loss
    start = loss.read()
    end = np.array(start)
    for _ in range(STEPS):
        end = end - loss.derivative(end, 1)
    move = float(np.linalg.norm(end - start))
    print(
        "| Newton steps | order | layout | qubits | CX a step | CX | success | error |\n|---|---|---|---|---|---|---|---|"
    )
    for newton in (1, 2):
        for order in (2, 3):
            window = plan_window(
                loss,
                start,
                Settings(steps=STEPS, newton_steps=newton, order=order, budget=0.25, solver="marching"),
            )
            plans = (
                [window.route] if order == 2 else [window.route, *(third_order(window, r) for r in (2, 4))]
            )
            for plan in plans:
                found = plan.emulate()
                error = np.linalg.norm(window.weights(found.value / window.system.scale) - end) / move
                step = cost(plan.compile().circuit).two_qubit / STEPS
                print(
                    f"| {newton} | {order} | {plan.parameters['encoding']} | {plan.qubits} | {step:.0f} |"
                    f" {plan.resources.two_qubit} | {found.accepted:.3f} | {error:.1e} |"
                )


if __name__ == "__main__":
    main()
