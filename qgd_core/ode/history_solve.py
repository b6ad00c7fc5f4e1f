"""Solvers of a history by structure: a filter on its kernel, and the inverse; the constant gives sign and scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget, best_share, easier, least_error
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost, rotation_t_count
from qgd_core.circuit.lower import lower
from qgd_core.circuit.rotation import rotation, rotation_cost, rotation_turns
from qgd_core.encodings.base import transposed
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import FAILURE, SYNTHESIS, Plan, Resources
from qgd_core.linear.needed import join, of_encodings
from qgd_core.linear.transform import n_workspace, transform, transform_cost, transform_vector
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.history import History
from qgd_core.ode.marching import READABLE
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import inverse, kernel_filter
from qgd_core.readout.copied import CopiedReadout

Evolution: TypeAlias = LinearRecurrence | LinearODE

# Largest magnitude of a polynomial: phases need it below 1.
_PEAK = 0.999
_MOST_QUERIES = 10**7
# What a history in the frames of a dense step is called.
FRAMED = "framed history"
# Relative slack against rounding.
_SLACK = 1e-9
# A gap that is refused whatever the error.
_NO_GAP = 1e-12


def plan_filter(problem: Evolution, history: History, eps: float) -> Plan:
    """Plan a history by projecting equal constants in all blocks on the kernel of (1 - e e^T) L.

    That kernel is the line of x. Its constant coordinate is the same in every block, so the state that holds nothing
    else is near it: no length of x need be known, and no known number be adjoined.
    Arguments: problem; history; eps, 2-norm error of z_T[wanted] relative to problem.unit.
    Result: a plan whose filter error is proved below its share, from the gap and an upper limit on |x|, and whose
    shots keep the sampling error below the rest with probability 1 - 1e-4.
    Raises: PrecisionUnreachable when the degree would pass 1e7.
    Source: Eq 6 of arXiv:2303.03428; projection on the kernel: Dalzell, arXiv:2406.12086, and Lin, Tong,
    arXiv:1910.14596. That the constant takes the place of the adjoined number is derived here.
    """
    constant, length = history.constant, history.length
    gap = max(history.gap / history.encoding.alpha * (1.0 - _SLACK), _NO_GAP)
    overlap = min(1.0, math.sqrt(history.used) * constant / length)
    # A left-out component of length w, where x has length 1, moves a wanted entry by at most w * spread.
    spread = math.sqrt(1.0 - overlap**2) * length**2 / (math.sqrt(history.used * history.copies) * constant)

    def error(allowed: float) -> float:
        return min(0.5, _within(problem, constant, allowed) / max(spread, 1e-300))

    def degree(allowed: float) -> int:
        return 2 * max(1, math.ceil(math.acosh(1.0 / error(allowed)) / _rate(gap)))

    share = _share(problem, eps, degree, gap)
    polynomial = kernel_filter(gap, error(eps * share)).polynomial * _PEAK
    norm = length**2 / (_PEAK * math.sqrt(history.used * history.copies) * constant)
    return plan_polynomial(
        "history_kernel", problem, history, polynomial, eps, share, norm, (_PEAK * overlap) ** 2, {"gap": gap}
    )


def plan_inverse(problem: Evolution, history: History, eps: float) -> Plan:
    """Plan a history by the odd polynomial of least degree near 1/x; arguments and result as for `plan_filter`.

    Source: Gilyen et al., arXiv:1806.01838, theorem 41, with the polynomial of arXiv:2507.15537.
    """
    kappa = kappa_of(history)

    def degree(allowed: float) -> int:
        digits = math.log(2.0 * kappa / min(kappa, allowed_error(problem, history, allowed)))
        return 2 * math.ceil(digits / math.log1p(2.0 / (kappa - 1.0)))

    share = _share(problem, eps, degree, 1.0 / kappa)
    target = inverse(kappa, allowed_error(problem, history, eps * share)).scaled(_PEAK)
    whole = history.pull / (target.factor * history.encoding.alpha)
    # The constant stands in every block in use.
    least = math.sqrt(history.used) * history.constant / whole - target.factor * target.error
    return plan_polynomial(
        "history_qsvt",
        problem,
        history,
        target.polynomial,
        eps,
        share,
        whole / math.sqrt(history.copies),
        max(0.0, least) ** 2,
        {"kappa": kappa},
    )


@dataclass(frozen=True)
class Core:
    """What applies a polynomial: queries, qubits before the encoding's, upper bounds on CX and rotations, the circuit."""

    queries: int
    before: int
    two_qubit: int
    rotations: int
    build: Callable[[], Circuit]


