import time

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.backends.registry import get_backend
from qgd_core.errors import PrecisionUnreachable
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.taylor import (
    plan_taylor_history_kernel,
    plan_taylor_history_qsvt,
    plan_taylor_marching,
    taylor_steps,
)
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan

PROBLEMS = {
    "dissipative": LinearODE([[-0.6, 0.3], [-0.3, -0.4]], None, [1.0, -0.5], 1.0),
    "source": LinearODE([[-1.2, 0.3], [-0.3, -0.8]], [0.2, -0.1], [1.0, 0.5], 2.0),
    "zero start": LinearODE([[-1.0, 0.2], [0.0, -0.5]], [0.2, -0.1], [0.0, 0.0], 1.5),
    "growing": LinearODE([[0.3, 0.1], [0.0, -0.5]], None, [1.0, 0.5], 1.0, wanted=[1]),
}
PLANS = [plan_taylor_marching, plan_taylor_history_qsvt, plan_taylor_history_kernel]


def truth(problem):
    a, b = problem.matrix.toarray(), problem.b
    run = solve_ivp(lambda _, z: a @ z + b, (0.0, problem.time), problem.z0, "DOP853", rtol=1e-12, atol=1e-13)
    return run.y[list(problem.wanted), -1]


@pytest.mark.parametrize("eps", [0.3, 1e-3, 1e-8])
@pytest.mark.parametrize("name", PROBLEMS)
def test_taylor_steps_stay_within_their_bound(name, eps):
    problem = PROBLEMS[name]
    steps = taylor_steps(problem, eps)
    assert np.linalg.norm(steps.classical() - truth(problem)) <= eps * problem.unit
    assert np.linalg.norm(steps.classical()) <= steps.bound()


@pytest.mark.parametrize("make", PLANS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_route_stays_within_the_whole_budget(name, make):
    problem = PROBLEMS[name]
    route = make(problem, 0.1)
    budget = route.error_budget
    assert budget.total == pytest.approx(0.1)
    exact = np.linalg.norm(route.emulate().value - truth(problem))
    assert exact <= (budget.discretisation + budget.polynomial) * problem.unit + 1e-10
    machine = get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, s).value - truth(problem)) for s in range(3)
    ]
    assert max(errors) <= 0.1 * problem.unit


def test_many_steps_are_planned_at_once():
    flow = LinearODE(np.diag([-2e4, -1e4]), None, [1.0, 0.5], 1.0)
    began = time.process_time()
    with pytest.raises(PrecisionUnreachable, match="20000 Taylor steps are too many") as refusal:
        plan_taylor_marching(flow, 1e-2)
    assert time.process_time() - began < 2.0
    assert refusal.value.value is None
    assert "shorter time" in refusal.value.remedy


@pytest.mark.parametrize("make", PLANS)
def test_more_than_a_million_steps_are_refused_before_they_are_made(make):
    flow = LinearODE(np.diag([-3e7, -1e7]), None, [1.0, 0.5], 1.0)
    with pytest.raises(PrecisionUnreachable, match=r"more than 1e\+06") as refusal:
        make(flow, 1e-2)
    assert refusal.value.subject is flow


def test_the_planner_compares_flows_and_steps():
    best = plan(PROBLEMS["source"], 0.05)
    assert {best.solver, *(loser.solver for loser in best.losers)} >= {"lchs", "taylor_marching"}


def test_a_lost_step_is_caught(monkeypatch):
    from qgd_core.ode import taylor

    kept = taylor.LinearRecurrence
    monkeypatch.setattr(
        taylor,
        "LinearRecurrence",
        lambda m, b, z, steps, *rest, **more: kept(m, b, z, steps - 1, *rest, **more),
    )
    problem = PROBLEMS["source"]
    assert np.linalg.norm(taylor_steps(problem, 1e-3).classical() - truth(problem)) > 1e-2 * problem.unit
