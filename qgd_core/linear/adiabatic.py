"""The discrete adiabatic theorem: a walk that follows the solution as the matrix is turned on, then a filter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget, best_share, check_share, easier, least_error
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost, rotation_t_count
from qgd_core.circuit.ops import Controls
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.block import COUNTED
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, shots_for
from qgd_core.linear.filter import filter_degree, filtered, widen
from qgd_core.linear.needed import join, of_encodings
from qgd_core.linear.system import LinearSystem
from qgd_core.linear.transform import n_workspace, transform, transform_cost
from qgd_core.linear.walk import follow
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import kernel_filter
from qgd_core.readout.shifted import ReferredReadout
from qgd_core.state.prepare import prepare

_PEAK = 0.999
_MOST_QUERIES = 10**6
# Steps, those per unit of condition, and the overlap with the solution that they reached in every system tried.
_LEAST_STEPS = 24
_STEPS = 9.0
_OVERLAP = 0.8
_POWER = 1.5


def plan_adiabatic(
    problem: LinearSystem, eps: float, encoding: str = "auto", share: float | None = None
) -> Plan:
    """Plan A x = b by an adiabatic walk and an eigenstate filter, without building a circuit.

    Arguments: problem; eps, 2-norm error of x[wanted] relative to problem.unit; encoding, a name of
    `list_encodings` or "auto"; share, the filter's part of eps,
    by default the one of least queries times shots.
    Result: a plan of 18 kappa + O(kappa log(1/eps)) queries. Its error bound takes an overlap of 0.8 after the walk,
    which is measured and not proven at this many steps (the paper proves 0.5 for 2305 kappa): the accepted share of
    shots shows it, and should not be below 0.63. A third of the steps reach 0.5 at a third less a shot, and take twice
    as many gates altogether. A known number beside x gives the scale.
    Raises: PrecisionUnreachable past 1e6 queries; ConfigError when A is singular.
    Source: Costa et al., arXiv:2111.08152, theorem 9 and Eq 55 (schedule); steps in practice arXiv:2312.07690.
    """
    most = problem.shifted_bound()
    least = max(float(np.linalg.norm(problem.shifted())) / problem.norm, 1e-3 * most)
    t = math.sqrt(least * most)
    rows, encoded, e, smallest = widen(problem, t, encoding)
    last = problem.b.size
    gap = smallest / encoded.alpha * (1.0 - 1e-12)
    steps = 2 * math.ceil((_LEAST_STEPS + _STEPS / gap) / 2.0)
    length = math.hypot(most, t)

    def degree_at(share: float, eps: float) -> int:
        return filter_degree(gap, filter_error(share, eps))

    def filter_error(share: float, eps: float) -> float:
        # A part d of the filtered state that is not the solution moves x by N d (1 + |x| / t) / (1 - N d / t).
        allowed = eps * share * problem.unit
        return _OVERLAP * allowed / (length * (1.0 + most / t) + allowed * length / t)

    def share_at(eps: float) -> float:
        if share is not None:
            return check_share(share)
        return best_share(lambda part: (2 * steps + degree_at(part, eps)) / (1.0 - part) ** 2)

    part = share_at(eps)
    degree = degree_at(part, eps)
    if degree + steps > _MOST_QUERIES:
        reachable = least_error(lambda eased: degree_at(share_at(eased), eased) + steps <= _MOST_QUERIES, eps)
        raise PrecisionUnreachable(
            f"A gap of {gap:.1e} needs {steps + degree:.1e} queries, more than {_MOST_QUERIES:.0e}.",
            subject=problem,
            value=reachable,
            remedy=easier(
                reachable, f"{_MOST_QUERIES:.0e} queries", "use kernel_reflection or qsvt, or precondition A"
            ),
        )
    error = filter_error(part, eps)
    path = Path(encoded, e, _angles(steps, 1.0 / gap))
    polynomial = kernel_filter(gap, error).polynomial * _PEAK
    readout = ReferredReadout(problem.wanted, problem.shift, length / (_OVERLAP * _PEAK), last, t)
    fixed, turns = transform_cost(encoded, degree, encoded.n_system)
    select_two_qubit, select_rotations = path.select_cost()
    projected = encoded.n_projected
    controls = projected + encoded.n_system
    excluding = 2 * e.size + 6 * (projected + 2 + encoded.n_system)
    rotations = turns + (degree + steps) * e.size + steps * (8 * controls + select_rotations + 1)
    resources = Resources(
        qubits=4 + n_workspace(encoded, encoded.n_system) + encoded.n_ancilla + encoded.n_system + controls,
        two_qubit=fixed
        + degree // 2 * 2 * (e.size - 2)
        + steps // 2 * excluding
        + steps * (select_two_qubit + 6 * (projected + 1))
        + e.size,
        rotations=rotations,
        t_gates=rotation_t_count(rotations, SYNTHESIS),
        success_probability=(_OVERLAP * _PEAK) ** 2,
        shots=shots_for(readout, problem, eps * (1.0 - part)),
    )
    return Plan(
        solver="adiabatic",
        problem=problem,
        queries=2 * steps + degree,
        resources=resources,
        error_budget=ErrorBudget(polynomial=eps * part, shots=eps * (1.0 - part)),
        scale=t,
        readout=readout,
        build=lambda: _circuit(path, polynomial, last),
        branch=lambda: _branch(path, polynomial),
        parameters={
            "encoding": encoded.method,
            "alpha": encoded.alpha,
            "gap": gap,
            "steps": steps,
            "degree": degree,
            "t": t,
            "overlap": "0.8 or more, measured, not proven",
            "needed": join(rows.needed(), of_encodings(encoded)),
        },
    )


def _angles(steps: int, kappa: float) -> RealArray:
    """Angles of the mixing qubit: tan(angle / 2) = f / (1 - f) along the schedule, f ending at 1."""
    s = np.arange(1, steps + 1) / steps
    top = kappa * (1.0 + 1e-9)
    f = top / (top - 1.0) * (1.0 - (1.0 + s * (top ** (_POWER - 1.0) - 1.0)) ** (1.0 / (1.0 - _POWER)))
    return np.asarray(2.0 * np.arctan2(np.minimum(f, 1.0), 1.0 - np.minimum(f, 1.0)))


@dataclass(frozen=True, eq=False)
class Path:
    """(1 - f) Z + f (|0><1| A + |1><0| A^T) for each f, its right side (e, 0), e of length 1; see `_angles`."""

    encoding: BlockEncoding
    e: RealArray
    angles: RealArray

    @cached_property
    def select(self) -> Circuit:
        """Z on the second qubit where the first is 0, else A or its transpose by the second, which it flips."""
        query = self.encoding.circuit()
        builder = CircuitBuilder("select", 2 + query.n_qubits)
        own = range(2, builder.n_qubits)
        builder.gate("z", [1], (), ((0, 0),))
        builder.call(query, own, controls=((0, 1), (1, 1)))
        builder.call(query, own, controls=((0, 1), (1, 0)), adjoint=True)
        builder.gate("x", [1], (), ((0, 1),))
        return builder.build()

    def select_cost(self) -> tuple[int, int]:
        """Upper bounds on its CX and rotations: counted where it is small, else two encodings under one control each."""
        if self.encoding.n_system <= COUNTED:
            counts = cost(self.select)
            return counts.two_qubit, counts.rotations
        two_qubit, rotations = self.encoding.gated_cost()
        return 2 * two_qubit + 16, 2 * rotations

    def walk(self) -> Circuit:
        """Every step, on [mixing, side, ancillas..., system...]; the right side stands on side 0."""
        n_ancilla = 2 + self.encoding.n_ancilla
        builder = CircuitBuilder("walk", n_ancilla + self.encoding.n_system)
        everything, system = range(builder.n_qubits), range(n_ancilla, builder.n_qubits)
        projected = range(2, n_ancilla - self.encoding.restored)
        inside: Controls = ((0, 0), *((q, 0) for q in projected))
        right_side = prepare(self.e, "right_side")
        builder.call(right_side, system)
        for k, angle in enumerate(self.angles.tolist()):
            if k % 2 == 0:
                builder.gate("ry", [0], [angle])
                builder.call(self.select, everything)
                builder.gate("h", [0])
                builder.call(right_side, system, adjoint=True)
                builder.gate("gphase", [], [np.pi], (*inside, (1, 0), *((q, 0) for q in system)))
                builder.call(right_side, system)
            else:
                builder.gate("h", [0])
                builder.call(self.select, everything)
                builder.gate("ry", [0], [-angle])
            builder.gate("gphase", [], [np.pi], inside)
        return builder.build()


def _circuit(path: Path, polynomial: Chebyshev, last: int) -> Circuit:
    encoding = path.encoding
    core = transform(encoding, qsvt_angles(polynomial).reflection, prepare(path.e, "right_side"))
    n_work = 1 + n_workspace(encoding, encoding.n_system)
    builder = CircuitBuilder("adiabatic", core.n_qubits + 2, encoding.n_system)
    own = range(n_work + 2, builder.n_qubits)
    builder.call(path.walk(), [n_work, n_work + 1, *own])
    builder.postselect([n_work, n_work + 1, *own[: encoding.n_ancilla]], [0, 1, *[0] * encoding.n_ancilla])
    builder.gate("x", [n_work + 1])
    builder.call(core, [*range(n_work), *own])
    system = own[encoding.n_ancilla :]
    builder.postselect([*range(n_work), *own[: encoding.n_ancilla]])
    builder.measure(system, range(encoding.n_system))
    return builder.build()


def _branch(path: Path, polynomial: Chebyshev) -> ComplexArray:
    state = follow(path.encoding.target, path.encoding.alpha, path.e, path.angles)
    return filtered(path.encoding, polynomial, path.e, state)
