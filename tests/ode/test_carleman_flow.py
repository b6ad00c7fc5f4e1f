"""A field straight to a plan: its Carleman system, and slots where the field has neighbours only."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError
from qgd_core.ode.carleman_flow import carleman_flow
from qgd_core.ode.taylor import plan_taylor_history_qsvt
from qgd_core.ode.trapezoid import plan_trapezoid_qsvt

START = np.array([0.2, -0.1, 0.15])


def field(far=0.0):
    n = 3
    linear = -0.6 * np.eye(n) + 0.2 * np.eye(n, k=1) + 0.25 * np.eye(n, k=-1)
    linear[0, 2] = far
    square = np.zeros((n, n, n))
    for i in range(n - 1):
        square[i, i, i + 1], square[i + 1, i + 1, i] = 0.15, -0.1
    return PolynomialField({0: [[0.02], [0.0], [-0.01]], 1: linear, 2: square.reshape(n, n * n)})


@pytest.mark.parametrize("basis", ["symmetric", "kronecker"])
def test_the_problem_is_the_truncated_flow(basis):
    system = carleman(field(), order=2, form="continuous", basis=basis, scale=1.3)
    problem = carleman_flow(system, START, 0.7)
    a, b = system.matrix.toarray(), system.source
    run = solve_ivp(lambda _, z: a @ z + b, (0.0, 0.7), system.lift(START), "DOP853", rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(problem.classical(), run.y[:3, -1], rtol=0, atol=1e-10)
    assert problem.structure is not None
    assert problem.wanted == (0, 1, 2)


@pytest.mark.parametrize("basis", ["symmetric", "kronecker"])
@pytest.mark.parametrize("make", [plan_trapezoid_qsvt, plan_taylor_history_qsvt])
def test_histories_take_the_slots_by_themselves(make, basis):
    problem = carleman_flow(
        carleman(field(), order=2, form="continuous", basis=basis, scale=1.3), START, 0.3, [1]
    )
    route = make(problem, 0.1)
    assert "slot_flow" in route.parameters["encoding"]
    share = route.error_budget.discretisation + route.error_budget.polynomial
    assert np.linalg.norm(route.emulate().value - problem.classical()) <= share * problem.unit + 1e-9


@pytest.mark.parametrize(
    ("given", "order"), [(field(far=0.1), 2), (field(), 1), (field(), 3)], ids=["far", "order 1", "order 3"]
)
def test_other_fields_keep_their_entries(given, order):
    problem = carleman_flow(carleman(given, order=order, form="continuous"), START, 0.3)
    assert problem.structure is None


def test_a_discrete_system_is_refused():
    with pytest.raises(ConfigError, match="continuous"):
        carleman_flow(carleman(field(), order=2, form="discrete", step=0.1), START, 0.3)
