"""What cannot be planned is refused by name, with the number that failed and what is in reach."""

import dataclasses

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.errors import ConfigError, LostInRounding, NotDissipative, PrecisionUnreachable
from qgd_core.linear.adiabatic import plan_adiabatic
from qgd_core.linear.hhl import plan_hhl
from qgd_core.linear.kernel_ladder import plan_kernel_ladder
from qgd_core.linear.kernel_reflection import plan_kernel_reflection
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.choose import plan
from qgd_core.planner.solvers import SOLVERS

MILD = LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5])
SINGULAR = LinearSystem([[1.0, 1.0], [1.0, 1.0]], [1.0, 0.0])
LINEAR = [name for name, row in SOLVERS.items() if row.problem is LinearSystem]


@pytest.mark.parametrize("name", LINEAR)
def test_a_singular_matrix_is_refused_by_every_solver(name):
    with pytest.raises(ConfigError, match="singular") as caught:
        plan(SINGULAR, 0.1, name)
    assert "regularise" in str(caught.value.remedy)


def test_a_matrix_of_zeros_is_refused_as_singular():
    with pytest.raises(ConfigError, match="singular") as caught:
        LinearSystem(np.zeros((2, 2)), [1.0, 0.0])
    assert "regularise" in str(caught.value.remedy)


# Phase estimation ends at its bits, long before.
@pytest.mark.parametrize("name", [name for name in LINEAR if name != "hhl"])
def test_an_error_below_rounding_names_one_above_and_its_cost(name):
    with pytest.raises(PrecisionUnreachable) as caught:
        plan(MILD, 1e-300, name)
    assert 1e-11 <= caught.value.value < 1e-8
    assert "Ask for" in caught.value.remedy
    found = plan(MILD, 1.01 * caught.value.value, name)
    budget = found.error_budget
    error = np.linalg.norm(found.emulate().value - np.linalg.solve(MILD.matrix.toarray(), MILD.b))
    assert error <= (budget.total - budget.shots) * MILD.unit


@pytest.mark.parametrize("name", ["qsvt", "kernel_reflection"])
def test_where_a_polynomial_rounds_too_much_the_error_named_is_that_of_the_answer(name):
    """What rounding leaves in 1/x, 1e-13 or so, is no error in reach of x: less was asked for and refused."""
    ill = LinearSystem([[1.0, 1.0], [1.0, 1.02]], [1.0, -1.0])
    with pytest.raises(PrecisionUnreachable, match="Rounding") as caught:
        plan(ill, 1e-11, name)
    reachable = caught.value.value
    assert 1e-11 < reachable < 1e-2
    assert f"{name} takes" in caught.value.remedy
    found = plan(ill, reachable, name)
    x = np.linalg.solve(ill.matrix.toarray(), ill.b)
    assert np.linalg.norm(found.emulate().value - x) <= found.error_budget.polynomial * ill.unit


def rounding(reached, rounded):
    """The inverse by a polynomial that ten million queries take to `reached`, and rounding to `rounded` alone."""

    def make(problem, eps):
        if eps < reached:
            raise PrecisionUnreachable("Too many queries.", value=reached, remedy=f"Ask for {reached}.")
        if eps < rounded:
            raise LostInRounding(rounded, eps, problem)
        return plan_qsvt(problem, eps)

    return make


def test_an_error_that_queries_reach_and_rounding_does_not_is_not_named(monkeypatch):
    row = dataclasses.replace(SOLVERS["qsvt"], make_plan=rounding(1e-8, 3e-6))
    monkeypatch.setitem(SOLVERS, "qsvt", row)
    with pytest.raises(PrecisionUnreachable, match="queries") as caught:
        plan(MILD, 1e-9, "qsvt")
    assert 3e-6 <= caught.value.value < 5e-5
    assert f"Ask for {caught.value.value:.1e}, for which qsvt takes" in caught.value.remedy
    assert plan(MILD, caught.value.value, "qsvt").solver == "qsvt"


def test_an_error_that_queries_reach_is_named_as_it_is(monkeypatch):
    row = dataclasses.replace(SOLVERS["qsvt"], make_plan=rounding(1e-8, 1e-9))
    monkeypatch.setitem(SOLVERS, "qsvt", row)
    with pytest.raises(PrecisionUnreachable, match="queries") as caught:
        plan(MILD, 1e-9, "qsvt")
    assert caught.value.value == 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cks", "kernel_reflection"])
