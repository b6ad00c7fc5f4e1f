"""Rows of the tables: a plan against the truth, the controls of a window, and what a row is held to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from qgd_core.errors import QgdError
from qgd_core.planner.solvers import SOLVERS

HEAD = "| case | route | how | qubits | queries | CX | success | CX / success | error | shots | CX x shots | s | limit |"
RULE = f"|{'---|' * 13}"
# What a window without Carleman's quadratic part, or without its march, reaches; true gradient descent is the truth.
CONTROLS = ("N = 1", "Carleman model, classical", "centre alone", "Newton only")


@dataclass(frozen=True)
class Limit:
    """What a row is held to: CX, qubits, error and CX over success at most, success at least."""

    cx: float = math.inf
    qubits: float = math.inf
    error: float = math.inf
    success: float = 0.0
    per_success: float = math.inf

    def judge(self, cx: float, qubits: float, success: float, error: float, affine: float = math.inf) -> str:
        """Whether it is met; affine, the error of N = 1, of which the row's may be a quarter."""
        bounds = {
            "CX": (cx, self.cx),
            "qubits": (qubits, self.qubits),
            "error": (error, self.error),
            "CX / success": (cx / success, self.per_success),
            "a quarter of N = 1": (error, affine / 4.0),
        }
        held = {name: most for name, (_, most) in bounds.items() if math.isfinite(most)}
        missed = [name for name, most in held.items() if bounds[name][0] > most]
        if self.success:
            held["success"] = self.success
            missed += ["success"] if success < self.success else []
        said = ", ".join(
            name if name.startswith("a quarter") else f"{name} {most:,.6g}" for name, most in held.items()
        )
        if not held:
            return ""
        return f"not met ({', '.join(missed)}): {said}" if missed else f"met: {said}"


def head() -> None:
    """The head of a table."""
    print(f"{HEAD}\n{RULE}")


def row(
    case: str,
    make: Callable[[], Any],
    truth: np.ndarray,
    unit: float,
    name: str = "",
    read: Callable[[np.ndarray], np.ndarray] = lambda value: value,
    limit: Limit | None = None,
) -> None:
    """One route: planned, emulated, compared; `read` makes of the answer what is compared."""
    start = time.process_time()
    try:
        plan = make()
    except QgdError as error:
        print(f"| {case} | {name} | {str(error).replace('|', '/')[:110]} |{' |' * 10}")
        return
    found = plan.emulate()
    seconds = time.process_time() - start
    cost, chosen = plan.resources, plan.parameters
    error = float(np.linalg.norm(read(found.value) - truth)) / unit
    how = chosen.get("encoding", chosen.get("nodes", ""))
    met = limit.judge(cost.two_qubit, cost.qubits, found.accepted, error) if limit else ""
    print(
        f"| {case} | {name or plan.solver} | {how} | {cost.qubits} |"
        f" {plan.queries} | {cost.two_qubit} | {found.accepted:.2g} | {cost.two_qubit / found.accepted:.3g} |"
        f" {error:.1e} | {cost.shots:.1e} | {cost.two_qubit * cost.shots:.1e} | {seconds:.1f} | {met} |"
    )


def routes(case: str, problem: Any, eps: float, truth: np.ndarray, unit: float) -> None:
    """Every solver of the table that takes the problem."""
    for name, solver in SOLVERS.items():
        if isinstance(problem, solver.problem) and solver.takes(problem):
            row(case, partial(solver.make_plan, problem, eps), truth, unit, name)


def controls(case: str, errors: Sequence[float]) -> None:
    """The classical controls of a window, in the order of CONTROLS, beside its routes."""
    for name, error in zip(CONTROLS, errors, strict=True):
        print(f"| {case} | control: {name} | | | | | | | {error:.1e} | | | | |")
