"""How queries grow with the number of steps: python benchmarks/growth.py [built] [queries] [amplified]

Marching and Eq 6 in slots, for a dissipative map, one with a zero mode and one with a growing mode, both from the
plans and from the trees that they build. Theorem 1 of arXiv:2303.03428 says O(T) for fully dissipative training,
theorem 2 O(T^2) for almost dissipative training. A query is one use of the step's encoding; marching is accepted
with probability p, so T / sqrt(p) stands beside T (what amplitude amplification would need), and T / p (what it
takes to have one accepted run).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np

from qgd_core.carleman.system import carleman
from qgd_core.circuit.circuit import Call, Circuit
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import QgdError
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


def built() -> None:
    """Marching and Eq 6 in slots, queries of the plans and of the trees that they build, and the power of T they grow with.

    Theorem 1 of arXiv:2303.03428 says O(T) for fully dissipative training, theorem 2 O(T^2) for almost dissipative
    training. Marching is accepted with probability p: T / sqrt(p) is what amplitude amplification would need, T / p
    what one accepted run takes.
    """
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


def queries() -> None:
    """Queries T / sqrt(p) of marching against T: two modes, order 2, one curvature .5, the other one in the table.

    Theorem 1 of arXiv:2303.03428 gives O(T) where all modes lose, theorem 2 O(T^2) where almost all do. Marching meets
    the first (exponent 1); a gradient at the centre, a flat mode or a slightly growing one costs a power between 1 and
    2 at these times. A growing one (negative curvature) is exponential in the end, as alpha > 1 is a constant of the
    step: the plan then refuses, and shorter windows or a history are the answer.
    """
    horizons = (10, 20, 40, 80, 160)
    heads = " | ".join(f"T = {T}" for T in horizons)
    print(f"| second curvature | gradient at the centre | {heads} | last exponent |\n|{'---|' * 8}")
    for curvature, gradient in (
        (0.3, 0.0),
        (0.3, 0.02),
        (0.0, 0.0),
        (-0.005, 0.0),
        (-0.02, 0.0),
        (-0.1, 0.0),
    ):
        square = np.zeros((2, 4))
        square[0, 0], square[0, 3], square[1, 1] = -0.1, 0.05, 0.05
        terms = {1: np.diag([-0.5, -curvature]), 2: square}
        field = PolynomialField(terms | ({0: np.full((2, 1), gradient)} if gradient else {}))
        system = carleman(field, 2, "discrete", 1.0, scale=2.0)
        start, queries = system.lift(np.array([0.5, 0.4])), []
        for T in horizons:
            problem = LinearRecurrence(system.matrix, system.source, start, T, range(2), bound=0.5)
            try:
                plain = plan_marching(problem, 1.0, "row_column", "none")
                queries.append(T / np.sqrt(plain.emulate().accepted))
            except QgdError:
                queries.append(np.inf)
        exponent = np.log2(queries[-1] / queries[-2]) if np.isfinite(queries[-1]) else np.inf
        shown = " | ".join(f"{number:.3g}" if np.isfinite(number) else "refused" for number in queries)
        print(f"| {curvature} | {gradient} | {shown} | {exponent:.2f} |")


def amplified() -> None:
    """What uniform singular value amplification buys marching in slots: queries over success and CX x shots at an error of
    5e-2, a step alone (plain) and in groups of steps (amplified).

    It brings alpha near the norm of products of steps, at O(T^2): it pays where alpha^(2 T) is large (a zero mode, from
    some two hundred steps on), and cannot pay where that norm grows itself.
    """
    print(
        "| mode | T | alpha^(-2T) | route | group | degree | queries | success | queries / success | CX x shots |"
    )
    print(f"|{'---|' * 10}")
    for curvature in (0.0, -0.005, -0.02):
        for steps in (50, 100, 200, 400):
            for amplified in ("none", "singular_values"):
                amplified_row(curvature, steps, amplified)


def amplified_row(curvature: float, steps: int, amplify: str) -> None:
    """A window of two weights in slots, one mode of curvature .4, the other one given."""
    y = np.array([[0.6, 0.8]])
    step = LowRankMap(np.array([0.0, 0.01]), np.array([1.0 - curvature, 0.6]), np.array([0.02]), y)
    start = np.array([0.3, -0.2])
    system = carleman(step.field(1.0), 2, step=1.0, scale=1.0)
    slots = SlotSteps((step,), start, 1.0, steps)
    z0 = system.lift(start)
    problem = LinearRecurrence(system.matrix, system.source, z0, steps, range(2), structure=slots)
    name = "plain" if amplify == "none" else "amplified"
    try:
        plan = plan_marching(problem, 5e-2, "slots", amplify)
    except QgdError as error:
        print(f"| {curvature} | {steps} | | {name}: {str(error)[:70]} |{' |' * 6}")
        return
    accepted, known = plan.emulate().accepted, plan.parameters
    alpha = slots.realise(range(2), problem.bound()).encodings[0].alpha
    print(
        f"| {curvature} | {steps} | {alpha ** (-2.0 * steps):.1e} | {name} | {known.get('steps in a group', 1)} |"
        f" {known.get('degree', 1)} | {plan.queries} | {accepted:.2g} | {plan.queries / accepted:.2e} |"
        f" {plan.resources.two_qubit * float(plan.shots):.1e} |"
    )


SECTIONS: tuple[Callable[[], None], ...] = (built, queries, amplified)

if __name__ == "__main__":
    for section in SECTIONS:
        if section.__name__ in (sys.argv[1:] or [one.__name__ for one in SECTIONS]):
            print(f"\n## {section.__name__}\n")
            section()
