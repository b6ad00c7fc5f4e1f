import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.ode import trapezoid
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.rules import Rule, euler_errors, trapezoid_errors
from qgd_core.ode.trapezoid import (
    lay_out_trapezoid,
    plan_euler_kernel,
    plan_trapezoid_kernel,
    plan_trapezoid_qsvt,
)
from qgd_core.planner.choose import plan

PROBLEMS = {
    "dissipative": LinearODE([[-0.6, 0.3], [-0.3, -0.4]], None, [1.0, -0.5], 1.0),
    "source": LinearODE([[-1.2, 0.3], [-0.3, -0.8]], [0.2, -0.1], [1.0, 0.5], 2.0),
    "zero start": LinearODE([[-1.0, 0.2], [0.0, -0.5]], [0.2, -0.1], [0.0, 0.0], 1.5),
    "growing": LinearODE([[0.3, 0.1], [0.0, -0.5]], None, [1.0, 0.5], 1.0, wanted=[1]),
    "stiff": LinearODE([[-40.0, 1.0], [0.0, -0.5]], [0.0, 0.2], [0.02, 1.0], 1.0, wanted=[1]),
}
PLANS = [plan_trapezoid_kernel, plan_trapezoid_qsvt, plan_euler_kernel]


def truth(problem):
    a, b = problem.matrix.toarray(), problem.b
    run = solve_ivp(lambda _, z: a @ z + b, (0.0, problem.time), problem.z0, "Radau", rtol=1e-11, atol=1e-12)
    return run.y[list(problem.wanted), -1]


def by_trapezoid(problem, steps):
    """The trapezoid rule by dense solves."""
    a, h, z = problem.matrix.toarray(), problem.time / steps, problem.z0
    one = np.eye(z.size)
    for _ in range(steps):
        z = np.linalg.solve(one - h / 2 * a, (one + h / 2 * a) @ z + h * problem.b)
    return z[list(problem.wanted)]


@pytest.mark.parametrize("steps", [2, 5, 40])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_error_bound_holds_and_falls_with_the_square_of_the_step(name, steps):
    problem = PROBLEMS[name]
    error = np.linalg.norm(by_trapezoid(problem, steps) - truth(problem))
    bound = trapezoid_errors(problem)
    assert error <= bound(steps) + 1e-9
    assert bound(100) / bound(200) == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(("steps", "n_time"), [(1, 1), (3, 2), (3, 3), (5, 4)])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_copies_hold_the_trapezoid_rule(name, steps, n_time):
    problem = PROBLEMS[name]
    history = lay_out_trapezoid(problem, steps, n_time, "svd")
    x = np.linalg.solve(history.encoding.target.toarray(), history.right)
    x = x.reshape(history.blocks, -1) * np.linalg.norm(history.realisation.start)
    assert history.used == steps + history.copies
    wanted = by_trapezoid(problem, steps)
    ends = x[history.blocks - history.copies :, 1 : len(wanted) + 1]
    np.testing.assert_allclose(ends, np.tile(wanted, (len(ends), 1)), rtol=0, atol=1e-11)
    np.testing.assert_allclose(x[history.first :, 0], history.constant, rtol=0, atol=1e-11)
    assert np.all(np.linalg.norm(x[history.first :], axis=1) <= history.sizes + 1e-11)
    values = np.linalg.svd(history.encoding.target.toarray(), compute_uv=False)
    assert 1.0 / history.inverse <= history.smallest <= values[-1]


@pytest.mark.parametrize("make", PLANS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_route_stays_within_its_shares(name, make):
    problem = PROBLEMS[name]
    route = make(problem, 0.1)
    budget = route.error_budget
    assert budget.total == pytest.approx(0.1)
    found = route.emulate()
    exact = np.linalg.norm(found.value - truth(problem))
    assert exact <= (budget.discretisation + budget.polynomial) * problem.unit + 1e-9
    assert route.success_probability <= found.accepted + 1e-12


@pytest.mark.parametrize("name", PROBLEMS)
def test_second_order_takes_far_fewer_steps_than_euler(name):
    problem = PROBLEMS[name]
    second, first = (Rule(problem, 1e-3, errors(problem)) for errors in (trapezoid_errors, euler_errors))
    assert second.least < first.least / 5


@pytest.mark.parametrize("make", [plan_trapezoid_kernel, plan_trapezoid_qsvt])
def test_gates_and_emulation_agree(make):
    problem = LinearODE([[-0.5]], [0.2], [1.0], 1.0)
    route = make(problem, 0.3, "svd")
    program = route.compile()
    amplitudes = simulate(program.circuit)[: 2**program.circuit.n_bits]
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    counts = cost(program.circuit)
    assert counts.two_qubit <= route.resources.two_qubit
    assert counts.rotations <= route.resources.rotations


def test_the_planner_knows_the_trapezoid():
    route = plan(PROBLEMS["source"], 0.1, solver="trapezoid_kernel")
    assert route.solver == "trapezoid_kernel"
    assert "discretisation" in route.explain()
    assert plan(PROBLEMS["source"], 0.1, solver="euler_kernel").solver == "euler_kernel"


def test_an_error_out_of_reach_is_refused():
    with pytest.raises(PrecisionUnreachable, match="steps"):
        plan_trapezoid_kernel(LinearODE([[-1.0]], None, [1.0], 1e6), 1e-9)


def one_step_lost(monkeypatch):
    """The start stands one block too late."""
    kept = trapezoid.History
    monkeypatch.setattr(trapezoid, "History", lambda first, **rest: kept(first=first + 1, **rest))


def half_the_step(monkeypatch):
    kept = trapezoid.encode_trapezoid
    monkeypatch.setattr(trapezoid, "encode_trapezoid", lambda a, h, *rest: kept(a, h / 2, *rest))


@pytest.mark.parametrize("plant", [one_step_lost, half_the_step])
def test_planted_bugs_are_caught(plant, monkeypatch):
    plant(monkeypatch)
    problem = PROBLEMS["source"]
    route = plan_trapezoid_kernel(problem, 0.05, "svd")
    exact = np.linalg.norm(route.emulate().value - truth(problem))
    share = route.error_budget.discretisation + route.error_budget.polynomial
    assert exact > share * problem.unit


@pytest.mark.parametrize("errors", [trapezoid_errors, euler_errors])
def test_an_error_that_the_most_steps_reach_is_not_refused(errors):
    """Between 2^19 steps and a million: refused before, naming an error in reach below the one asked for."""
    flow = LinearODE([[-1.0]], None, [1.0], 1e4)
    with pytest.raises(PrecisionUnreachable) as caught:
        _ = Rule(flow, 1e-9, errors(flow)).least
    assert 2**19 < Rule(flow, 1.001 * caught.value.value, errors(flow)).least <= 10**6


@pytest.mark.parametrize("make", [plan_trapezoid_kernel, plan_trapezoid_qsvt])
def test_a_flow_that_stands_still_is_refused_by_name(make):
    with pytest.raises(ConfigError, match="the answer is the start"):
        make(LinearODE([[0.0]], None, [1.0], 1.0), 0.1)
