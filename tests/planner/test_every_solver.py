"""Every solver on the table of problems: what was planned against dense linear algebra and what is built, gate by gate."""

import math

import numpy as np
import pytest

from qgd_core.carleman.sequence import CarlemanSequence
from qgd_core.carleman.system import CarlemanSystem
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.linear.base import Plan
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.choose import plan
from qgd_core.planner.solvers import SOLVERS

# What a plan may promise above what is built, in CX; the gate counts of encodings are bounds themselves.
BAND = 1.6


def check_error(plan, truth, eps):
    shares, unit = plan.error_budget, plan.problem.unit
    assert shares.total == pytest.approx(eps, rel=1e-9)
    error = np.linalg.norm(plan.emulate().value - truth)
    assert error <= (shares.total - shares.shots) * unit + 1e-9


def test_the_error_is_within_its_shares_and_they_add_up(route, exact):
    check_error(route, exact(route.problem), 0.1)
    assert route.success_probability <= route.emulate().accepted + 1e-12
    assert route.emulate().accepted <= route.most_accepted + 1e-12
    assert route.shots >= 1
    assert route.solver in route.explain()


def test_the_circuit_is_what_was_planned(built, exact):
    circuit = built.compile().circuit
    counted = cost(circuit)
    assert counted.two_qubit <= built.resources.two_qubit <= BAND * counted.two_qubit + 60
    assert counted.rotations <= built.resources.rotations
    assert lower(circuit).n_qubits <= built.qubits
    expected, vector = built.emulate(), simulate(circuit)
    assert float(np.vdot(vector, vector).real) == pytest.approx(expected.accepted, rel=0, abs=1e-9)
    outcomes = np.linalg.norm(vector.reshape(-1, 2**circuit.n_bits), axis=0)
    np.testing.assert_allclose(outcomes, np.abs(built.compile().branch()), rtol=0, atol=1e-9)
    assert not math.isnan(built.resources.t_gates)
    shares = built.error_budget
    found = built.read_amplitudes(vector[: 2**circuit.n_bits]).value
    error = np.linalg.norm(found - exact(built.problem))
    assert error <= (shares.total - shares.shots) * built.problem.unit + 1e-8


def test_a_finer_error_is_met_too(fine, exact):
    check_error(fine, exact(fine.problem), 5e-3)


def test_the_table_covers_every_solver_at_every_size(table):
    problems, planned, built = table
    assert {name for name, _ in planned} == {name for name, _ in built} == set(SOLVERS)
    for rows in problems.values():
        sizes = {getattr(problem, "z0", getattr(problem, "b", None)).size for problem in rows.values()}
        assert sizes >= {1, 2, 3, 5, 8, 33, 64}


def test_the_automatic_choice_costs_no_more_than_any_route(problem):
    """Heavy routes are left out where a light one is often accepted: planned all the same, none is cheaper."""
    chosen, every = plan(problem, 0.1), plan(problem, 0.1, thorough=True)
    prices = [one.resources.two_qubit * one.shots for one in (every, *every.losers)]
    assert len(prices) >= 3
    assert chosen.solver == every.solver
    assert chosen.resources.two_qubit * chosen.shots == prices[0] == min(prices)


def refused(self, *given):
    raise AssertionError("the answer was asked for")


def test_no_plan_asks_for_the_answer_or_builds_its_circuit(fine, monkeypatch):
    """Planned anew with every classical solution out of reach, and found the same."""
    for kind in (LinearSystem, LinearRecurrence, LinearODE):
        monkeypatch.setattr(kind, "classical", refused)
    for kind in (CarlemanSystem, CarlemanSequence):
        monkeypatch.setattr(kind, "evolve", refused)
    monkeypatch.setattr(Plan, "compile", refused)
    again = SOLVERS[fine.solver].make_plan(fine.problem, 5e-3)
    assert again.resources == fine.resources
    assert again.explain() == fine.explain()
