"""How queries grow with the number of steps: python benchmarks/growth.py

Marching and Eq 6 in slots, for a dissipative map, one with a zero mode and one with a growing mode, both from the
plans and from the trees that they build. Theorem 1 of arXiv:2303.03428 says O(T) for fully dissipative training,
theorem 2 O(T^2) for almost dissipative training. A query is one use of the step's encoding; marching is accepted
with probability p, so T / sqrt(p) stands beside T (what amplitude amplification would need), and T / p (what it
takes to have one accepted run).
"""

from __future__ import annotations

import math

import numpy as np

from qgd_core.carleman.system import carleman
from qgd_core.circuit.circuit import Call, Circuit
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.linear.base import Plan
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.recurrence import plan_history_kernel

FIELDS = {"dissipative": 0.85, "zero mode": 1.0, "mode of -.01": 1.01}
STEPS = (8, 16, 32, 64)
EPS = 0.05


def window(multiplier: float, steps: int) -> LinearRecurrence:
    """A window of two weights, a small offset and one cubic direction, its slowest multiplier given."""
    y = np.array([0.6, 0.8])
    step = LowRankMap(np.array([0.0, 0.01]), np.array([multiplier, 0.6]), np.array([0.02]), y[np.newaxis, :])
    u0 = np.array([0.3, -0.2])
    system = carleman(step.field(1.0), order=2, step=1.0, scale=1.0)
    return LinearRecurrence(
        system.matrix,
        system.source,
        system.lift(u0),
        steps,
        wanted=range(2),
        structure=SlotSteps((step,), u0, 1.0, steps),
    )


def uses(circuit: Circuit, name: str) -> int:
    """How many times a block of this name runs in a tree."""
    seen: dict[Circuit, int] = {}

    def count(part: Circuit) -> int:
        if part not in seen:
            seen[part] = sum(
                op.repeat * (1 if op.circuit.name == name else count(op.circuit))
                for op in part.ops
                if isinstance(op, Call)
            )
        return seen[part]

    return count(circuit)


def marching(multiplier: float, steps: int) -> tuple[Plan, int]:
    plan = plan_marching(window(multiplier, steps), EPS, "slots", "none")
    return plan, uses(plan.compile().circuit, "carleman_step")


def history(multiplier: float, steps: int) -> tuple[Plan, int]:
    plan = plan_history_kernel(window(multiplier, steps), EPS, "slots", idle=0)
    return plan, uses(plan.compile().circuit, "carleman_step")


def exponent(values: list[float]) -> float:
    """The slope of a line through the logarithms."""
    return float(np.polyfit(np.log(STEPS), np.log(values), 1)[0])


def main() -> None:
    print(
        f"| field | route | what | {' | '.join(f'T = {t}' for t in STEPS)} | exponent |\n|{'---|' * (len(STEPS) + 4)}"
    )
    for name, multiplier in FIELDS.items():
        for make in (marching, history):
            rows = [make(multiplier, steps) for steps in STEPS]
            chance = [plan.success_probability for plan, _ in rows]
            lines = {"queries planned": [float(plan.queries) for plan, _ in rows]}
            lines["queries built"] = [float(built) for _, built in rows]
            lines["over root of success"] = [
                built / math.sqrt(p) for (_, built), p in zip(rows, chance, strict=True)
            ]
            lines["over success"] = [built / p for (_, built), p in zip(rows, chance, strict=True)]
            for what, values in lines.items():
                cells = " | ".join(f"{value:.0f}" for value in values)
                print(f"| {name} | {rows[0][0].solver} | {what} | {cells} | {exponent(values):.2f} |")


if __name__ == "__main__":
    main()
