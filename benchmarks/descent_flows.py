"""Training windows as flows: python benchmarks/descent_flows.py [windows] [bootstraps] [evolutions]

Logistic regression on breast_cancer, all samples, standardised, no intercept, L2 weight 0.1; dense Newton fit, pruned to
the k largest weights; ten steps of gradient descent of rate 1 from there, expanded around the centre that nw Newton steps
reach, the gradient left there inside. Errors are of exact amplitudes against true gradient descent, relative to the move;
CX and rotations are counted on the built circuits, before any routing; every parameter is chosen by the plan from the
model and the start alone. Beside each route: N = 1 and N = 2, the affine and the quadratic Carleman model themselves, and
the centre alone, which is what the Newton steps reach without a window; true gradient descent is what errors are from.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from routes.rows import Limit
from sklearn.datasets import load_breast_cancer

from qgd_core.arrays import RealArray
from qgd_core.carleman.compress import compress
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.dynamics.frame import eigenframe
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import QgdError
from qgd_core.linear.base import Plan
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.lchs import plan_lchs
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.mask_lchs import plan_mask_lchs
from qgd_core.ode.qsvt_lchs import plan_qsvt_lchs
from qgd_core.ode.step_flow import step_flow

STEPS, L2 = 10, 0.1
# The error of the routes of a window, sampling included, relative to the move.
ASKED = 5e-3
HEAD = "| window | route | qubits | CX | rotations | success | shots | error | budget | how | s | held to |"
RULE = f"|{'---|' * 12}"


def derivatives(w: RealArray, x: RealArray, y: RealArray) -> tuple[RealArray, RealArray, RealArray]:
    """Gradient, Hessian and third derivative of the mean logistic loss with L2 weight."""
    s = 1.0 / (1.0 + np.exp(y * (x @ w)))
    gradient = -(x * (y * s)[:, None]).mean(0) + L2 * w
    hessian = np.einsum("bi,bj,b->ij", x, x, s * (1 - s)) / len(y) + L2 * np.eye(len(w))
    third = np.einsum("bi,bj,bk,b->ijk", x, x, x, -y * s * (1 - s) * (1 - 2 * s)) / len(y)
    return gradient, hessian, third


@dataclass(frozen=True)
class Window:
    """One window: the quadratic model in its eigenframe around its centre, and what true descent does."""

    field: PolynomialField
    start: RealArray
    origin: RealArray
    axes: RealArray
    truth: RealArray
    move: float
    alone: float

    def error(self, u: RealArray) -> float:
        return float(np.linalg.norm(self.origin + self.axes @ u - self.truth)) / self.move


def window(k: int, newton_steps: int, sample: int | None = None) -> Window:
    x, target = load_breast_cancer(return_X_y=True)
    y = 2.0 * target - 1.0
    if sample is not None:
        rows = np.random.default_rng(sample).integers(0, len(y), len(y))
        x, y = x[rows], y[rows]
    x = (x - x.mean(0)) / x.std(0)
    w = np.zeros(x.shape[1])
    for _ in range(30):
        gradient, hessian, _ = derivatives(w, x, y)
        w = w - np.linalg.solve(hessian, gradient)
    keep = np.sort(np.argsort(-np.abs(w))[:k])
    x, start = x[:, keep], w[keep]
    centre = start
    for _ in range(newton_steps):
        gradient, hessian, _ = derivatives(centre, x, y)
        centre = centre - np.linalg.solve(hessian, gradient)
    truth = start
    for _ in range(STEPS):
        truth = truth - derivatives(truth, x, y)[0]
    gradient, hessian, third = derivatives(centre, x, y)
    model = PolynomialField({0: -gradient, 1: -hessian, 2: -third.reshape(k, -1) / 2}, centre=centre)
    axes, field = eigenframe(model)
    move = float(np.linalg.norm(truth - start))
    alone = float(np.linalg.norm(centre - truth)) / move
    return Window(field, axes.T @ (start - centre), centre, axes, truth, move, alone)


def recurrence(one: Window) -> tuple[LinearRecurrence, float]:
    """The window's Carleman recurrence with its structure, and the scale of its coordinates."""
    found = compress(step_map(one.field, 1.0), one.start, STEPS, 2e-3 * one.move)
    if found is None:
        raise SystemExit("The quadratic part has no cheap sum of cubes.")
    scale = 0.7 / float(np.linalg.norm(one.start))
    system = carleman(found[0].field(1.0), 2, step=1.0, scale=scale)
    structure = SlotSteps((found[0],), one.start, scale, STEPS)
    n = one.start.size
    z0 = system.lift(one.start)
    return LinearRecurrence(system.matrix, system.source, z0, STEPS, range(n), None, structure), scale


