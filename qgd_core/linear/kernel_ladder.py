"""The kernel projection with the norm unknown: every candidate for it in superposition, and all of them are read."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.budget import ErrorBudget, best_share, check_share, easier, least_error
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost, rotation_t_count
from qgd_core.encodings.action import Action, kron_action, operator, transposed
from qgd_core.encodings.base import BlockEncoding
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, shots_for
from qgd_core.linear.filter import filter_degree, filtered, widen
from qgd_core.linear.needed import join, of_encodings
from qgd_core.linear.system import LinearSystem
from qgd_core.linear.transform import n_workspace, transform, transform_cost
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import kernel_filter
from qgd_core.readout.laddered import LadderedReadout
from qgd_core.state.prepare import prepare

_PEAK = 0.999
_MOST_QUERIES = 10**6
# Neighbouring candidates differ by at most this factor: one of them is within its root of the truth.
_RATIO = 4.0


def plan_kernel_ladder(
    problem: LinearSystem, eps: float, encoding: str = "auto", share: float | None = None
) -> Plan:
    """Plan A x = b by the kernel projection where nothing but |b| / |A| <= |x| <= |b| / smallest is known of |x|.

    With one t for |x| far off, nearly all accepted shots show t alone. Here t runs over a geometric ladder, held in
    a register: whatever |x| is, the rungs near it hold x at a constant share.
    Arguments: problem; eps, 2-norm error of x[wanted] relative to problem.unit; encoding, a name of
    `list_encodings` or "auto"; share, the filter's part of eps,
    by default the one of least queries times shots.
    Result: a plan whose shots grow with the logarithm of the condition number only, whose filter error is
    below its share to first order in what the filter leaves.
    Raises: PrecisionUnreachable past 1e6 queries; ConfigError when A is singular.
    Source: Dalzell, arXiv:2406.12086, section 4, with all candidates at once in the place of his search.
    """
    most = problem.shifted_bound()
    least = max(float(np.linalg.norm(problem.shifted())) / problem.norm, 1e-6 * most)
    bits = max(1, math.ceil(math.log2(max(1.0, math.log(most / least, _RATIO)))))
    rungs = least * (most / least) ** ((np.arange(2**bits) + 0.5) / 2**bits)
    rows, single, e, _ = widen(problem, float(rungs[0]), encoding)
    encoded, last = _with_ladder(single, rungs, problem.b.size), problem.b.size
    gap = (
        min(rows.smallest, float(np.linalg.norm(rows.shifted())) / rungs[-1]) / encoded.alpha * (1.0 - 1e-12)
    )
    # For every length x may have: the shares of the known numbers, which weigh the rungs, and those of a unit of x.
    lengths = np.geomspace(least, most, 200)[:, np.newaxis]
    known = rungs**4 / (lengths**2 + rungs**2) ** 2 / rungs.size
    unknown = known / rungs**2
    summed = (known * unknown).sum(axis=1)
    noise = float(((known**2 * unknown).sum(axis=1) / summed**2).max())
    spread = float(((known**2 * unknown / rungs**2).sum(axis=1) / summed**2).max())
    tops = np.sqrt(known.max(axis=1)), np.sqrt(unknown.max(axis=1))

    def filter_error(share: float, eps: float) -> float:
        # Numbers, scale and weights all move by what the filter leaves: twice what fixed weights allow is kept off.
        allowed = eps * share * problem.unit
        return float((allowed * np.sqrt(summed) / (tops[0] + (most + allowed) * tops[1])).min()) / 2.0

    def degree_at(share: float, eps: float) -> int:
        return filter_degree(gap, filter_error(share, eps))

    def share_at(eps: float) -> float:
        if share is not None:
            return check_share(share)
        return best_share(lambda part: degree_at(part, eps) / (1.0 - part) ** 2)

    part = share_at(eps)
    degree = degree_at(part, eps)
    if degree > _MOST_QUERIES:
        reachable = least_error(lambda eased: degree_at(share_at(eased), eased) <= _MOST_QUERIES, eps)
        raise PrecisionUnreachable(
            f"A filter of width {gap:.1e} needs degree {degree:.1e}, more than {_MOST_QUERIES:.0e}.",
            subject=problem,
            value=reachable,
            remedy=easier(reachable, f"{_MOST_QUERIES:.0e} queries", "precondition A"),
        )
    error = filter_error(part, eps)
    polynomial = kernel_filter(gap, error).polynomial * _PEAK
    readout = LadderedReadout(
        problem.wanted, problem.shift, rungs, last, e.size, math.sqrt(noise) / _PEAK, spread / _PEAK**2
    )
    fixed, turns = transform_cost(encoded, degree, single.n_system)
    rotations = turns + degree * e.size
    accepted = float((rungs**2 / (lengths**2 + rungs**2)).mean(axis=1).min())
    return Plan(
        solver="kernel_ladder",
        problem=problem,
        queries=degree,
        resources=Resources(
            # A rung's turn is controlled on the whole register.
            qubits=n_workspace(encoded, single.n_system)
            + encoded.n_ancilla
            + encoded.n_system
            + single.n_system,
            two_qubit=fixed + degree // 2 * 2 * (e.size - 2),
            rotations=rotations,
            t_gates=rotation_t_count(rotations, SYNTHESIS),
            success_probability=accepted * _PEAK**2 * (1.0 - 1e-3),
            shots=shots_for(readout, problem, eps * (1.0 - part)),
        ),
        error_budget=ErrorBudget(polynomial=eps * part, shots=eps * (1.0 - part)),
        scale=float(rungs[0]),
        readout=readout,
        build=lambda: _circuit(encoded, polynomial, e, bits, last),
        branch=lambda: filtered(encoded, polynomial, e, _start(rungs.size, e.size, last)),
        parameters={
            "encoding": encoded.method,
            "alpha": encoded.alpha,
            "gap": float(gap),
            "degree": degree,
            "rungs": rungs.size,
            "needed": join(rows.needed(), of_encodings(single)),
        },
    )


def _start(n_rungs: int, size: int, last: int) -> RealArray:
    start = np.zeros((n_rungs, size))
    start[:, last] = 1.0 / math.sqrt(n_rungs)
    return start.reshape(-1)


def _with_ladder(single: BlockEncoding, rungs: RealArray, last: int) -> BlockEncoding:
    """diag(A, tau) for every rung: one more ancilla, turned where the system holds the known number's state."""
    q, bits = single.n_system, rungs.size.bit_length() - 1
    here = tuple((1 + bits + k, last >> (q - 1 - k) & 1) for k in range(q))
    turn = CircuitBuilder("rung", 1 + bits + q)
    turn.gate("mux_ry", [*range(1, 1 + bits), 0], 2.0 * np.arccos(rungs[0] / rungs), here)
    turned = turn.build()
    extra = cost(turned)
    known = np.tile(np.eye(1, 2**q, last)[0], rungs.size)
    scales = 1.0 - known + known * np.repeat(rungs[0] / rungs, 2**q)

    def build() -> Circuit:
        builder = CircuitBuilder("laddered", 1 + single.n_ancilla + bits + q)
        ladder = range(1 + single.n_ancilla, 1 + single.n_ancilla + bits)
        own = [*range(1, 1 + single.n_ancilla), *range(ladder.stop, builder.n_qubits)]
        builder.call(turned, [0, *ladder, *own[single.n_ancilla :]])
        builder.call(single.circuit(), own)
        return builder.build()

    return BlockEncoding(
        method=single.method,
        target=_scaled(kron_action(rungs.size, single.target), scales),
        alpha=single.alpha,
        n_system=bits + q,
        n_ancilla=1 + single.n_ancilla,
        eps=single.eps,
        two_qubit=single.two_qubit + extra.two_qubit,
        rotations=single.rotations + extra.rotations,
        build=build,
        restored=single.restored,
    )


def _scaled(copies: Action, scales: RealArray) -> Action:
    """A matrix times a diagonal one."""
    if isinstance(copies, LinearOperator):
        back = transposed(copies)
        return operator(scales.size, lambda x: copies @ (scales * x), lambda x: scales * (back @ x))
    return sp.csr_array(copies @ sp.diags_array(scales))


def _circuit(encoding: BlockEncoding, polynomial: Chebyshev, e: RealArray, bits: int, last: int) -> Circuit:
    core = transform(encoding, qsvt_angles(polynomial).reflection, prepare(e, "right_side"))
    system = range(core.n_qubits - encoding.n_system, core.n_qubits)
    builder = CircuitBuilder("kernel_ladder", core.n_qubits, encoding.n_system)
    for rung in system[:bits]:
        builder.gate("h", [rung])
    for k, qubit in enumerate(reversed(system[bits:])):
        if last >> k & 1:
            builder.gate("x", [qubit])
    builder.call(core, range(core.n_qubits))
    builder.postselect(range(system.start))
    builder.measure(system, range(encoding.n_system))
    return builder.build()
