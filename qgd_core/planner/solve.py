"""`solve`: plan, compile, run and read in one call."""

from __future__ import annotations

from qgd_core.backends.api import Backend
from qgd_core.backends.registry import get_backend
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.linear.base import Plan, Resources, Solution
from qgd_core.planner.choose import plan
from qgd_core.planner.solvers import Problem


def solve(
    problem: Problem,
    eps: float,
    solver: str = "auto",
    backend: str = "emulator",
    shots: int | None = None,
    seed: int | None = None,
    *,
    amplified: bool = False,
) -> Solution:
    """Solve a problem on a backend.

    Arguments: problem, eps, solver and amplified as for `plan`; backend, a string such as "qiskit:aer"; shots, None for
    exact amplitudes; seed, for sampling.
    Result: the wanted values in the unit of z0 with standard errors; the observed error stays below
    eps |z0| (with probability 1 - 1e-4 when at least `plan(...).shots` are taken).
    Raises: as `plan` and `get_backend`; ResultMissing when no shot was accepted.
    Source: none.
    """
    machine = get_backend(backend)
    return run_plan(plan(problem, eps, solver, machine, amplified=amplified), machine, shots, seed)


def run_plan(route: Plan, backend: Backend, shots: int | None, seed: int | None) -> Solution:
    """Compile a plan, run it and read it; arguments and result as for `solve`."""
    executable = backend.compile(route.compile())
    if shots is None:
        estimate = route.read_amplitudes(executable.amplitudes())
    else:
        outcomes = executable.run(shots, seed)
        estimate = route.read_counts(outcomes.counts, outcomes.shots)
    counts = executable.counts()
    resources = Resources(
        qubits=route.resources.qubits,
        two_qubit=counts.two_qubit,
        rotations=counts.rotations,
        t_gates=rotation_t_count(counts.rotations, route.resources.synthesis),
        success_probability=estimate.accepted,
        shots=shots or 0,
        synthesis=route.resources.synthesis,
    )
    return Solution(
        value=estimate.value,
        stderr=estimate.stderr,
        scale=route.scale,
        error_budget=route.error_budget,
        success_probability=estimate.accepted,
        resources=resources,
        program=route.compile(),
    )
