"""Training windows as flows: python benchmarks/descent_flows.py [windows] [bootstraps] [evolutions]

Logistic regression on breast_cancer, all samples, standardised, no intercept, L2 weight 0.1; dense Newton fit, pruned to
the k largest weights; ten steps of gradient descent of rate 1 from there, expanded around the fixed point of the
quadratic model after nw Newton steps. Errors are of exact amplitudes against true gradient descent, relative to the move;
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
from sklearn.datasets import load_breast_cancer

from qgd_core.arrays import RealArray
from qgd_core.carleman.compress import compress
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.dynamics.frame import eigenframe
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.stability import newton_centre
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
HEAD = "| window | route | qubits | CX | rotations | success | shots | error | budget | how | s |"


def derivatives(w: RealArray, x: RealArray, y: RealArray) -> tuple[RealArray, RealArray, RealArray]:
    """Gradient, Hessian and third derivative of the mean logistic loss with L2 weight."""
    s = 1.0 / (1.0 + np.exp(y * (x @ w)))
    gradient = -(x * (y * s)[:, None]).mean(0) + L2 * w
    hessian = np.einsum("bi,bj,b->ij", x, x, s * (1 - s)) / len(y) + L2 * np.eye(len(w))
    third = np.einsum("bi,bj,bk,b->ijk", x, x, x, -y * s * (1 - s) * (1 - 2 * s)) / len(y)
    return gradient, hessian, third


@dataclass(frozen=True)
class Window:
    """One window: the quadratic model in its eigenframe around its fixed point, and what true descent does."""

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
    centred = model.shift(newton_centre(model, 8))
    axes, turned = eigenframe(centred)
    field = PolynomialField({0: np.zeros(k), 1: turned.coefficient(1), 2: turned.coefficient(2)})
    move = float(np.linalg.norm(truth - start))
    alone = float(np.linalg.norm(centre - truth)) / move
    return Window(field, axes.T @ (start - centred.centre), centred.centre, axes, truth, move, alone)


def recurrence(one: Window) -> tuple[LinearRecurrence, float]:
    """The window's Carleman recurrence with its structure, and the scale of its coordinates."""
    found = compress(step_map(one.field, 1.0), one.start, STEPS, 2e-3 * one.move)
    if found is None:
        raise SystemExit("The quadratic part has no cheap sum of cubes.")
    scale = 0.7 / float(np.linalg.norm(one.start))
    system = carleman(found[0].field(1.0), 2, step=1.0, scale=scale)
    structure = SlotSteps((found[0],), one.start, scale, STEPS)
    n = one.start.size
    bound = scale * float(np.linalg.norm(one.start))
    z0 = system.lift(one.start)
    return LinearRecurrence(system.matrix, None, z0, STEPS, range(n), bound, structure), scale


def row(
    name: str, one: Window, make: Callable[[], Plan], scale: float, read: Callable[[RealArray], RealArray]
) -> None:
    start = time.process_time()
    try:
        plan = make()
    except QgdError as error:
        print(f"| {name} | {str(error)[:90]} |{' |' * 9}")
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
    print(
        f"| {name} | {plan.solver} | {plan.qubits} | {built.two_qubit} | {built.rotations} | {found.accepted:.3f} |"
        f" {plan.shots:.1e} | {one.error(read(found.value)):.1e} | {share / one.move:.1e} | {how} | {seconds:.1f} |"
    )


def controls(name: str, one: Window) -> None:
    affine = PolynomialField({1: one.field.coefficient(1)})
    errors = [
        one.error(carleman(field, order, step=1.0).classical(one.start, STEPS))
        for field, order in ((affine, 1), (one.field, 2))
    ]
    print(
        f"| {name} | N = 1 {errors[0]:.1e}, N = 2 {errors[1]:.1e}, centre alone (Newton only) {one.alone:.1e} |{' |' * 9}"
    )


def windows() -> None:
    for k, newton_steps in ((2, 2), (4, 2), (4, 1), (8, 2), (16, 2)):
        one = window(k, newton_steps)
        problem, scale = recurrence(one)
        name = f"k = {k}, nw = {newton_steps}"
        eps = 1e-2 * one.move * scale / problem.unit
        controls(name, one)
        row(name, one, lambda p=problem, e=eps: plan_mask_lchs(p, e), scale, lambda z, s=scale: z / s)
        row(name, one, lambda p=problem, e=eps: plan_marching(p, e, "slots"), scale, lambda z, s=scale: z / s)


def bootstraps() -> None:
    errors, gates = [], []
    for sample in range(16):
        one = window(4, 2, sample)
        problem, scale = recurrence(one)
        plan = plan_mask_lchs(problem, 1e-2 * one.move * scale / problem.unit)
        errors.append(one.error(plan.emulate().value / scale))
        gates.append(cost(plan.compile().circuit).two_qubit)
    print(
        f"error median {np.median(errors):.1e}, max {max(errors):.1e}; CX median {np.median(gates):.0f}, max {max(gates)}"
    )


def evolutions() -> None:
    """One pruned flow of four weights by every evolution."""
    one = window(4, 2)
    scale = 1.6 / float(np.linalg.norm(one.start))
    flow = step_flow(one.field, 1.0, 2, one.start, STEPS, scale).pruned(1e-3 * one.move * scale)
    bound = float(np.linalg.norm(flow.radii))
    problem = LinearODE(flow.matrix, None, flow.start, flow.time, range(flow.n), bound)
    eps = 1e-2 * one.move * scale / problem.unit
    for name, make in (
        ("Strang, L diagonal", lambda: plan_lchs(problem, eps, "fitted", order=2)),
        ("Suzuki, L diagonal", lambda: plan_lchs(problem, eps, "fitted", order=4)),
        ("Strang, proven nodes", lambda: plan_lchs(problem, eps, "an_childs_lin", order=2)),
        ("QSVT", lambda: plan_qsvt_lchs(problem, eps)),
    ):
        row(name, one, make, scale, lambda z: flow.offset + flow.frame @ z / scale)


if __name__ == "__main__":
    for section in (windows, bootstraps, evolutions):
        if section.__name__ in (sys.argv[1:] or ("windows", "bootstraps", "evolutions")):
            print(f"\n## {section.__name__}\n{HEAD}\n|{'---|' * 11}")
            section()
