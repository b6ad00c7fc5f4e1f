"""Linear ODEs: dissipative, not normal."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from routes.peers import peer_row
from routes.rows import head, routes, row
from scipy.linalg import expm

from qgd_core.circuit.simulate import simulate
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.lchs import plan_lchs
from qgd_core.planner.choose import plan

SECONDS = 5.0


def flows() -> None:
    """dz/dt = A z, dissipative, not normal, T = 1; the last row of each is the planner's own choice at gate level.

    NWQLib runs its LCHS where it is installed, up to two variables: four take minutes. The limit of the flow of eight
    variables is to be planned, built and simulated within 5 s.
    """
    head()
    for n, seed in ((2, 0), (4, 1), (8, 2)):
        rng = np.random.default_rng(seed)
        m = rng.normal(size=(n, n))
        a = -0.3 * np.eye(n) - 0.3 * m @ m.T / n + 0.3 * (m - m.T)
        problem = LinearODE(a, None, rng.normal(size=n), 1.0)
        truth = expm(a) @ problem.z0
        name = f"{n} variables, 1e-02"
        if n == 2:
            task = {"kind": "flow", "A": a.tolist(), "b": problem.z0.tolist(), "eps": 1e-2, "time": 1.0}
            peer_row(name, "nwqlib", task)
        routes(name, problem, 1e-2, truth, problem.unit)
        for nodes in ("fitted", "cauchy"):
            row(name, partial(plan_lchs, problem, 1e-2, nodes), truth, problem.unit)
        built(name, problem, truth, held=n == 8)


def built(case: str, problem: LinearODE, truth: np.ndarray, held: bool) -> None:
    """The planner's choice, built and simulated gate by gate."""
    began = time.process_time()
    chosen = plan(problem, 1e-2)
    program = chosen.compile()
    amplitudes = simulate(program.circuit)[: 2**program.circuit.n_bits]
    seconds = time.process_time() - began
    error = np.linalg.norm(chosen.read_amplitudes(amplitudes).value - truth) / problem.unit
    success, cx = float(np.vdot(amplitudes, amplitudes).real), chosen.resources.two_qubit
    met = f"{'met' if seconds < SECONDS else 'not met'}: {SECONDS:.0f} s" if held else ""
    print(
        f"| {case} | auto ({chosen.solver}), simulated | gates | {chosen.qubits} | {chosen.queries} | {cx} |"
        f" {success:.2g} | {cx / success:.3g} | {error:.1e} | {chosen.resources.shots:.1e} |"
        f" {cx * chosen.resources.shots:.1e} | {seconds:.1f} | {met} |"
    )
