"""The table of solvers: the problem each takes, how it plans, and a sentence for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from qgd_core.errors import ConfigError, nearest
from qgd_core.linear.adiabatic import plan_adiabatic
from qgd_core.linear.base import Plan
from qgd_core.linear.cks import plan_cks
from qgd_core.linear.hhl import plan_hhl
from qgd_core.linear.kernel_ladder import plan_kernel_ladder
from qgd_core.linear.kernel_reflection import plan_kernel_reflection
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.lchs import plan_lchs
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.mask_lchs import has_step, plan_mask_lchs
from qgd_core.ode.pauli_lchs import plan_pauli_lchs
from qgd_core.ode.qsvt_lchs import plan_qsvt_lchs
from qgd_core.ode.recurrence import plan_history_hhl, plan_history_kernel, plan_history_qsvt
from qgd_core.ode.taylor import plan_taylor_history_kernel, plan_taylor_history_qsvt, plan_taylor_marching
from qgd_core.ode.trapezoid import plan_euler_kernel, plan_trapezoid_kernel, plan_trapezoid_qsvt

Problem: TypeAlias = LinearRecurrence | LinearODE | LinearSystem


@dataclass(frozen=True)
class Solver:
    """One row of the table: the problem it takes, how it plans, and a sentence for people."""

    problem: type[Problem]
    make_plan: Callable[[Any, float], Plan]
    summary: str
    heavy: bool = False
    """Costly to plan, and beaten wherever a light route is accepted often: the automatic choice tries it else."""
    takes: Callable[[Any], bool] = lambda problem: True
    """Whether the automatic choice tries it on a problem of this type."""


SOLVERS: dict[str, Solver] = {
    "marching": Solver(LinearRecurrence, plan_marching, "one block encoding per step, every success counted"),
    "qsvt": Solver(
        LinearSystem, plan_qsvt, "inverse by the odd polynomial of least degree, with sign and scale"
    ),
    "kernel_reflection": Solver(
        LinearSystem,
        plan_kernel_reflection,
        "projection on the kernel of a widened matrix, the norm known roughly",
    ),
    "kernel_ladder": Solver(
        LinearSystem,
        plan_kernel_ladder,
        "the same with the norm unknown, every candidate at once",
        heavy=True,
    ),
    "cks": Solver(LinearSystem, plan_cks, "inverse by the first Chebyshev series, a baseline", heavy=True),
    "hhl": Solver(LinearSystem, plan_hhl, "inverse by phase estimation, a baseline", heavy=True),
    "adiabatic": Solver(
        LinearSystem,
        plan_adiabatic,
        "a walk that turns the matrix on, then a filter: the scale from a known number",
        heavy=True,
    ),
    "history_qsvt": Solver(
        LinearRecurrence, plan_history_qsvt, "all steps as one linear system, polynomial inverse", heavy=True
    ),
    "history_hhl": Solver(
        LinearRecurrence,
        plan_history_hhl,
        "all steps as one linear system, phase estimation, a baseline",
        heavy=True,
    ),
    "history_kernel": Solver(
        LinearRecurrence, plan_history_kernel, "all steps as one linear system, kernel projection", heavy=True
    ),
    "mask_lchs": Solver(
        LinearRecurrence,
        plan_mask_lchs,
        "one gradient step over and over as a flow, a sum of unitary ones by XOR masks",
        takes=has_step,
    ),
    "lchs": Solver(LinearODE, plan_lchs, "a lossy flow as a sum of unitary ones, by product formula"),
    "pauli_lchs": Solver(
        LinearODE, plan_pauli_lchs, "the same by Pauli strings, steps bounded by commutators", heavy=True
    ),
    "qsvt_lchs": Solver(
        LinearODE,
        plan_qsvt_lchs,
        "the same by one polynomial of a block encoding, nodes included",
        heavy=True,
    ),
    "taylor_marching": Solver(LinearODE, plan_taylor_marching, "Taylor steps, one block encoding each"),
    "taylor_history_qsvt": Solver(
        LinearODE,
        plan_taylor_history_qsvt,
        "Taylor steps as one linear system, polynomial inverse",
        heavy=True,
    ),
    "taylor_history_kernel": Solver(
        LinearODE,
        plan_taylor_history_kernel,
        "Taylor steps as one linear system, kernel projection",
        heavy=True,
    ),
    "trapezoid_kernel": Solver(
        LinearODE,
        plan_trapezoid_kernel,
        "implicit trapezoid as one linear system, kernel projection",
        heavy=True,
    ),
    "trapezoid_qsvt": Solver(
        LinearODE,
        plan_trapezoid_qsvt,
        "implicit trapezoid as one linear system, polynomial inverse",
        heavy=True,
    ),
    "euler_kernel": Solver(
        LinearODE, plan_euler_kernel, "explicit Euler steps as one linear system, a baseline", heavy=True
    ),
}


def check_solver(name: str) -> None:
    """Raise ConfigError, with the nearest name, unless this is a solver of the table or "auto"."""
    if name != "auto" and name not in SOLVERS:
        raise ConfigError(f"Unknown solver {name!r}.", subject=name, remedy=nearest(name, SOLVERS))


def list_solvers() -> list[dict[str, str]]:
    """The table of solvers: name, the problem each takes, summary."""
    return [
        {"name": name, "problem": row.problem.__name__, "summary": row.summary}
        for name, row in SOLVERS.items()
    ]
