"""The paper's own route: every step of a recurrence as one linear system, with idle rows that repeat the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.base import Plan
from qgd_core.linear.kernel_reflection import plan_kernel_reflection
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence

# Rows past which a history's entries are too many to encode one by one.
_MOST_ROWS = 4096


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
    return LinearSystem(
        sp.csr_array(sp.eye_array(n * blocks) - shifted),
        right,
        [[t * n + i for t in last] for i in problem.wanted],
        bound=problem.bound() * np.sqrt(idle + 1.0),
        floor=-problem.bound(),
        unit=problem.unit,
    )


def plan_history_qsvt(
    problem: LinearRecurrence, eps: float, encoding: str = "auto", idle: int | None = None
) -> Plan:
    """Plan a recurrence by its history system and the polynomial inverse; arguments and result as below."""
    return _plan(problem, eps, plan_qsvt, "history_qsvt", encoding, idle)


def plan_history_kernel(
    problem: LinearRecurrence, eps: float, encoding: str = "auto", idle: int | None = None
) -> Plan:
    """Plan a recurrence by its history system and the kernel projection, without building a circuit.

    Arguments: problem; eps, 2-norm error of z_T[wanted] relative to |z0|; encoding, a name of `list_encodings`
    or "auto"; idle, as for `history_system`.
    Result: a plan whose error budget sums to eps; the smallest singular value is computed up to 512 rows and
    estimated beyond (within 1%, by a factorisation).
    Raises: PrecisionUnreachable when the degree would pass 1e7.
    Source: Liu et al., arXiv:2303.03428, Eq 6, with the solver of arXiv:2406.12086.
    """

    if idle is None:
        # One block less leaves room for the known number without another qubit.
        idle = max(0, _idle(problem.steps) - 1)

    def solver(system: LinearSystem, eps: float, encoding: str) -> Plan:
        return plan_kernel_reflection(system, eps, encoding, length=_length(problem, system))

    return _plan(problem, eps, solver, "history_kernel", encoding, idle)


def _idle(steps: int) -> int:
    return (1 << (2 * steps).bit_length()) - steps - 1


def _plan(
    problem: LinearRecurrence,
    eps: float,
    solver: Callable[[LinearSystem, float, str], Plan],
    name: str,
    encoding: str,
    idle: int | None,
) -> Plan:
    rows = problem.z0.size * (problem.steps + 1 + (_idle(problem.steps) if idle is None else idle))
    if rows > _MOST_ROWS:
        raise PrecisionUnreachable(
            f"The history has {rows} rows; its entries are encoded up to {_MOST_ROWS}.",
            subject=problem,
            value=rows,
            remedy="March, or take fewer steps at a time.",
        )
    route = solver(history_system(problem, idle), eps, encoding)
    return replace(route, solver=name, problem=problem)


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
