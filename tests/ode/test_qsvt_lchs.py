"""Flows by one polynomial of one block encoding against an integrator, gates against emulation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.ode import qsvt_lchs
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.qsvt_lchs import plan_qsvt_lchs

PROBLEMS = {
    "one variable": LinearODE([[-0.7]], None, [-1.0], 1.0),
    "normal": LinearODE(np.diag([-1.0, -0.2, -0.5]), None, [1.0, -1.0, 0.5], 1.0),
    "not normal": LinearODE([[-0.9, 0.8], [0.0, -1.2]], None, [0.3, 1.0], 1.0),
    "source": LinearODE([[-0.8, 0.4], [-0.1, -0.6]], [0.1, -0.2], [1.0, -0.5], 1.0),
}


def truth(problem):
    a, b = problem.matrix.toarray(), problem.b
    run = solve_ivp(lambda _, z: a @ z + b, (0.0, problem.time), problem.z0, "DOP853", rtol=1e-11, atol=1e-12)
    return run.y[list(problem.wanted), -1]


def check(route, problem):
    share = (route.error_budget.discretisation + route.error_budget.polynomial) * problem.unit
    assert np.linalg.norm(route.emulate().value - truth(problem)) <= share + 1e-9
    program = route.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    assert np.linalg.norm(route.read_amplitudes(amplitudes).value - truth(problem)) <= share + 1e-8
    assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
    built = cost(program.circuit)
    assert built.two_qubit <= route.resources.two_qubit
    assert built.rotations <= route.resources.rotations
    assert lower(program.circuit).n_qubits <= route.qubits


@pytest.mark.parametrize("name", PROBLEMS)
def test_gates_emulation_and_an_integrator_agree(name):
    check(plan_qsvt_lchs(PROBLEMS[name], 0.2), PROBLEMS[name])


@pytest.mark.parametrize("eps", [1e-2, pytest.param(1e-4, marks=pytest.mark.slow)])
def test_the_error_stays_below_its_shares(eps):
    for problem in PROBLEMS.values():
        route = plan_qsvt_lchs(problem, eps)
        error = np.linalg.norm(route.emulate().value - truth(problem))
        assert error <= (route.error_budget.discretisation + route.error_budget.polynomial) * problem.unit


def test_a_proven_kernel_serves_too():
    problem = PROBLEMS["one variable"]
    route = plan_qsvt_lchs(problem, 0.3, "an_childs_lin")
    assert route.parameters["proven"] == "yes"
    assert np.linalg.norm(route.emulate().value - truth(problem)) <= 0.06 * problem.unit


@pytest.mark.parametrize("name", PROBLEMS)
def test_figures_without_circuits_bound_the_ones_with(name, monkeypatch):
    counted = plan_qsvt_lchs(PROBLEMS[name], 0.2)
    monkeypatch.setattr(qsvt_lchs, "_ASSEMBLED", 0)
    bounded = plan_qsvt_lchs(PROBLEMS[name], 0.2)
    check(bounded, PROBLEMS[name])
    assert bounded.queries == counted.queries
    assert bounded.scale == pytest.approx(counted.scale, rel=1e-12)
    assert counted.resources.two_qubit <= bounded.resources.two_qubit
    assert counted.resources.rotations <= bounded.resources.rotations
    assert counted.qubits <= bounded.qubits


def test_what_is_too_large_for_one_matrix_is_emulated_and_still_compiles():
    """Nine qubits of coordinates with four of nodes: an integrator says what z(T) is."""
    n = 300
    a = -0.5 * np.eye(n) + 0.2 * np.eye(n, k=-1) + 0.1 * np.eye(n, k=1)
    problem = LinearODE(a, None, np.eye(n)[0] - np.eye(n)[2], 1.0, [0, 1, 2], bound=1.5)
    route = plan_qsvt_lchs(problem, 1e-3)
    assert route.parameters["number"] * 2**9 > 2**12
    shares = route.error_budget
    error = np.linalg.norm(route.emulate().value - truth(problem))
    assert error <= (shares.discretisation + shares.polynomial) * problem.unit
    built = cost(route.compile().circuit)
    assert built.two_qubit <= route.resources.two_qubit
    assert built.rotations <= route.resources.rotations


def test_a_wrong_branch_sign_is_caught(monkeypatch):
    kept = qsvt_lchs.Flow.skew.func
    problem = PROBLEMS["source"]
    route = plan_qsvt_lchs(problem, 0.2)
    flipped = property(lambda self: -kept(self))
    monkeypatch.setattr(qsvt_lchs.Flow, "skew", flipped)
    with pytest.raises(AssertionError):
        check(plan_qsvt_lchs(problem, 0.2), problem)
    assert route.solver == "qsvt_lchs"