def transformed(history: History, polynomial: Chebyshev) -> Core:
    """A polynomial by singular value transformation; an even one of (1 - e e^T) L."""
    encoding, degree, odd = history.encoding, polynomial.degree, polynomial.parity == 1
    # A filter takes the right side out of every second query.
    excluded = None if odd else encoding.n_system
    two_qubit, rotations = transform_cost(encoding, degree, excluded)
    extra = 0 if odd else degree // 2 * 2 * history.realisation.prepare_cost

    def build() -> Circuit:
        phases = qsvt_angles(polynomial).reflection
        if odd:
            return transform(encoding.adjoint(), phases)
        return transform(encoding, phases, history.prepare_right())

    before = 1 + n_workspace(encoding, excluded or 0)
    return Core(degree, before, two_qubit + extra, rotations + 2 * extra + degree, build)


def plan_polynomial(
    name: str,
    problem: Evolution,
    history: History,
    polynomial: Chebyshev,
    eps: float,
    share: float,
    norm: float,
    accepted: float,
    spectrum: dict[str, float | str],
    core: Core | None = None,
) -> Plan:
    """The plan of a polynomial of L: shots from the covariance at the bound, gates from the encoding's own bounds.

    Arguments: name of the solver; problem; history; polynomial, odd or even, of L / alpha; eps and its share; norm,
    what a unit amplitude stands for; accepted, a lower bound on the success probability; spectrum, for `explain`;
    core, how the polynomial is applied, by default `transformed`.
    Result: a plan whose shots keep the sampling error below (1 - share) eps with probability 1 - 1e-4.
    Raises: nothing.
    Source: none.
    """
    frame, encoding = history.realisation.readout, history.encoding
    core = core or transformed(history, polynomial)
    worst = np.zeros(frame.n_wanted)
    worst[0] = problem.bound()
    quantile = float(chi2.ppf(1.0 - FAILURE, frame.n_wanted))
    spread = float(np.linalg.norm(frame.covariance(norm, 1.0, worst), 2))
    shots = max(
        quantile * spread / (eps * (1.0 - share) * problem.unit) ** 2,
        READABLE * (norm / history.constant) ** 2,
    )
    odd = polynomial.parity == 1
    start = _start(history, odd=odd)
    around = cost(start).two_qubit + frame.two_qubit
    rotations = core.rotations + 2 * around + frame.rotations
    if history.frame is not None:
        q = encoding.n_system - history.n_time
        around, rotations = around + rotation_cost(q), rotations + rotation_turns(q) + 2**q
    resources = Resources(
        qubits=core.before + encoding.n_ancilla + lower(start).n_qubits,
        two_qubit=core.two_qubit + around,
        rotations=rotations,
        t_gates=rotation_t_count(rotations, SYNTHESIS),
        success_probability=min(1.0, accepted),
        shots=math.ceil(shots),
    )
    return Plan(
        solver=name,
        problem=problem,
        queries=core.queries,
        resources=resources,
        error_budget=ErrorBudget(polynomial=eps * share, shots=eps * (1.0 - share)),
        scale=norm,
        readout=CopiedReadout(frame, history.blocks, history.realisation.start.size, history.copies, norm),
        build=lambda: _circuit(history, core.build(), odd=odd),
        branch=lambda: _branch(history, polynomial),
        parameters={
            "encoding": f"{'history' if history.frame is None else FRAMED} of {history.realisation.method}",
            "alpha": encoding.alpha,
            **spectrum,
            "degree": polynomial.degree,
            "blocks": history.blocks,
            "copies": history.copies,
            "needed": join(of_encodings(*history.realisation.encodings), history.needed),
        },
    )


