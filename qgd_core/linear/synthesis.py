"""The part of the error that rotations in Clifford+T take: how much, and the T gates at that accuracy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from qgd_core.budget import best_share
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.linear.base import Plan, quantile

# Rotations, times what a unit of amplitude stands for, that the share is chosen for: the least is flat in it.
_TYPICAL = 1e6


def synthesis_share(eps: float) -> float:
    """The part of eps that makes T gates times shots least: every rotation takes 3 log2(rotations / error)."""
    return best_share(lambda part: math.log(max(math.e, _TYPICAL / (part * eps))) / (1.0 - part) ** 2)


def give_synthesis(plan: Plan, share: float) -> Plan:
    """The plan, and its losers, with one more share of the error, for the synthesis of its rotations.

    A circuit whose gates are off by d altogether is off by d in the amplitudes of its branch. What that does to the
    answer is known from the sampling: square roots of counts have variance 1 / (4 shots), and the shots of the plan
    keep the answer within its sampling share, so the answer moves by 2 d sqrt(shots / q) of that share at most, q the
    quantile of chi^2.
    Arguments: plan; share, in the unit of its budget.
    Result: the budget with the share, d as `resources.synthesis`, and T gates for rotations of d altogether; to
    first order in d.
    Raises: nothing.
    Source: Ross, Selinger, arXiv:1403.2975, for the T gates; the bound on d is derived here.
    """
    problem: Any = plan.problem
    allowed = share / plan.error_budget.shots * math.sqrt(quantile(len(problem.wanted)) / (4.0 * plan.shots))
    resources = replace(
        plan.resources,
        synthesis=allowed,
        t_gates=rotation_t_count(plan.resources.rotations, allowed),
    )
    return replace(
        plan,
        resources=resources,
        error_budget=replace(plan.error_budget, synthesis=share),
        losers=tuple(give_synthesis(loser, share) for loser in plan.losers),
    )
