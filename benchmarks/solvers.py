"""Every route side by side: python benchmarks/solvers.py [systems] [flows] [window]

systems: A x = b of sizes 8 and 16 beside published figures of other packages; flows: dissipative linear ODEs; window:
one training window of four weights, by marching, by a flow with the generator log(M), and by Eq 6. CX are upper
bounds from the plan, which the tests hold the circuits to; errors are of the emulated success branch against dense
algebra, CX x shots is what a sampled answer with signs and scale costs at the asked error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import expm, logm

from qgd_core.errors import QgdError
from qgd_core.linear.cks import plan_cks
from qgd_core.linear.kernel_reflection import plan_kernel_reflection
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.lchs import plan_lchs
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.recurrence import plan_history_kernel, plan_history_qsvt
from qgd_core.ode.taylor import plan_taylor_marching

ROOT = Path(__file__).resolve().parents[1]
# NWQLib 1.0.3, transpiled at level 1 to {cx, rz, sx, x, h}: CX, success, relative error of the normalised state.
PEER = {(8, 1e-2): (12_841, 0.184, 2.9e-3), (8, 1e-3): (18_541, 0.133, 4.4e-4)}
PEER |= {(16, 1e-2): (114_716, 0.104, 4.8e-3), (16, 1e-3): (158_980, 0.078, 5.9e-4)}
HEAD = (
    "| case | route | how | qubits | queries | CX | success | CX / success | error | shots | CX x shots | s |"
)


def row(case: str, make: Callable[[], Any], truth: np.ndarray, unit: float) -> None:
    start = time.process_time()
    try:
        plan = make()
    except QgdError as error:
        print(f"| {case} | {str(error)[:120]} |")
        return
    found = plan.emulate()
    seconds = time.process_time() - start
    cost, chosen = plan.resources, getattr(plan, "parameters", {})
    error = np.linalg.norm(found.value - truth) / unit
    print(
        f"| {case} | {plan.solver} | {chosen.get('encoding', chosen.get('nodes', ''))} | {cost.qubits} |"
        f" {plan.queries} | {cost.two_qubit} | {found.accepted:.3f} | {cost.two_qubit / found.accepted:.0f} |"
        f" {error:.1e} | {cost.shots:.1e} | {cost.two_qubit * cost.shots:.1e} | {seconds:.1f} |"
    )


def systems() -> None:
    cases = json.loads((ROOT / "tests/data/linear_systems.json").read_text())["cases"]
    for case in cases:
        a, b = np.array(case["A"]), np.array(case["b"])
        x = np.linalg.solve(a, b)
        length = float(np.linalg.norm(x))
        for eps, (cx, success, error) in ((e, figures) for (n, e), figures in PEER.items() if n == len(b)):
            name = f"{len(b)}, {eps:.0e}"
            print(
                f"| {name} | NWQLib |  |  |  | {cx} | {success} | {cx / success:.0f} | {error:.1e} |  |  |  |"
            )
            blind = LinearSystem(a, b, unit=length)
            floor = LinearSystem(a, b, unit=length, floor=-2.0)
            row(name, lambda p=blind, e=eps: plan_qsvt(p, e), x, length)
            row(f"{name}, x > -2 known", lambda p=floor, e=eps: plan_qsvt(p, e), x, length)
            row(f"{name}, polynomial only", lambda p=floor, e=eps: plan_qsvt(p, e, share=0.999), x, length)
            row(name, lambda p=blind, e=eps: plan_kernel_reflection(p, e), x, length)
            row(name, lambda p=blind, e=eps: plan_cks(p, e), x, length)


def flows() -> None:
    for n, seed in ((2, 0), (4, 1), (8, 2)):
        rng = np.random.default_rng(seed)
        m = rng.normal(size=(n, n))
        a = -0.3 * np.eye(n) - 0.3 * m @ m.T / n + 0.3 * (m - m.T)
        problem = LinearODE(a, None, rng.normal(size=n), 1.0)
        truth = expm(a) @ problem.z0
        for nodes in ("low_somma", "fitted", "cauchy"):
            row(f"{n} variables", lambda p=problem, k=nodes: plan_lchs(p, 1e-2, k), truth, problem.unit)
        row(f"{n} variables", lambda p=problem: plan_taylor_marching(p, 1e-2), truth, problem.unit)


def window() -> None:
    from qgd_core.config import read_config
    from qgd_core.learn.trainer import SparseTrainer
    from qgd_core.learn.window import Settings, plan_window

    loss = SparseTrainer(read_config(ROOT / "examples/breast_cancer.toml", ["backend=emulator"])).loss
    planned = plan_window(loss, loss.read(), Settings(steps=10, newton_steps=2, budget=0.06))
    problem = planned.route.problem
    assert isinstance(problem, LinearRecurrence)
    truth = problem.classical()
    move = planned.move_estimate * planned.system.scale
    eps = 1e-2 * move / problem.unit
    row("structure", lambda: planned.route, truth, move)
    row("entries", lambda: plan_marching(LinearRecurrence(*_parts(problem)), eps), truth, move)
    n = problem.z0.size
    widened = np.eye(n + 1)
    widened[1:, 1:], widened[1:, 0] = problem.matrices[0].toarray(), problem.source_at(0)
    generator = np.real(logm(widened))
    flow = LinearODE(
        generator[1:, 1:], generator[1:, 0], problem.z0, problem.steps, problem.wanted, problem.bound()
    )
    row("log(M)", lambda: plan_lchs(flow, eps, "fitted"), truth, move)
    row("log(M)", lambda: plan_lchs(flow, eps), truth, move)
    for share in (0.05, 0.02):
        wide = share * move / problem.unit
        for make in (plan_history_kernel, plan_history_qsvt):
            for idle in (3, 15):
                case = f"Eq 6, {idle} idle rows at least, {share:.0e}"
                row(case, lambda m=make, e=wide, i=idle: m(problem, e, idle=i), truth, move)
    row("Eq 6, dense step", lambda: plan_history_kernel(problem, eps, "svd", assembled=False), truth, move)
    row("Eq 6, assembled", lambda: plan_history_kernel(problem, eps, "svd", assembled=True), truth, move)


def _parts(problem: LinearRecurrence) -> tuple[Any, ...]:
    """The same recurrence without the layout it knows."""
    return (
        problem.matrices[0],
        problem.source_at(0),
        problem.z0,
        problem.steps,
        problem.wanted,
        problem.bound(),
    )


if __name__ == "__main__":
    for section in (systems, flows, window):
        if section.__name__ in (sys.argv[1:] or ("systems", "flows", "window")):
            print(f"\n## {section.__name__}\n{HEAD}\n|{'---|' * 12}")
            section()