def _start(history: History, *, odd: bool) -> Circuit:
    """The state the polynomial acts on: equal constants for a filter, the right side for the inverse."""
    return history.prepare_right() if odd else history.prepare_flat()


def _circuit(history: History, core: Circuit, *, odd: bool) -> Circuit:
    encoding = history.encoding
    system = range(core.n_qubits - encoding.n_system, core.n_qubits)
    frame = history.realisation.readout
    builder = CircuitBuilder("history", core.n_qubits, encoding.n_system)
    builder.call(_start(history, odd=odd), system)
    builder.call(core, range(core.n_qubits))
    builder.postselect(range(system.start))
    if history.frame is not None:
        builder.call(rotation(history.frame, "frame"), system[history.n_time :])
    builder.call(frame.circuit(), system[encoding.n_system - frame.n_qubits :])
    builder.measure(system, range(encoding.n_system))
    return builder.build()


def _branch(history: History, polynomial: Chebyshev) -> ComplexArray:
    """The success branch by sparse products; the circuit may leave the frame's row signs out."""
    alpha, forward = history.encoding.alpha, history.encoding.target
    back, e = transposed(forward), history.right

    def project(v: RealArray) -> RealArray:
        return np.asarray(v - e * (e @ v))

    if polynomial.parity:
        found = transform_vector(polynomial, lambda u: back @ u / alpha, lambda u: forward @ u / alpha, e)
    else:
        found = transform_vector(
            polynomial,
            lambda u: project(forward @ u) / alpha,
            lambda u: back @ project(u) / alpha,
            history.flat,
        )
    if history.frame is not None:
        found = (found.reshape(history.blocks, -1) @ history.frame.T).reshape(-1)
    frame = history.realisation.readout.frame
    return np.asarray((found.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1), dtype=np.complex128)


def kappa_of(history: History) -> float:
    """Singular values of the encoded L over alpha are at least 1 / kappa."""
    alpha = history.encoding.alpha
    return alpha / max(history.smallest, _NO_GAP * alpha) * (1.0 + _SLACK)


def allowed_error(problem: Evolution, history: History, eps: float) -> float:
    """The error of the function 1/x of which x[wanted] is off by eps * problem.unit; concave in eps."""
    unit = history.encoding.alpha * math.sqrt(history.copies) / history.pull
    return _within(problem, history.constant, eps) * unit


def _within(problem: Evolution, constant: float, eps: float) -> float:
    """Length, in the unit of x, of what a block may have too much so that x[wanted] is within eps * problem.unit."""
    wanted = eps * problem.unit
    return wanted / (math.hypot(1.0, problem.bound() / constant) + wanted / constant)


def _rate(gap: float) -> float:
    """What two queries take off the logarithm of the filter's error."""
    depth = 2.0 * gap**2 / (1.0 - gap**2)
    return math.log1p(depth + math.sqrt(depth * (2.0 + depth)))


def _share(problem: Evolution, eps: float, degree: Callable[[float], int], gap: float) -> float:
    """The polynomial's share of least queries times shots; degree is what a polynomial of so much of eps takes."""

    def share_at(eps: float) -> float:
        return best_share(lambda share: degree(eps * share) / (1.0 - share) ** 2)

    needed = degree(eps * share_at(eps))
    if needed > _MOST_QUERIES:
        reachable = least_error(lambda eased: degree(eased * share_at(eased)) <= _MOST_QUERIES, eps)
        raise PrecisionUnreachable(
            f"A history of gap {gap:.1e} needs a polynomial of degree {needed:.1e}, more than {_MOST_QUERIES:.0e}.",
            subject=problem,
            value=reachable,
            remedy=easier(reachable, f"{_MOST_QUERIES:.0e} queries", "march, or take fewer steps at a time"),
        )
    return share_at(eps)