def test_the_error_that_is_named_is_one_that_a_plan_takes(name):
    """How far ten million queries reach is not how far their polynomials round."""
    hard = LinearSystem([[1.0, 1.0], [1.0, 1.0 + 2e-4]], [1.0, -1.0])
    with pytest.raises(PrecisionUnreachable) as caught:
        plan(hard, 1e-11, name)
    assert f"Ask for {caught.value.value:.1e}" in caught.value.remedy
    assert plan(hard, caught.value.value, name).error_budget.total == pytest.approx(caught.value.value)


def test_a_flow_that_grows_too_much_is_refused_where_it_must_lose():
    with pytest.raises(NotDissipative, match="grow") as caught:
        plan(LinearODE([[3.0]], None, [1.0], 10.0), 0.1, "lchs")
    assert caught.value.value == pytest.approx(3.0)


def test_where_no_route_serves_the_nearest_error_of_all_is_named(monkeypatch):
    rows = {name: SOLVERS[name] for name in ("qsvt", "cks", "kernel_reflection", "kernel_ladder")}
    monkeypatch.setattr("qgd_core.planner.choose.SOLVERS", rows)
    for module in ("qsvt", "kernel_reflection", "kernel_ladder"):
        monkeypatch.setattr(f"qgd_core.linear.{module}._MOST_QUERIES", 3000)
    hard = LinearSystem([[1.0, 1.0], [1.0, 1.0 + 1e-2]], [1.0, 1.0])
    values = []
    for name in [*rows, "auto"]:
        with pytest.raises(PrecisionUnreachable) as caught:
            plan(hard, 1e-30, name)
        values.append(caught.value.value)
    named = [value for value in values[:-1] if value is not None]
    assert len(named) >= 2
    assert values[-1] == min(named)


def test_a_problem_beyond_a_solver_is_refused_with_the_route_to_take_instead(beyond):
    name, problem = beyond
    with pytest.raises(PrecisionUnreachable) as caught:
        plan(problem, 0.1, name)
    assert "use " in caught.value.remedy.lower()
    assert caught.value.value is None or caught.value.value > 0.1
    assert plan(problem, 0.1).solver != name


FLOWS = [name for name, row in SOLVERS.items() if row.problem is LinearODE]
STEPS = [name for name, row in SOLVERS.items() if row.problem is LinearRecurrence and name != "mask_lchs"]


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize(("rate", "time"), [(3.0, 10.0), (3.0, 1000.0), (0.5, 40.0)])
def test_a_flow_that_grows_too_much_is_refused_by_every_route(name, rate, time):
    """Dissipative or not in reach: never a number that overflowed, never an answer in the noise."""
    with pytest.raises((NotDissipative, PrecisionUnreachable)) as caught:
        plan(LinearODE([[rate, 1.0], [0.0, -1.0]], None, [1.0, 1.0], time), 0.1, name)
    assert caught.value.remedy
    if isinstance(caught.value, PrecisionUnreachable):
        assert caught.value.value is None or 0.1 < caught.value.value <= 1e3


@pytest.mark.parametrize("name", STEPS)
def test_steps_that_grow_without_bound_are_refused_by_every_route(name):
    with pytest.raises(NotDissipative, match="grow") as caught:
        plan(LinearRecurrence([[3.0]], None, [1.0], 2000), 0.1, name)
    assert caught.value.value == 210  # 3^210 is the first power past 1e100


@pytest.mark.parametrize("name", [name for name in STEPS if name != "marching"])
def test_a_history_that_cannot_be_inverted_is_not_called_the_callers_singular_system(name):
    with pytest.raises(PrecisionUnreachable) as caught:
        plan(LinearRecurrence([[3.0]], None, [1.0], 50), 0.1, name)
    assert "dependent equations" not in caught.value.remedy


@pytest.mark.parametrize("name", ["trapezoid_kernel", "trapezoid_qsvt", "euler_kernel"])
def test_more_steps_than_there_are_name_the_error_in_reach(name):
    with pytest.raises(PrecisionUnreachable, match="steps") as caught:
        SOLVERS[name].make_plan(LinearODE([[-1.0]], None, [1.0], 1e4), 1e-9)
    # With h = 1e-2, T h^2 / 12 of errors that add up, and h / 2 of errors that decay; nine tenths of what is asked for.
    error = 1e4 * 1e-4 / 12 if name.startswith("trapezoid") else 1e-2 / 2
    assert caught.value.value == pytest.approx(error / 0.9, rel=0.01)
    assert "1e+06 steps" in caught.value.remedy


