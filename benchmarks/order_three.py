"""A training window of four weights at orders 2 and 3, both in slots, 3 also from entries: python benchmarks/order_three.py

T = 10 steps, one and two Newton steps; exact amplitudes against true gradient descent, relative to the move. CX are
upper bounds of the plan, per step those of the built circuit. Controls: the affine model (N = 1), the Carleman model of
each order run classically, and the centre alone, which is what the Newton steps reach without a window.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qgd_core.circuit.counts import cost
from qgd_core.config import read_config
from qgd_core.learn.settings import Settings
from qgd_core.learn.trainer import SparseTrainer
from qgd_core.learn.window import plan_window

ROOT = Path(__file__).resolve().parents[1]
STEPS = 10


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
            controls = {"model, classical": window.classical()}
            if order == 2:
                controls |= {"N = 1": window.affine(), "centre alone, Newton only": window.centre.point}
            for name, point in controls.items():
                error = np.linalg.norm(point - end) / move
                print(f"| {newton} | {order} | {name} | | | | | {error:.1e} |")
            # At order 3 also from the entries, which slots are chosen over.
            for plan in [window.route, *(window.route.losers if order == 3 else ())]:
                found = plan.emulate()
                error = np.linalg.norm(window.weights(found.value / window.system.scale) - end) / move
                step = cost(plan.compile().circuit).two_qubit / STEPS
                print(
                    f"| {newton} | {order} | {plan.parameters['encoding']} | {plan.qubits} | {step:.0f} |"
                    f" {plan.resources.two_qubit} | {found.accepted:.3f} | {error:.1e} |"
                )


if __name__ == "__main__":
    main()
