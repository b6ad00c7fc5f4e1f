"""Flows by one polynomial of one block encoding against an integrator, gates against emulation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.errors import PrecisionUnreachable
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


@pytest.mark.parametrize("eps", [1e-2, 1e-4])
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


def test_too_many_qubits_are_refused():
    with pytest.raises(PrecisionUnreachable, match="qubits"):
        plan_qsvt_lchs(LinearODE(-np.eye(600), None, np.ones(600), 4.0), 1e-3)


def test_a_wrong_branch_sign_is_caught(monkeypatch):
    kept = qsvt_lchs.Flow.skew.func
    problem = PROBLEMS["source"]
    route = plan_qsvt_lchs(problem, 0.2)
    flipped = property(lambda self: -kept(self))
    monkeypatch.setattr(qsvt_lchs.Flow, "skew", flipped)
    with pytest.raises(AssertionError):
        check(plan_qsvt_lchs(problem, 0.2), problem)
    assert route.solver == "qsvt_lchs"
