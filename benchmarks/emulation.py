"""Every solver emulated on sparse problems of 1e4 to 1e7 unknowns: python benchmarks/emulation.py [SOLVER ...] [SIZE ...]

Nothing of the size squared is made: a tridiagonal system, its recurrence of three steps, its flow of length 1/4, and for
mask_lchs a quadratic step whose Carleman system has that many unknowns. Four entries are read. Each row is a process of its
own of at most 10 GiB of data and 1500 s; errors are against the classical solution at the asked error of 1e-2, memory is the
process's peak. Where all times stand in one system, its blocks are given: it has blocks times the unknowns.
What a method cannot do at a size it says itself.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from functools import partial
from signal import SIGXCPU

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_banded

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import QgdError
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.pauli_lchs import plan_pauli_lchs
from qgd_core.planner.solvers import SOLVERS

SIZES = (10_000, 1_000_000, 10_000_000)
EPS = 1e-2
TIME = 0.25
MOST_MEMORY = 10 << 30
MOST_SECONDS = 1500
# Otherwise than by default: of the fewest nodes, since each is followed for itself.
MADE = {"pauli_lchs": partial(plan_pauli_lchs, nodes="fitted")}
COLUMNS = (
    "solver",
    "unknowns",
    "how",
    "blocks",
    "queries",
    "error",
    "success",
    "planned, s",
    "emulated, s",
    "peak, GiB",
)


def start(n: int) -> np.ndarray:
    """A vector of which four entries are not zero."""
    z = np.zeros(n)
    z[:4] = [1.0, -0.5, 0.25, 0.8]
    return z


def tridiagonal(n: int, below: float, diagonal: float, above: float) -> sp.csr_array:
    return sp.diags_array([below, diagonal, above], offsets=[-1, 0, 1], shape=(n, n), format="csr")


def problem_of(kind: type, n: int) -> LinearSystem | LinearRecurrence | LinearODE:
    """The sparse problem of a kind: none of them is symmetric."""
    if kind is LinearSystem:
        matrix = tridiagonal(n, -0.15, 1.0, -0.05)
        return LinearSystem(matrix, start(n), range(4), smallest=0.8, bound=2.0)
    if kind is LinearODE:
        return LinearODE(tridiagonal(n, 0.2, -0.5, 0.1), None, start(n), TIME, range(4), bound=1.5)
    return LinearRecurrence(tridiagonal(n, 0.2, 0.5, 0.1), None, start(n), 3, range(4), bound=1.5)


def truth_of(problem: LinearSystem | LinearRecurrence | LinearODE) -> np.ndarray:
    """The classical answer; a tridiagonal system's by elimination, since a sparse factorisation fills memory at 1e7."""
    if not isinstance(problem, LinearSystem):
        return problem.classical()
    bands = np.zeros((3, problem.b.size))
    for k, offset in enumerate((1, 0, -1)):
        bands[k, max(0, offset) : bands.shape[1] + min(0, offset)] = problem.matrix.diagonal(offset)
    return solve_banded((1, 1), bands, problem.b)[problem.wanted].mean(axis=1)


def step_problem(size: int) -> LinearRecurrence:
    """A quadratic step of as many variables as make so many Carleman unknowns of order 2."""
    n = int((np.sqrt(9 + 8 * size) - 3) / 2)
    y = np.zeros((1, n))
    y[0, :2] = [0.6, 0.8]
    step = LowRankMap(np.zeros(n), np.linspace(0.9, 0.5, n), np.array([0.05]), y)
    system = carleman(step.field(1.0), order=2, step=1.0, scale=1.0)
    u0 = 0.5 * start(n)
    structure = SlotSteps((step,), u0, 1.0, 3)
    return LinearRecurrence(system.matrix, None, system.lift(u0), 3, range(4), 1.0, structure)


def measure(name: str, size: int) -> None:
    """One row."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    solver = SOLVERS[name]
    try:
        problem = step_problem(size) if name == "mask_lchs" else problem_of(solver.problem, size)
        began = time.process_time()
        plan = MADE.get(name, solver.make_plan)(problem, EPS)
        planned = time.process_time()
        found = plan.emulate()
    except (QgdError, MemoryError) as refusal:
        print(f"| {name} | {size:.0e} | {str(refusal).replace('|', '/') or 'out of memory'} |{' |' * 7}")
        return
    seconds, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    error = np.linalg.norm(found.value - truth_of(problem)) / problem.unit
    print(
        f"| {name} | {size:.0e} | {plan.parameters.get('encoding', plan.parameters.get('nodes', ''))} |"
        f" {plan.parameters.get('blocks', '')} | {plan.queries} |"
        f" {error:.1e} | {found.accepted:.2g} | {planned - began:.1f} | {seconds - planned:.1f} | {peak:.2f} |"
    )


def table(names: list[str], sizes: list[int]) -> None:
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for name in names:
        for size in sizes:
            command = [sys.executable, __file__, "--one", name, str(size)]
            done = subprocess.run(command, capture_output=True, text=True)
            trouble = (
                f"more than {MOST_SECONDS} s" if done.returncode == -SIGXCPU else done.stderr.strip()[-200:]
            )
            rest = " |" * (len(COLUMNS) - 2)
            print(done.stdout.strip() or f"| {name} | {size:.0e} | {trouble} {rest}", flush=True)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--one"]:
        measure(arguments[1], int(arguments[2]))
        return
    sizes = [int(float(a)) for a in arguments if a[0].isdigit()]
    table([a for a in arguments if a in SOLVERS] or list(SOLVERS), sizes or list(SIZES))


if __name__ == "__main__":
    main(sys.argv[1:])
