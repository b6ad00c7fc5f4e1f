"""Every solver on the table of problems: what was planned against dense linear algebra and what is built, gate by gate."""

import math

import numpy as np
import pytest

from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
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
