"""The inverse as a polynomial of the singular values, the least degree there is for its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
from qgd_core.linear.system import LinearSystem
from qgd_core.linear.transform import n_workspace, transform, transform_cost, transform_vector
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.targets import Target, inverse
from qgd_core.readout.shifted import ShiftedReadout
from qgd_core.state.prepare import prepare

# Largest magnitude of the polynomial: phases need it below 1.
_PEAK = 0.999
_MOST_QUERIES = 10**7
_SHARES = np.geomspace(1e-3, 0.9, 60)


@dataclass(frozen=True)
class Inverse:
    """A family of odd polynomials near 1/x: name, and degree and Target for (kappa, absolute error)."""

    name: str
    degree: Callable[[float, float], int]
    target: Callable[[float, float], Target]


def plan_qsvt(
    problem: LinearSystem,
    eps: float,
    encoding: str = "auto",
    share: float | None = None,
    family: Inverse | None = None,
) -> Plan:
    """Plan A x = b by the odd polynomial of least degree near 1/x, without building a circuit.

    Arguments: problem; eps, 2-norm error of x[wanted] relative to problem.unit; encoding, a name of
    `list_encodings` or "auto"; share, the polynomial's part of eps, by default the one of least queries times
    shots; family, of polynomials, by default the least degree there is.
    Result: a plan whose polynomial error is proved below its share, and whose shots keep the sampling error
    below the rest with probability 1 - 1e-4. x[wanted] comes with sign and scale: the right side is shifted by
    a known vector, and the polynomial's factor is known.
    Raises: PrecisionUnreachable when the degree would pass 1e7; ConfigError when A is singular.
    Source: Gilyen et al., arXiv:1806.01838, theorem 41, with the polynomial of Sunderhauf et al.,
    arXiv:2507.15537.
    """
    family = family or Inverse("qsvt", _degree, inverse)
    rows, encoded = encode_balanced(problem, lambda system: sp.csr_array(system.matrix.T), encoding)
    b = rows.shifted()
    length = float(np.linalg.norm(b))
    kappa = encoded.alpha / rows.smallest * (1.0 + 1e-12)
    # An error e of the function 1/x is an error e |b| / alpha of the solution.
    unit = problem.unit * encoded.alpha / length
    if share is None:
        share = _best_share(kappa, eps * unit)
    degree = family.degree(kappa, eps * share * unit)
    if degree > _MOST_QUERIES:
        reachable = _reachable(kappa) / (share * unit)
        raise PrecisionUnreachable(
            f"An error of {eps:.1e} at condition {kappa:.1e} needs a polynomial of degree {degree:.1e}.",
            subject=problem,
            value=reachable,
            remedy=f"Ask for {reachable:.1e} or more, or precondition A."
            if reachable < 1
            else "Precondition A.",
        )
    target = family.target(kappa, eps * share * unit).scaled(_PEAK)
    norm = length / (target.factor * encoded.alpha)
    size = 2**encoded.n_system
    start = np.zeros(size)
    start[: b.size] = b
    readout = ShiftedReadout(problem.wanted, problem.shift, norm)
    m, copies = problem.wanted.shape
    # |x + a| from below: from |A|, and from the shift against the bound on x.
    least = max(
        length / rows.norm, problem.shift * math.sqrt(m * copies) - problem.bound() * math.sqrt(copies)
    )
    most = min(length / rows.smallest, problem.shifted_bound())
    slack = eps * share * problem.unit
    fixed, turns = transform_cost(encoded, degree)
    rotations = turns + size
    resources = Resources(
        qubits=1 + n_workspace(encoded) + encoded.n_ancilla + encoded.n_system,
        two_qubit=fixed + size - 2,
        rotations=rotations,
        t_gates=rotation_t_count(rotations, SYNTHESIS),
        success_probability=min(1.0, (max(0.0, least - slack) / norm) ** 2),
        shots=shots_for(readout, problem, eps * (1.0 - share)),
    )
    return Plan(
        solver=family.name,
        problem=problem,
        queries=degree,
        resources=resources,
        error_budget=ErrorBudget(polynomial=eps * share, shots=eps * (1.0 - share)),
        scale=norm,
        readout=readout,
        build=lambda: _circuit(encoded, target, start),
        branch=lambda: _branch(encoded, target, start),
        parameters={"encoding": encoded.method, "alpha": encoded.alpha, "kappa": kappa, "degree": degree},
        most_accepted=min(1.0, ((most + slack) / norm) ** 2),
    )


def _circuit(encoding: BlockEncoding, target: Target, start: RealArray) -> Circuit:
    core = transform(encoding, qsvt_angles(target.polynomial).reflection)
    system = range(core.n_qubits - encoding.n_system, core.n_qubits)
    builder = CircuitBuilder("qsvt_inverse", core.n_qubits, encoding.n_system)
    builder.call(prepare(start, "right_side"), system)
    builder.call(core, range(core.n_qubits))
    builder.postselect(range(system.start))
    builder.measure(system, range(encoding.n_system))
    return builder.build()


def _branch(encoding: BlockEncoding, target: Target, start: RealArray) -> ComplexArray:
    matrix, alpha = encoding.target, encoding.alpha
    other = transposed(matrix)
    v = start / np.linalg.norm(start)
    solved = transform_vector(target.polynomial, lambda u: matrix @ u / alpha, lambda u: other @ u / alpha, v)
    return solved.astype(np.complex128)


def _degree(kappa: float, error: float) -> int:
    """Degree of `inverse`, in closed form."""
    n = (math.log1p(1.0 / kappa) + math.log(kappa / error)) / _rate(kappa)
    return 2 * max(1, math.ceil(n)) - 1


def _rate(kappa: float) -> float:
    """What each pair of degrees takes off the logarithm of the error."""
    return math.log1p(2.0 / (kappa - 1.0))


def _reachable(kappa: float) -> float:
    """Error of 1/x at the largest degree allowed."""
    return kappa * math.exp(math.log1p(1.0 / kappa) - _rate(kappa) * _MOST_QUERIES / 2)


def _best_share(kappa: float, eps: float) -> float:
    """The polynomial's share of the error that makes queries times shots least."""
    costs = [_degree(kappa, eps * share) / (1.0 - share) ** 2 for share in _SHARES]
    return float(_SHARES[int(np.argmin(costs))])
