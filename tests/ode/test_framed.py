"""The history from the singular values of its step: against the recurrence, its own gates, and the planner's limits."""

from dataclasses import replace

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.simulate import simulate
from qgd_core.ode import history as module
from qgd_core.ode import history_plan
from qgd_core.ode.augment import realise_augmented
from qgd_core.ode.history import lay_out, lay_out_framed
from qgd_core.ode.history_estimate import plan_estimated
from qgd_core.ode.history_solve import plan_filter, plan_inverse
from qgd_core.ode.recurrence import plan_history_hhl, plan_history_kernel, plan_history_qsvt
from qgd_core.planner.choose import plan

SOLVERS = [plan_filter, plan_inverse, plan_estimated]


def layouts(problem, idle=None):
    return lay_out_framed(problem, realise_augmented(problem, "svd"), idle)


def test_the_solution_is_the_history_and_copies_of_its_end(recurrence, end_of):
    problem = recurrence
    for history in layouts(problem):
        x = np.linalg.solve(history.encoding.target.toarray(), history.pull * history.right)
        x = x.reshape(history.blocks, -1) @ history.frame.T
        assert history.used == problem.steps + history.copies
        assert np.abs(x[: history.first]).max(initial=0.0) < 1e-12
        np.testing.assert_allclose(x[history.first :, 0], history.constant, rtol=0, atol=1e-11)
        np.testing.assert_allclose(x[history.first], history.realisation.start, rtol=0, atol=1e-11)
        ends = x[history.blocks - history.copies :, 1 : len(problem.wanted) + 1]
        np.testing.assert_allclose(ends, np.tile(end_of(problem), (len(ends), 1)), rtol=0, atol=1e-11)
        assert np.all(np.linalg.norm(x[history.first :], axis=1) <= history.sizes + 1e-11)


@pytest.mark.parametrize(("dense", "work"), [(1500, 0), (0, 1e7), (0, 0)])
def test_what_is_said_of_the_spectrum_holds(recurrence, dense, work, check_spectrum, monkeypatch):
    monkeypatch.setattr(module, "_DENSE", dense)
    monkeypatch.setattr(module, "_WORK", work)
    for history in layouts(recurrence):
        check_spectrum(history)


# Phase estimation to 1e-3 takes thousands of products.
ERRORS = [(make, eps) for make in SOLVERS for eps in (0.3, 1e-3) if make is not plan_estimated or eps > 0.1]


@pytest.mark.parametrize(("make", "eps"), ERRORS)
def test_the_error_stays_below_its_share(recurrence, make, eps, check_share):
    for history in layouts(recurrence):
        check_share(make(recurrence, history, eps), recurrence, eps)


@pytest.mark.parametrize("make", SOLVERS[:2])
def test_gates_and_emulation_agree(recurrence, make, check_gates):
    check_gates(make(recurrence, layouts(recurrence)[0], 0.3), recurrence)


@pytest.mark.parametrize("recurrence", ["one entry"], indirect=True)
def test_gates_and_emulation_agree_for_phase_estimation(recurrence, check_gates):
    check_gates(plan_estimated(recurrence, layouts(recurrence)[0], 0.9), recurrence)


@pytest.mark.slow
@pytest.mark.parametrize("recurrence", ["one entry", "homogeneous"], indirect=True)
def test_gates_and_emulation_agree_for_more_phase_estimation(recurrence, check_gates):
    check_gates(plan_estimated(recurrence, layouts(recurrence)[0], 0.3), recurrence)
    plain = lay_out(recurrence, realise_augmented(recurrence, "svd"))[0]
    check_gates(plan_estimated(recurrence, plain, 0.9), recurrence)


def test_phase_estimation_costs_many_times_the_best_polynomial(recurrences):
    problem = recurrences["not normal"]
    estimated, inverse = (make(problem, layouts(problem)[0], 1e-2) for make in (plan_estimated, plan_inverse))
    assert estimated.queries > 20 * inverse.queries
    assert estimated.resources.two_qubit > 20 * inverse.resources.two_qubit
    assert plan_history_hhl(problem, 1e-2, "svd", assembled=False).solver == "history_hhl"


def test_repetitions_are_at_least_as_many_as_asked_for(recurrences):
    for idle, copies in ((0, 1), (1, 2), (2, 3), (3, 5)):
        (history,) = layouts(recurrences["source"], idle=idle)
        assert history.copies == copies
        assert history.first >= 0


@pytest.fixture
def four_weights(window):
    """15 coordinates and one empty."""
    return window(n=4, rank=2, steps=10)


def figures(route):
    return [
        (one.parameters["encoding"], one.qubits, one.resources.two_qubit) for one in (route, *route.losers)
    ]


def test_sixteen_blocks_of_four_weights_take_fourteen_qubits(four_weights, end_of):
    problem = four_weights
    route = plan_history_kernel(problem, 0.05)
    dense = [one for one in (route, *route.losers) if one.parameters["encoding"] == "framed history of svd"]
    (best,) = [one for one in dense if one.parameters["blocks"] == 16]
    assert best.qubits == 14
    assert best.resources.two_qubit / best.queries < 215
    assert best.emulate().accepted > 0.8
    assert np.linalg.norm(best.emulate().value - end_of(problem)) <= 0.05 * problem.unit
    slots = min(row for row in figures(route) if row[0] == "history of slots")
    assert slots[1] < 25
    assert route.parameters["encoding"] == "history of slots"


class Narrow:
    """A backend that is asked for nothing but its limit."""

    def __init__(self, limit):
        machine = get_backend("reference")
        self.capabilities = replace(machine.capabilities, max_qubits=limit)


@pytest.mark.parametrize("make", [plan_history_kernel, plan_history_qsvt])
def test_where_qubits_are_the_limit_the_planner_takes_it_and_shows_the_other(make, four_weights):
    problem, name = four_weights, make.__name__.removeprefix("plan_")
    wide = plan(problem, 0.05, name, Narrow(40))
    narrow = plan(problem, 0.05, name, Narrow(16))
    assert wide.parameters["encoding"] == "history of slots"
    assert narrow.parameters["encoding"] == "framed history of svd"
    assert narrow.qubits <= 16 < wide.qubits
    assert "framed history of svd" in {row[0] for row in figures(wide)}
    assert "history of slots" in {row[0] for row in figures(narrow)}
    assert sorted(figures(wide)) == sorted(figures(narrow))


@pytest.mark.usefixtures("misplaced")
def test_misplaced_blocks_are_caught(check_planted):
    check_planted(layouts)


def test_a_frame_left_out_is_caught(check_planted, monkeypatch):
    kept = history_plan.rotation
    monkeypatch.setattr(history_plan, "rotation", lambda matrix, name: kept(np.eye(len(matrix)), name))
    check_planted(layouts)


@pytest.mark.slow
def test_the_window_of_four_weights_at_gate_level(four_weights, end_of):
    problem = four_weights
    route = plan(problem, 0.3, "history_kernel", Narrow(14))
    assert route.parameters["blocks"] == 16
    history = route.compile()
    amplitudes = simulate(history.circuit)[: 2**history.circuit.n_bits]
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(history.branch()), rtol=0, atol=1e-9)
    error = np.linalg.norm(route.read_amplitudes(amplitudes).value - end_of(problem))
    assert error <= route.error_budget.polynomial * problem.unit
