"""The solution as the kernel of a projected matrix: one even filter, no inverse."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget, best_share, check_share, easier, least_error
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
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
from qgd_core.readout.shifted import ReferredReadout
from qgd_core.state.prepare import prepare

# Largest magnitude of the filter: phases need it below 1.
_PEAK = 0.999
_MOST_QUERIES = 10**7


def plan_kernel_reflection(
    problem: LinearSystem,
    eps: float,
    encoding: str = "auto",
    share: float | None = None,
    length: float | None = None,
) -> Plan:
    """Plan A x = b by projecting a known number onto the kernel of (1 - b b^T) A, without building a circuit.

    With t near |x|, the kernel of (1 - e e^T) diag(A, |b| / t), e along (b, |b|), is the line of (x, t). An even
    filter projects the last basis state on it: x comes beside the known t, which gives its scale.
    Arguments: problem; eps, 2-norm error of x[wanted] relative to problem.unit; encoding, a name of
    `list_encodings` or "auto"; share, the filter's part of eps; length, an upper limit on |x + shift|, near it
    if possible: the success probability is 1 / (1 + (|x + shift| / length)^2), at least 1/2.
    Result: a plan whose filter error is proved below its share, and whose shots keep the sampling error below
    the rest with probability 1 - 1e-4.
    Raises: PrecisionUnreachable when the degree would pass 1e7; ConfigError when A is singular.
    Source: Dalzell, arXiv:2406.12086, with the projection in the place of the reflection, so that the scale
    survives; the filter is that of Lin, Tong, arXiv:1910.14596.
    """
    t = problem.shifted_bound() if length is None else length
    rows, encoded, e, smallest = widen(problem, t, encoding)
    # Left-out components e of the projected vector make an error of at most (1 + |x|^2 / t^2) t |e| (1 + |e|).
    gap = smallest / encoded.alpha * (1.0 - 1e-12)
    unit = problem.unit / (2.0 * t)

    def share_at(eps: float) -> float:
        if share is not None:
            return check_share(share)
        return best_share(lambda part: degree_at(part, eps) / (1.0 - part) ** 2)

    def error_at(part: float, eps: float) -> float:
        return eps * part * unit / (1.0 + 2.0 * eps * part * unit)

    def degree_at(part: float, eps: float) -> int:
        return filter_degree(gap, error_at(part, eps))

    part = share_at(eps)
    error, degree = error_at(part, eps), degree_at(part, eps)
    if degree > _MOST_QUERIES:
        reachable = least_error(lambda eased: degree_at(share_at(eased), eased) <= _MOST_QUERIES, eps)
        raise PrecisionUnreachable(
            f"A filter of width {gap:.1e} needs degree {degree:.1e}, more than {_MOST_QUERIES:.0e}.",
            subject=problem,
            value=reachable,
            remedy=easier(reachable, f"{_MOST_QUERIES:.0e} queries", "precondition A"),
        )
    polynomial = kernel_filter(gap, error).polynomial * _PEAK
    last = problem.b.size
    readout = ReferredReadout(problem.wanted, problem.shift, 2.0 * t / _PEAK, last, t)
    fixed, turns = transform_cost(encoded, degree, encoded.n_system)
    rotations = turns + degree * e.size
    resources = Resources(
        qubits=1 + n_workspace(encoded, encoded.n_system) + encoded.n_ancilla + encoded.n_system,
        two_qubit=fixed + degree // 2 * 2 * (e.size - 2),
        rotations=rotations,
        t_gates=rotation_t_count(rotations, SYNTHESIS),
        success_probability=_PEAK**2 / 2,
        shots=shots_for(readout, problem, eps * (1.0 - part)),
    )
    return Plan(
        solver="kernel_reflection",
        problem=problem,
        queries=degree,
        resources=resources,
        error_budget=ErrorBudget(polynomial=eps * part, shots=eps * (1.0 - part)),
        scale=t,
        readout=readout,
        build=lambda: _circuit(encoded, polynomial, e, last),
        branch=lambda: _branch(encoded, polynomial, e, last),
        parameters={
            "encoding": encoded.method,
            "alpha": encoded.alpha,
            "gap": gap,
            "degree": degree,
            "t": t,
            "needed": join(rows.needed(), of_encodings(encoded)),
        },
    )


def _circuit(encoding: BlockEncoding, polynomial: Chebyshev, excluded: RealArray, last: int) -> Circuit:
    core = transform(encoding, qsvt_angles(polynomial).reflection, prepare(excluded, "right_side"))
    system = range(core.n_qubits - encoding.n_system, core.n_qubits)
    builder = CircuitBuilder("kernel_projection", core.n_qubits, encoding.n_system)
    for k, qubit in enumerate(reversed(system)):
        if last >> k & 1:
            builder.gate("x", [qubit])
    builder.call(core, range(core.n_qubits))
    builder.postselect(range(system.start))
    builder.measure(system, range(encoding.n_system))
    return builder.build()


def _branch(encoding: BlockEncoding, polynomial: Chebyshev, excluded: RealArray, last: int) -> ComplexArray:
    v = np.zeros(excluded.size)
    v[last] = 1.0
    return filtered(encoding, polynomial, excluded, v)
