"""The inverse as a polynomial of the singular values, the least degree there is for its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from qgd_core.budget import best_share, check_share, easier, least_error
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import Plan
from qgd_core.linear.inverse import Inversion
from qgd_core.linear.system import LinearSystem
from qgd_core.linear.transform import n_workspace, transform, transform_cost
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.targets import Target, inverse
from qgd_core.state.prepare import prepare

# Largest magnitude of the polynomial: phases need it below 1.
_PEAK = 0.999
_MOST_QUERIES = 10**7


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
    given = Inversion.of(problem, encoding)
    kappa, unit, encoded = given.kappa, given.unit, given.encoding

    def share_at(eps: float) -> float:
        if share is not None:
            return check_share(share)
        return best_share(lambda part: family.degree(kappa, eps * part * unit) / (1.0 - part) ** 2)

    def degree_at(eps: float) -> int:
        return family.degree(kappa, eps * share_at(eps) * unit)

    part, degree = share_at(eps), degree_at(eps)
    if degree > _MOST_QUERIES:
        reachable = least_error(lambda eased: degree_at(eased) <= _MOST_QUERIES, eps)
        raise PrecisionUnreachable(
            f"An error of {eps:.1e} at condition {kappa:.1e} needs a polynomial of degree {degree:.1e}, more than"
            f" {_MOST_QUERIES:.0e}.",
            subject=problem,
            value=reachable,
            remedy=easier(reachable, f"{_MOST_QUERIES:.0e} queries", "precondition A"),
        )
    target = family.target(kappa, eps * part * unit).scaled(_PEAK)
    fixed, turns = transform_cost(encoded, degree)
    size = given.start.size
    qubits = 1 + n_workspace(encoded) + encoded.n_ancilla + encoded.n_system
    costs = (degree, qubits, fixed + size - 2, turns + size)
    return given.plan(family.name, target, eps, part, costs, lambda: _circuit(given, target))


def _circuit(given: Inversion, target: Target) -> Circuit:
    encoding = given.encoding
    core = transform(encoding, qsvt_angles(target.polynomial).reflection)
    system = range(core.n_qubits - encoding.n_system, core.n_qubits)
    builder = CircuitBuilder("qsvt_inverse", core.n_qubits, encoding.n_system)
    builder.call(prepare(given.start, "right_side"), system)
    builder.call(core, range(core.n_qubits))
    builder.postselect(range(system.start))
    builder.measure(system, range(encoding.n_system))
    return builder.build()


def _degree(kappa: float, error: float) -> int:
    """Degree of `inverse`, in closed form."""
    n = (math.log1p(1.0 / kappa) + math.log(kappa / error)) / _rate(kappa)
    return 2 * max(1, math.ceil(n)) - 1


def _rate(kappa: float) -> float:
    """What each pair of degrees takes off the logarithm of the error."""
    return math.log1p(2.0 / (kappa - 1.0))
