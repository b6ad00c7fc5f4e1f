"""Phase estimation on a history by structure: the paper's own route, with the solver that it names."""

from __future__ import annotations

from qgd_core.linear.base import Plan
from qgd_core.linear.hhl import choose_bits, estimate, estimation_cost
from qgd_core.ode.history import History
from qgd_core.ode.history_plan import Core, Evolution, plan_target
from qgd_core.ode.history_solve import allowed_error, kappa_of


def plan_estimated(problem: Evolution, history: History, eps: float) -> Plan:
    """Plan a history by phase estimation and a rotation by the inverse of the estimate.

    Arguments: problem; history; eps, 2-norm error of z_T[wanted] relative to problem.unit.
    Result: a plan whose error, as a function of the singular value, is computed, and whose shots keep the sampling
    error below the rest with probability 1 - 1e-4.
    Raises: PrecisionUnreachable past 16 bits.
    Source: Liu et al., arXiv:2303.03428, Eq 6, with the solver of Harrow, Hassidim, Lloyd, arXiv:0811.3171.
    """
    encoding, kappa = history.encoding, kappa_of(history)
    # The error allowed grows no faster than its share of eps: a part of the whole is a part of the error at least.
    bits, target, share = choose_bits(kappa, lambda eps: allowed_error(problem, history, eps), problem, eps)
    queries, before, two_qubit, rotations = estimation_cost(encoding, bits)
    return plan_target(
        "history_hhl",
        problem,
        history,
        target,
        eps,
        share,
        {"kappa": kappa, "bits": float(bits)},
        Core(queries, before, two_qubit, rotations, lambda: estimate(encoding.adjoint(), kappa, bits)),
    )
