"""Solvers of a history by structure: a filter on its kernel, and the inverse."""

from __future__ import annotations

import math
from collections.abc import Callable

from qgd_core.budget import best_share, easier, least_error
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import Plan
from qgd_core.ode.history import History
from qgd_core.ode.history_plan import Evolution, plan_polynomial, plan_target
from qgd_core.phases.targets import inverse, kernel_filter

# Largest magnitude of a polynomial: phases need it below 1.
_PEAK = 0.999
_MOST_QUERIES = 10**7
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
    return plan_target("history_qsvt", problem, history, target, eps, share, {"kappa": kappa})


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
