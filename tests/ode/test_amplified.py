"""Marching whose steps are amplified: gates, emulation and dense algebra, and when it is worth its price."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from qgd_core.backends.registry import get_backend
from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import sample, simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import ConfigError
from qgd_core.linear.amplify import amplify
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching


def turning(n, seed, size=0.97):
    """A multiple of an orthogonal matrix: its Perron alpha is far above its norm."""
    return size * ortho_group.rvs(n, random_state=seed)


def slots(multiplier, steps, weight=0.02, offset=0.01):
    """A window of two weights in slots, its slowest multiplier given."""
    y = np.array([[0.6, 0.8]])
    step = LowRankMap(np.array([0.0, offset]), np.array([multiplier, 0.6]), np.array([weight]), y)
    u0 = np.array([0.3, -0.2])
    system = carleman(step.field(1.0), order=2, step=1.0, scale=1.0)
    structure = SlotSteps((step,), u0, 1.0, steps)
    return LinearRecurrence(
        system.matrix, system.source, system.lift(u0), steps, wanted=range(2), structure=structure
    )


PROBLEMS = {
    "one step": LinearRecurrence(turning(2, 1), None, [1.0, -0.5], 1),
    "four steps": LinearRecurrence(turning(2, 2), None, [1.0, -0.5], 4),
    "source": LinearRecurrence(turning(3, 3), [0.1, 0.0, -0.1], [1.0, -0.5, 0.3], 3),
    "a matrix a step": LinearRecurrence([turning(3, s) for s in range(5)], None, [1.0, -0.5, 0.3], 5),
    "some entries": LinearRecurrence(turning(3, 4), None, [1.0, -0.5, 0.3], 3, wanted=[2]),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_gates_emulation_and_dense_algebra_agree(name):
    problem = PROBLEMS[name]
    plan = plan_marching(problem, 0.2, "row_column", "singular_values")
    circuit = plan.compile().circuit
    vector = simulate(circuit)
    amplitudes = vector[: 2**circuit.n_bits]
    assert np.abs(vector[2**circuit.n_bits :]).max() == 0
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(plan.compile().branch()), rtol=0, atol=1e-9)
    found = plan.emulate()
    error = np.linalg.norm(found.value - problem.classical())
    assert error <= plan.error_budget.polynomial * problem.unit
    assert plan.error_budget.total == pytest.approx(0.2, rel=1e-12)
    assert plan.success_probability <= found.accepted <= plan.most_accepted + 1e-12
    built = cost(circuit)
    assert built.two_qubit <= plan.resources.two_qubit <= 1.6 * built.two_qubit
    assert built.rotations <= plan.resources.rotations
    assert lower(circuit).n_qubits <= plan.qubits
    assert found.accepted > plan_marching(problem, 0.2, "row_column", "none").emulate().accepted


def test_slots_amplified_hold_at_gate_level_where_the_circuit_is_simulated():
    problem = slots(0.9, 2, weight=1.0, offset=0.0)
    plan = plan_marching(problem, 0.3, "slots", "singular_values")
    circuit = plan.compile().circuit
    vector = simulate(circuit)
    outcomes = np.linalg.norm(vector.reshape(-1, 2**circuit.n_bits), axis=0)
    np.testing.assert_allclose(outcomes, np.abs(plan.compile().branch()), rtol=0, atol=1e-9)
    assert cost(circuit).two_qubit <= plan.resources.two_qubit
    error = np.linalg.norm(plan.emulate().value - problem.classical())
    assert error <= plan.error_budget.polynomial * problem.unit


def test_the_automatic_choice_amplifies_where_it_costs_less():
    matrix = turning(6, 9, 1.0)
    short = LinearRecurrence(matrix, None, np.ones(6), 1)
    long = LinearRecurrence(matrix, None, np.ones(6), 7)
    assert "amplified" not in plan_marching(short, 0.1, "row_column").parameters
    plan = plan_marching(long, 0.1, "row_column")
    plain = plan_marching(long, 0.1, "row_column", "none")
    assert plan.parameters["amplified"] == "singular values"
    assert plan.parameters["success without"] == pytest.approx(plain.success_probability, rel=1e-9)
    assert plan.resources.two_qubit * plan.shots < plain.resources.two_qubit * plain.shots / 30
    assert plan.losers[0].resources == plain.resources
    assert np.linalg.norm(plan.emulate().value - long.classical()) <= 0.005 * long.unit


def test_long_windows_with_a_zero_mode_are_cheaper_amplified():
    plan = plan_marching(slots(1.0, 400), 0.05, "slots")
    (plain,) = plan.losers
    assert plan.parameters["amplified"] == "singular values"
    assert plan.resources.two_qubit * plan.shots < plain.resources.two_qubit * plain.shots / 1000
    assert plan.emulate().accepted > 1e5 * plain.emulate().accepted


def test_planned_shots_keep_the_error_below_eps():
    problem = PROBLEMS["four steps"]
    plan = plan_marching(problem, 0.1, "row_column", "singular_values")
    errors = []
    for seed in range(20):
        counts, _ = sample(plan.compile().circuit, plan.shots, seed)
        errors.append(np.linalg.norm(plan.read_counts(counts, plan.shots).value - problem.classical()))
    assert 0.01 * problem.unit <= max(errors) <= 0.1 * problem.unit


def test_what_is_amplified_can_be_amplified_again_by_its_success():
    plan = plan_marching(PROBLEMS["four steps"], 0.2, "row_column", "singular_values")
    twice = amplify(plan, 1)
    np.testing.assert_allclose(twice.emulate().value, plan.emulate().value, rtol=0, atol=1e-9)
    amplitudes = get_backend("reference").compile(twice.compile()).amplitudes()
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(twice.compile().branch()), rtol=0, atol=1e-9)


def test_what_cannot_be_amplified_says_so():
    at_its_norm = LinearRecurrence([[0.5, 0.2], [0.2, 0.4]], None, [1.0, 0.0], 2)
    with pytest.raises(ConfigError, match="below its alpha"):
        plan_marching(at_its_norm, 0.1, "row_column", "singular_values")
    with pytest.raises(ConfigError, match="expected one of"):
        plan_marching(at_its_norm, 0.1, "row_column", "always")


@pytest.mark.parametrize("steps", [1, 6, 13])
def test_equal_steps_are_amplified_as_the_same_steps_given_one_by_one(steps):
    matrix = turning(3, 6, 1.02) + 0.05 * np.eye(3)[:, [1, 0, 2]]
    plans = [
        plan_marching(
            LinearRecurrence(given, None, [1.0, -0.5, 0.3], steps), 0.2, "row_column", "singular_values"
        )
        for given in (matrix, [matrix] * steps)
    ]
    one, other = ({k: v for k, v in plan.parameters.items() if not isinstance(v, str)} for plan in plans)
    assert one == pytest.approx(other, rel=1e-12)
    assert plans[0].queries == plans[1].queries
