"""The paper's own route: every step of a recurrence as one linear system, with idle rows that repeat the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.base import Plan
from qgd_core.linear.hhl import plan_hhl
from qgd_core.linear.kernel_reflection import plan_kernel_reflection
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.augment import realise_augmented
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.history import History, lay_out, lay_out_framed
from qgd_core.ode.history_estimate import plan_estimated
from qgd_core.ode.history_plan import FRAMED
from qgd_core.ode.history_solve import plan_filter, plan_inverse

# Rows past which a history's entries are too many to encode one by one.
_MOST_ROWS = 4096
# Variables up to which a history is also made from the singular values of its step, which does not scale.
_MOST_DENSE = 31


def history_system(problem: LinearRecurrence, idle: int | None = None) -> LinearSystem:
    """The system whose solution is (z_0, z_1, ..., z_T, z_T, ..., z_T).

    Arguments: problem; idle, p, how many more times the last state stands there: by default as many as fill the
    next power of two past 2 T + 1 blocks.
    Result: L x = (z_0, b_0, ..., b_{T-1}, 0, ..., 0) with identity blocks on the diagonal, -M_t below them for t < T
    and -1 in the idle rows; its wanted entries are those of the p + 1 copies of z_T, exactly.
    Raises: ConfigError for a negative idle.
    Source: Liu et al., arXiv:2303.03428, Eq 6, with M = I + A; the idle rows are those of Berry, Childs,
    Ostrander, Wang, arXiv:1701.03684.
    """
    steps, n = problem.steps, problem.z0.size
    if idle is None:
        idle = _idle(steps)
    if idle < 0:
        raise ConfigError(f"idle is {idle}, it cannot be negative.", value=idle)
    blocks = steps + 1 + idle
    below = [problem.matrix_at(t) for t in range(steps)] + [sp.eye_array(n, format="csr")] * idle
    lower = sp.coo_array(sp.block_diag(below))
    rows, columns = lower.coords
    shifted = sp.csr_array((lower.data, (rows + n, columns)), shape=(n * blocks, n * blocks))
    right = np.concatenate([problem.z0, *map(problem.source_at, range(steps)), np.zeros(n * idle)])
    last = range(steps, blocks)
    # An answer that is known to be zero is below its unit too.
    bound = problem.bound() or problem.unit
    return LinearSystem(
        sp.csr_array(sp.eye_array(n * blocks) - shifted),
        right,
        [[t * n + i for t in last] for i in problem.wanted],
        bound=bound * np.sqrt(idle + 1.0),
        floor=-bound,
        unit=problem.unit,
    )


def plan_history_qsvt(
    problem: LinearRecurrence,
    eps: float,
    encoding: str = "auto",
    idle: int | None = None,
    *,
    assembled: bool | None = None,
) -> Plan:
    """Plan a recurrence by its history system and the polynomial inverse; arguments and result as below."""
    return _plan(_Route("history_qsvt", plan_qsvt, plan_inverse), problem, eps, encoding, idle, assembled)


def plan_history_hhl(
    problem: LinearRecurrence,
    eps: float,
    encoding: str = "auto",
    idle: int | None = None,
    *,
    assembled: bool | None = None,
) -> Plan:
    """Plan a recurrence by its history system and phase estimation, a baseline; arguments and result as below."""
    return _plan(_Route("history_hhl", plan_hhl, plan_estimated), problem, eps, encoding, idle, assembled)


def plan_history_kernel(
    problem: LinearRecurrence,
    eps: float,
    encoding: str = "auto",
    idle: int | None = None,
    *,
    assembled: bool | None = None,
) -> Plan:
    """Plan a recurrence by its history system and the kernel projection, without building a circuit.

    The history is made from one encoding of the step and a time register, in the layout that the problem's own
    structure knows or from the step's entries; from the singular values of a small step, on the fewest qubits; or it
    is assembled and encoded as a matrix like any other.
    Arguments: problem; eps, 2-norm error of z_T[wanted] relative to |z0|; encoding, of the step or of the assembled
    matrix: a name of `list_encodings`, that of the problem's structure, or "auto"; idle, how many more times the
    last state stands there (at least, from steps); assembled, None for the one of least two-qubit gates times shots.
    Result: a plan whose error budget sums to eps, the others among its losers; the smallest singular value is
    computed up to 1500 rows in use from steps, estimated beyond (within 1%, by Lanczos) or, where that takes long, bounded
    by powers of alpha; up to 512 rows assembled it is computed, and estimated beyond (within 1%, by a factorisation).
    Raises: PrecisionUnreachable when the degree would pass 1e7, or no history fits.
    Source: Liu et al., arXiv:2303.03428, Eq 6, with the solver of arXiv:2406.12086.
    """
    # One block less leaves room for the known number without another qubit.
    whole = max(0, _idle(problem.steps) - 1) if idle is None else idle

    def solver(system: LinearSystem, eps: float, encoding: str) -> Plan:
        return plan_kernel_reflection(system, eps, encoding, length=_length(problem, system))

    route = _Route("history_kernel", solver, plan_filter, whole)
    return _plan(route, problem, eps, encoding, idle, assembled)


@dataclass(frozen=True)
class _Route:
    """A way to solve a history: for an assembled system, and for one by structure; idle rows of the assembled one."""

    name: str
    on_matrix: Callable[[LinearSystem, float, str], Plan]
    on_steps: Callable[[LinearRecurrence, History, float], Plan]
    idle: int | None = None


def _idle(steps: int) -> int:
    return (1 << (2 * steps).bit_length()) - steps - 1


def _plan(
    route: _Route,
    problem: LinearRecurrence,
    eps: float,
    encoding: str,
    idle: int | None,
    assembled: bool | None,
) -> Plan:
    own = problem.structure is not None and encoding in ("auto", problem.structure.method)
    plans: list[Plan] = []
    refusals: list[PrecisionUnreachable] = []

    def attempt(make: Callable[[], list[Plan]]) -> None:
        try:
            plans.extend(make())
        except PrecisionUnreachable as refusal:
            refusals.append(refusal)
        except ConfigError as refusal:
            if refusal.value is None:
                raise
            # Not the caller's system: a history whose steps grow is singular to rounding, whatever the error.
            refusals.append(
                PrecisionUnreachable(
                    f"The history of {problem.steps} steps cannot be inverted: {refusal.message}",
                    subject=problem,
                    remedy="March, take fewer steps at a time, or bring the norm of a step to 1.",
                )
            )

    if assembled is not True:
        attempt(lambda: _by_steps(route, problem, eps, encoding, idle))
    if assembled or (assembled is None and not own):
        attempt(
            lambda: [_by_matrix(route, problem, eps, encoding, idle if route.idle is None else route.idle)]
        )
    if not plans:
        raise min(refusals, key=lambda refusal: math.inf if refusal.value is None else refusal.value)

    def rank(plan: Plan) -> tuple[bool, int]:
        # What does not scale comes last, unless it was asked for.
        dense = encoding != "svd" and str(plan.parameters["encoding"]).startswith(FRAMED)
        return dense, plan.resources.two_qubit * plan.shots

    best, *others = sorted(plans, key=rank)
    return replace(best, losers=(*others, *best.losers))


def _by_steps(
    route: _Route, problem: LinearRecurrence, eps: float, encoding: str, idle: int | None
) -> list[Plan]:
    structure = problem.structure
    if structure is not None and encoding in ("auto", structure.method):
        realisation = structure.realise(problem.wanted, problem.bound())
    else:
        realisation = realise_augmented(problem, encoding)
    histories = lay_out(problem, realisation, idle)
    if encoding in ("auto", "svd") and problem.z0.size <= _MOST_DENSE:
        # The constant of the structure: it weighs the success probability against the shots.
        dense = realise_augmented(problem, "svd", None if structure is None else float(realisation.start[0]))
        histories += lay_out_framed(problem, dense, idle)
    return [route.on_steps(problem, history, eps) for history in histories]


def _by_matrix(route: _Route, problem: LinearRecurrence, eps: float, encoding: str, idle: int | None) -> Plan:
    rows = problem.z0.size * (problem.steps + 1 + (_idle(problem.steps) if idle is None else idle))
    if rows > _MOST_ROWS:
        raise PrecisionUnreachable(
            f"The history has {rows} rows; its entries are encoded up to {_MOST_ROWS}, whatever the error.",
            subject=problem,
            remedy="March, leave `assembled` open, or take fewer steps at a time.",
        )
    return replace(
        route.on_matrix(history_system(problem, idle), eps, encoding), solver=route.name, problem=problem
    )


def _length(problem: LinearRecurrence, system: LinearSystem) -> float:
    """Upper limit on the length of the shifted history, from entrywise absolute values."""
    z: RealArray = np.abs(problem.z0)
    total = known = float(z @ z)
    for t in range(problem.steps):
        b = np.abs(problem.source_at(t))
        z = np.asarray(abs(problem.matrix_at(t)) @ z) + b
        total, known = total + float(z @ z), known + float(b @ b)
    total += (system.wanted.shape[1] - 1) * float(z @ z)
    least = min(np.sqrt(total), np.sqrt(known) / system.smallest)
    return float(least + system.shift * np.sqrt(system.wanted.size))