def row(
    name: str,
    one: Window,
    make: Callable[[], Plan],
    scale: float,
    read: Callable[[RealArray], RealArray],
    limit: Limit | None = None,
) -> None:
    start = time.process_time()
    try:
        plan = make()
    except QgdError as error:
        print(f"| {name} | {str(error)[:90]} |{' |' * 10}")
        return
    seconds, found = time.process_time() - start, plan.emulate()
    built = cost(plan.compile().circuit)
    budget, chosen = plan.error_budget, plan.parameters
    unit: float = getattr(plan.problem, "unit", 1.0)
    share = (budget.discretisation + budget.polynomial) * unit / scale
    how = ", ".join(
        f"{key} {chosen[key]}"
        for key in ("number", "masks", "Gauss points", "order", "steps")
        if key in chosen
    )
    error = one.error(read(found.value))
    met = (limit or Limit()).judge(built.two_qubit, plan.qubits, found.accepted, error, controls(one)[0])
    print(
        f"| {name} | {plan.solver} | {plan.qubits} | {built.two_qubit} | {built.rotations} | {found.accepted:.3f} |"
        f" {plan.shots:.1e} | {error:.1e} | {share / one.move:.1e} | {how} | {seconds:.1f} | {met} |"
    )


def controls(one: Window) -> list[float]:
    """Errors of the affine and the quadratic Carleman model run classically, and of the centre alone."""
    affine = PolynomialField({k: one.field.coefficient(k) for k in (0, 1)})
    return [
        one.error(carleman(field, order, step=1.0).classical(one.start, STEPS))
        for field, order in ((affine, 1), (one.field, 2))
    ] + [one.alone]


def controls_row(name: str, one: Window) -> None:
    said = zip(("N = 1", "N = 2, classical", "centre alone (Newton only)"), controls(one), strict=True)
    print(f"| {name} | {', '.join(f'{what} {error:.1e}' for what, error in said)} |{' |' * 10}")


def windows() -> None:
    """The same windows as a flow: LCHS of the modified field, whose flow is gradient descent, beside marching.

    Expanded around the centre after nw Newton steps, the gradient that is left there inside, 5e-3 of the move asked for.
    Errors are of exact amplitudes against true gradient descent; the budget is what discretisation and polynomials may take.
    """
    print(f"{HEAD}\n{RULE}")
    for k, newton_steps in ((2, 2), (2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2)):
        one = window(k, newton_steps)
        problem, scale = recurrence(one)
        name = f"k = {k}, nw = {newton_steps}"
        eps = ASKED * one.move * scale / problem.unit
        controls_row(name, one)
        held = Limit(1100, 8, 5e-3) if k == 4 else None
        row(name, one, lambda p=problem, e=eps: plan_mask_lchs(p, e), scale, lambda z, s=scale: z / s, held)
        row(name, one, lambda p=problem, e=eps: plan_marching(p, e, "slots"), scale, lambda z, s=scale: z / s)


def bootstraps() -> None:
    """Sixteen resampled windows of four weights as flows, 5e-3 of the move asked for, every parameter chosen blind.

    Medians, and the largest; the last column holds the median error to a quarter of N = 1's.
    """
    columns = ("error", "N = 1", "N = 2, classical", "centre alone (Newton only)", "CX")
    print(f"| Newton steps | | {' | '.join(columns)} | held to |\n|{'---|' * 8}")
    for newton_steps in (2, 1):
        rows = []
        for sample in range(16):
            one = window(4, newton_steps, sample)
            problem, scale = recurrence(one)
            plan = plan_mask_lchs(problem, ASKED * one.move * scale / problem.unit)
            gates = cost(plan.compile().circuit).two_qubit
            rows.append((one.error(plan.emulate().value / scale), *controls(one), float(gates)))
        middle, worst = np.median(rows, axis=0), np.max(rows, axis=0)
        for what, values, met in (
            ("median", middle, Limit().judge(0, 0, 1.0, middle[0], middle[1])),
            ("max", worst, ""),
        ):
            cells = " | ".join(f"{value:.1e}" for value in values[:-1])
            print(f"| {newton_steps} | {what} | {cells} | {values[-1]:.0f} | {met} |")


def evolutions() -> None:
    """One pruned flow of four weights by every evolution: product formulas and QSVT over a block encoding."""
    print(f"{HEAD}\n{RULE}")
    one = window(4, 2)
    controls_row("k = 4, nw = 2", one)
    steps, scale = recurrence(one)
    flow = step_flow(steps, one.start.size, 1.0).pruned(1e-3 * one.move * scale)
    problem = LinearODE(flow.matrix, None, flow.start, flow.time, range(flow.n_wanted), flow.bound)
    eps = 1e-2 * one.move * scale / problem.unit
    for name, make in (
        ("Strang, L diagonal", lambda: plan_lchs(problem, eps, "fitted", order=2)),
        ("Suzuki, L diagonal", lambda: plan_lchs(problem, eps, "fitted", order=4)),
        ("Strang, proven nodes", lambda: plan_lchs(problem, eps, "an_childs_lin", order=2)),
        ("QSVT", lambda: plan_qsvt_lchs(problem, eps)),
    ):
        row(name, one, make, scale, lambda z: (flow.offset + z) / scale)


if __name__ == "__main__":
    for section in (windows, bootstraps, evolutions):
        if section.__name__ in (sys.argv[1:] or ("windows", "bootstraps", "evolutions")):
            print(f"\n## {section.__name__}\n")
            section()
