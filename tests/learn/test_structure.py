"""Windows of order 3 in slots, from the loss to the weights, and why some windows are not in slots."""

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.learn.local import expand_around
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import as_steps
from qgd_core.learn.structure import find_structure
from qgd_core.learn.window import plan_window, run_window
from qgd_core.ode.marching import plan_marching


def third(**options):
    return Settings(**{"steps": 4, "order": 3, "budget": 0.2, "solver": "marching", **options})


@pytest.mark.parametrize(("n", "seed"), [(2, 0), (2, 3), (3, 1)])
def test_a_window_of_order_three_is_planned_in_slots_and_keeps_its_budget(n, seed, random_logistic, descend):
    loss, settings, machine = random_logistic(n, seed), third(), get_backend("emulator")
    window = plan_window(loss, loss.start, settings, machine)
    assert window.route.parameters["encoding"] == "slots_cubic"
    assert "not in slots" not in window.route.explain()
    result, truth = run_window(window, machine, seed=1), descend(loss, settings)
    exact = np.linalg.norm(result.exact_weights - truth)
    assert exact <= window.budget.model + window.budget.truncation
    assert np.linalg.norm(result.weights - truth) <= window.budget.total <= 0.2 * window.move_estimate + 1e-12
    second = plan_window(loss, loss.start, third(order=2), machine)
    assert exact < np.linalg.norm(second.classical() - truth)
    counts = cost(window.route.compile().circuit)
    assert 0.97 * window.route.resources.two_qubit <= counts.two_qubit <= window.route.resources.two_qubit
    assert counts.rotations <= window.route.resources.rotations


def test_the_gates_of_such_a_window_lead_to_its_weights(random_logistic):
    loss = random_logistic(1, 0)
    window = plan_window(loss, loss.start, third(steps=2))
    # Entries are cheaper for one variable.
    route = plan_marching(window.route.problem, 0.1, "slots_cubic")
    program = route.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-12)
    found = window.weights(route.read_amplitudes(amplitudes).value / window.system.scale)
    np.testing.assert_allclose(found, window.classical(), rtol=0, atol=1e-11)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", [2, 3])
def test_the_drift_bounds_what_the_few_directions_change(order, seed, random_logistic):
    loss, settings = random_logistic(3, seed), third(order=order)
    local = expand_around(as_steps(loss), loss.start, settings, np.zeros(3))
    marched = find_structure(local, order, 1e-2)
    true = near = local.start
    for _ in range(settings.steps):
        true, near = local.updates[0](true), marched.updates[0](near)
    assert np.linalg.norm(true - near) <= marched.drift
    assert marched.layout is not None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"recentre": True}, "F_0 is zero"),
        ({"momentum": 0.2, "budget": 0.9}, "no momentum"),
        ({"schedule": (1.0, 0.9, 0.8, 0.7)}, "one map for all steps"),
        ({"order": 4}, "orders 2 and 3"),
    ],
)
def test_a_window_that_is_not_in_slots_says_why(options, reason, random_logistic):
    loss = random_logistic(2, 0)
    window = plan_window(loss, loss.start, third(**options))
    assert window.route.parameters["encoding"] not in ("slots", "slots_cubic")
    assert reason in window.route.explain()


def test_too_small_a_drift_says_so(random_logistic):
    loss = random_logistic(2, 0)
    local = expand_around(as_steps(loss), loss.start, third(), np.zeros(2))
    marched = find_structure(local, 3, 1e-18)
    assert marched.layout is None
    assert "1.0e-18" in marched.reason
