"""`plan`: the cheapest route that meets the requested error."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import replace
from typing import TypeAlias

from qgd_core.backends.api import Backend
from qgd_core.budget import rounded_up
from qgd_core.errors import ConfigError, LostInRounding, NotDissipative, PrecisionUnreachable
from qgd_core.linear.amplify import amplify
from qgd_core.linear.base import Plan
from qgd_core.linear.synthesis import give_synthesis, synthesis_share
from qgd_core.planner.solvers import SOLVERS, Problem, Solver, check_solver

Refusal: TypeAlias = PrecisionUnreachable | NotDissipative

# Success below which the automatic choice looks at heavy routes too.
_RARE = 1e-3
# Share of the error left to synthesis where the solver needs all of it: 23 more T gates a rotation than at the best.
_LAST_SHARE = 1e-4
# Below this, rounding in double precision is a part of every answer.
_LEAST_ERROR = 1e-11
# Steps in which the error that rounding serves is looked for, from where it would be all of it.
_ROUNDED = 4.0


def plan(
    problem: Problem,
    eps: float,
    solver: str = "auto",
    backend: Backend | None = None,
    *,
    amplified: bool = False,
    thorough: bool = False,
) -> Plan:
    """Plan the solution of a problem; its circuit is not built and nothing runs.

    Arguments: problem; eps, the 2-norm error asked for, relative to |z0| for an evolution and to problem.unit
    (by default below |x|) for a linear system; solver, a name of `list_solvers` or "auto" (least two-qubit gates
    times shots); backend, whose qubit limit must be met; amplified, to amplify the success of every route as far
    as `linear.amplify` knows it to be safe; thorough, to plan the heavy routes too where a light one is accepted often.
    Result: a Plan whose error budget sums to eps, the other routes among its `losers`; T gates are for the accuracy
    that the synthesis share of the budget asks for.
    Raises: ConfigError for an unknown solver, one that does not take the problem, or an eps not above 0;
    PrecisionUnreachable when no route meets eps or the backend's limit.
    Source: none.
    """
    if not (isinstance(eps, float | int) and math.isfinite(eps) and eps > 0):
        raise ConfigError(f"eps is {eps!r}, expected a number above 0.", subject=eps)
    check_solver(solver)
    if isinstance(backend, str):
        raise ConfigError(
            f"backend is the name {backend!r}, expected a backend.",
            subject=backend,
            remedy=f"Pass get_backend({backend!r}), or use solve.",
        )
    names = list(SOLVERS) if solver == "auto" else [solver]
    fitting = [SOLVERS[name] for name in names if isinstance(problem, SOLVERS[name].problem)]
    if not fitting:
        raise ConfigError(f"No solver of {names} takes a {type(problem).__name__}.", subject=problem)
    rows = [row for row in fitting if solver != "auto" or row.takes(problem)]
    limit = backend.capabilities.max_qubits if backend is not None and backend.capabilities.gates else None
    asked, eps = eps, max(eps, _LEAST_ERROR)
    plans, refusals = _plans(problem, eps, rows, limit, amplified=amplified, thorough=thorough)
    if not plans:
        raise _nearest(problem, eps, refusals)
    best = plans[0]
    if asked < eps:
        raise PrecisionUnreachable(
            f"An error of {asked:.1e} is lost in the rounding of double precision.",
            subject=problem,
            value=eps,
            remedy=f"{_offer(eps, best)}.",
        )
    if limit is not None and best.qubits > limit:
        fewest = min(p.qubits for p in plans)
        raise PrecisionUnreachable(
            f"The plan needs {fewest} qubits; the backend has {limit}.",
            subject=best,
            value=fewest,
            remedy=_nearest_in_reach(problem, eps, rows, limit),
        )
    return replace(best, losers=(*best.losers, *plans[1:]))


def _plans(
    problem: Problem,
    eps: float,
    rows: list[Solver],
    limit: int | None,
    *,
    amplified: bool = False,
    thorough: bool = False,
) -> tuple[list[Plan], list[tuple[Solver, Refusal]]]:
    """The plans of these routes, the best first, those that fit the limit before the others; and who refused why.

    Each leaves to rotation synthesis what costs least; where none can, all that it needs is a trace.
    """
    plans: list[Plan] = []
    refusals: list[tuple[Solver, Refusal]] = []
    for synthesis in (synthesis_share(eps), _LAST_SHARE):
        refusals.clear()
        often = False
        for row in sorted(rows, key=lambda row: row.heavy):
            if row.heavy and often and not thorough:
                break
            try:
                route = row.make_plan(problem, eps * (1.0 - synthesis))
            except (PrecisionUnreachable, NotDissipative) as refusal:
                refusals.append((row, refusal))
                continue
            route = _fitting(give_synthesis(route, eps * synthesis), limit)
            # Amplified amplitudes are larger for the same answer: what synthesis may move them by serves all the more.
            plans.append(amplify(route) if amplified else route)
            fits = limit is None or plans[-1].qubits <= limit
            often |= fits and not row.heavy and plans[-1].success_probability > _RARE
        if plans:
            break
    plans.sort(key=lambda p: (limit is not None and p.qubits > limit, p.resources.two_qubit * p.shots))
    return plans, refusals


def _nearest(problem: Problem, eps: float, refusals: list[tuple[Solver, Refusal]]) -> Refusal:
    """The refusal that names the nearest error in reach: one that a plan was made for.

    What rounding leaves of a polynomial is told in its own unit, and how far queries reach is not how far they round.
    """

    def reachable(refusal: Refusal, eps: float) -> float:
        if isinstance(refusal, NotDissipative) or refusal.value is None:
            return math.inf
        if isinstance(refusal, LostInRounding):
            return rounded_up(_ROUNDED * eps * refusal.value / refusal.allowed)
        return rounded_up(1.01 * refusal.value)

    said = [reachable(refusal, eps) for _, refusal in refusals]
    near = list(said)
    while True:
        error = min(near)
        place = near.index(error)
        row, refusal = refusals[place]
        as_said = error == said[place] and not isinstance(refusal, LostInRounding)
        if error == math.inf:
            return refusal if as_said else _out_of_reach(problem, refusal)
        plans, others = _plans(problem, error, [row], None)
        if plans:
            return refusal if as_said else _out_of_reach(problem, refusal, error, plans[0])
        further = max(_ROUNDED * error, min(reachable(other, error) for _, other in others))
        near[place] = rounded_up(further) if further < 1.0 else math.inf


def _out_of_reach(
    problem: Problem, refusal: Refusal, error: float | None = None, plan: Plan | None = None
) -> Refusal:
    """The same refusal, naming an error that this plan was made for."""
    remedy = "Use another route." if error is None or plan is None else f"{_offer(error, plan)}."
    return PrecisionUnreachable(refusal.message, subject=problem, value=error, remedy=remedy)


def _offer(eps: float, plan: Plan) -> str:
    """What to ask for, and what it costs."""
    cost = plan.resources
    return (
        f"Ask for {eps:.1e}, for which {plan.solver} takes {plan.qubits} qubits, {cost.two_qubit} two-qubit"
        f" gates a shot and {cost.shots:.1e} shots"
    )


def _fitting(route: Plan, limit: int | None) -> Plan:
    """The route, or the best of those it was chosen over that fits the limit where it does not."""
    if limit is None or route.qubits <= limit:
        return route
    smaller = [loser for loser in route.losers if loser.qubits <= limit]
    if not smaller:
        return route
    best = min(smaller, key=lambda plan: plan.resources.two_qubit * plan.shots)
    others = tuple(loser for loser in route.losers if loser is not best)
    return replace(best, losers=(*best.losers, replace(route, losers=()), *others))


def _nearest_in_reach(problem: Problem, eps: float, rows: list[Solver], limit: int) -> str:
    """Which larger error fits the backend while half of it does not, by bisection, and what it costs there."""
    errors = [rounded_up(eps * 2.0**k) for k in range(1, math.ceil(-math.log2(min(eps, 1.0))))]

    def best(error: float) -> Plan | None:
        plans, _ = _plans(problem, error, rows, limit)
        return plans[0] if plans and plans[0].qubits <= limit else None

    place = bisect_left(errors, True, key=lambda error: best(error) is not None)
    found = best(errors[place]) if place < len(errors) else None
    if found is None:
        return "No larger error fits either: use fewer active weights, a lower Carleman order, or another backend."
    return f"{_offer(errors[place], found)}; or use another backend."