@pytest.mark.parametrize("name", ["trapezoid_kernel", "trapezoid_qsvt"])
def test_an_error_that_steps_reach_and_queries_do_not_is_not_named(name):
    """A million steps serve 0.1; a history of them has a gap that no polynomial resolves."""
    flow = LinearODE([[-1.0]], None, [1.0], 1e4)
    with pytest.raises(PrecisionUnreachable, match=r"more than 1e\+07"):
        plan(flow, 0.2, name)
    with pytest.raises(PrecisionUnreachable, match="steps") as caught:
        plan(flow, 1e-9, name)
    assert caught.value.value is None
    assert "another route" in caught.value.remedy


@pytest.mark.slow
def test_fitted_nodes_out_of_reach_name_the_error_that_is():
    """Linear programmes end at rounding: 1e-7 or so."""
    flow = LinearODE([[-1.9]], None, [1.0], 1.0)
    with pytest.raises(PrecisionUnreachable, match="nodes") as caught:
        plan(flow, 1e-8, "qsvt_lchs")
    reachable = caught.value.value
    assert 1e-8 < reachable < 1e-4
    found = plan(flow, 1.01 * reachable, "qsvt_lchs")
    assert np.linalg.norm(found.emulate().value - np.exp(-1.9)) <= 1.01 * reachable
    assert f"{found.parameters['number']} nodes" in caught.value.remedy


@pytest.mark.parametrize(
    "make", [plan_qsvt, plan_kernel_reflection, plan_kernel_ladder, plan_adiabatic, plan_hhl]
)
@pytest.mark.parametrize("share", [0.0, 1.0, 1.5])
def test_a_share_that_does_not_fit_the_budget_is_refused(make, share):
    with pytest.raises(ConfigError, match="share"):
        make(MILD, 0.1, share=share)


def small(monkeypatch, limit):
    backend = get_backend("reference")
    monkeypatch.setattr(backend, "capabilities", dataclasses.replace(backend.capabilities, max_qubits=limit))
    return backend


def test_an_error_beyond_a_backend_names_the_nearest_in_reach_and_its_cost(monkeypatch):
    flow = LinearODE([[-0.7, 0.2], [0.0, -0.4]], [0.2, 0.0], [1.0, 0.5], 1.0)
    needed = plan(flow, 1e-6, "lchs").qubits
    in_reach = plan(flow, 0.128, "lchs").qubits
    assert in_reach < needed
    with pytest.raises(PrecisionUnreachable, match=f"needs {needed} qubits") as caught:
        plan(flow, 1e-6, "lchs", small(monkeypatch, in_reach))
    remedy = str(caught.value.remedy)
    offered = float(remedy.split("Ask for ")[1].split(",")[0])
    found = plan(flow, offered * 1.001, "lchs")
    assert found.qubits <= in_reach
    assert f"{found.qubits} qubits" in remedy
    assert "two-qubit gates a shot" in remedy
    # Half of the error would not have fitted.
    assert plan(flow, offered / 2.1, "lchs").qubits > in_reach


def test_few_plans_are_made_to_find_what_fits(monkeypatch):
    """All errors from 1e-11 to 1 are 37 doublings."""
    row, tried = SOLVERS["qsvt"], []

    def make(problem, eps):
        tried.append(eps)
        return row.make_plan(problem, eps)

    monkeypatch.setitem(SOLVERS, "qsvt", dataclasses.replace(row, make_plan=make))
    with pytest.raises(PrecisionUnreachable, match="No larger error fits"):
        plan(MILD, 1e-10, "qsvt", small(monkeypatch, 1))
    assert len(tried) <= 8


def test_a_problem_beyond_a_backend_at_every_error_says_so(monkeypatch):
    with pytest.raises(PrecisionUnreachable) as caught:
        plan(MILD, 0.1, "qsvt", small(monkeypatch, 1))
    assert "No larger error fits" in str(caught.value.remedy)


def test_a_route_that_fits_is_preferred_to_a_cheaper_one_that_does_not(monkeypatch):
    plans = {name: plan(MILD, 0.1, name) for name in LINEAR}
    fewest = min(p.qubits for p in plans.values())
    found = plan(MILD, 0.1, backend=small(monkeypatch, fewest))
    assert found.qubits == fewest


def test_more_shots_than_there_are_names_the_error_in_reach():
    problem = LinearRecurrence([[0.5, 0.1], [0.0, 0.4]], [0.1, 0.0], [1.0, 1.0], 3)
    with pytest.raises(PrecisionUnreachable, match="shots") as caught:
        plan(problem, 1e-9, "marching")
    assert plan(problem, 1.001 * caught.value.value, "marching").shots <= 10**12


@pytest.mark.parametrize("eps", [0, -0.1, np.inf, np.nan, None, "small"])
def test_an_error_that_is_no_positive_number_is_refused(eps):
    with pytest.raises(ConfigError, match="eps"):
        plan(MILD, eps)
