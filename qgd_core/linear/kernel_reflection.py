"""The solution as the kernel of a projected matrix: one even filter, no inverse."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.encodings.base import BlockEncoding, transposed
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.balance import encode_balanced
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, shots_for
from qgd_core.linear.classical import Matrix
from qgd_core.linear.system import LinearSystem
from qgd_core.linear.transform import n_selects, n_workspace, transform, transform_cost, transform_vector
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import kernel_filter
from qgd_core.readout.shifted import ReferredReadout
from qgd_core.state.prepare import prepare

# Largest magnitude of the filter: phases need it below 1.
_PEAK = 0.999
_MOST_QUERIES = 10**7
_SHARES = np.geomspace(1e-3, 0.9, 60)


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

    def widened(system: LinearSystem) -> Matrix:
        last = float(np.linalg.norm(system.shifted())) / t
        return sp.csr_array(sp.block_diag([system.matrix, [[last]]], format="csr"))

    rows, encoded = encode_balanced(problem, widened, encoding)
    b = rows.shifted()
    size = float(np.linalg.norm(b))
    # Left-out components e of the projected vector make an error of at most (1 + |x|^2 / t^2) t |e| (1 + |e|).
    gap = min(rows.smallest, size / t) / encoded.alpha * (1.0 - 1e-12)
    unit = problem.unit / (2.0 * t)
    if share is None:
        share = _best_share(gap, eps * unit)
    error = eps * share * unit / (1.0 + 2.0 * eps * share * unit)
    degree = 2 * max(1, math.ceil(math.acosh(max(1.0, 1.0 / error)) / _rate(gap)))
    if degree > _MOST_QUERIES:
        raise PrecisionUnreachable(
            f"A filter of width {gap:.1e} needs degree {degree:.1e}.",
            subject=problem,
            value=2.0 * math.exp(-_MOST_QUERIES / 2 * _rate(gap)) / unit,
            remedy="Precondition A.",
        )
    polynomial = kernel_filter(gap, error).polynomial * _PEAK
    start = np.zeros(2**encoded.n_system)
    start[: b.size], start[b.size] = b / size, 1.0
    readout = ReferredReadout(problem.wanted, problem.shift, 2.0 * t / _PEAK, b.size, t)
    fixed, turns = transform_cost(encoded, degree)
    # The gates that take e back are controlled on the ancillas and on the whole register.
    controls = n_selects(encoded) + encoded.n_system
    rotations = turns + degree * (start.size + 8 * controls + 2)
    resources = Resources(
        qubits=n_workspace(encoded) + encoded.n_ancilla + encoded.n_system + controls,
        two_qubit=fixed + degree // 2 * (2 * (start.size - 2) + 6 * controls - 4),
        rotations=rotations,
        t_gates=rotation_t_count(rotations, SYNTHESIS),
        success_probability=_PEAK**2 / 2,
        shots=shots_for(readout, problem, eps * (1.0 - share)),
    )
    return Plan(
        solver="kernel_reflection",
        problem=problem,
        queries=degree,
        resources=resources,
        error_budget=ErrorBudget(polynomial=eps * share, shots=eps * (1.0 - share)),
        scale=t,
        readout=readout,
        build=lambda: _circuit(encoded, polynomial, start, b.size),
        branch=lambda: _branch(encoded, polynomial, start, b.size),
        parameters={"encoding": encoded.method, "alpha": encoded.alpha, "gap": gap, "degree": degree, "t": t},
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
    matrix, other, alpha = encoding.target, transposed(encoding.target), encoding.alpha
    e = excluded / np.linalg.norm(excluded)

    def project(v: RealArray) -> RealArray:
        return np.asarray(v - e * (e @ v))

    v = np.zeros(e.size)
    v[last] = 1.0
    found = transform_vector(
        polynomial, lambda u: project(matrix @ u) / alpha, lambda u: other @ project(u) / alpha, v
    )
    return found.astype(np.complex128)


def _rate(gap: float) -> float:
    """What two queries take off the logarithm of the filter's error."""
    depth = 2.0 * gap**2 / (1.0 - gap**2)
    return math.log1p(depth + math.sqrt(depth * (2.0 + depth)))


def _best_share(gap: float, eps: float) -> float:
    """The filter's share of the error that makes queries times shots least."""
    costs = [math.log(2.0 / min(1.0, eps * share)) / (1.0 - share) ** 2 for share in _SHARES]
    return float(_SHARES[int(np.argmin(costs))])
