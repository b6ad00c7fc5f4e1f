import numpy as np
import pytest
from scipy.stats import ortho_group

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import sample, simulate
from qgd_core.errors import PrecisionUnreachable
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching


def contraction(n, seed, smallest=0.3):
    """A random matrix with singular values between `smallest` and 0.95."""
    rng = np.random.default_rng(seed)
    left, right = ortho_group.rvs(n, random_state=seed), ortho_group.rvs(n, random_state=seed + 99)
    return left @ np.diag(rng.uniform(smallest, 0.95, n)) @ right


def problems():
    rng = np.random.default_rng(7)
    yield "homogeneous", LinearRecurrence(contraction(3, 1), None, rng.normal(size=3), 3)
    yield "source", LinearRecurrence(contraction(3, 2), rng.normal(size=3), rng.normal(size=3), 4)
    yield "zero start", LinearRecurrence(contraction(2, 3), [1.0, -2.0], np.zeros(2), 3)
    yield "some entries", LinearRecurrence(contraction(6, 4), None, rng.normal(size=6), 2, wanted=[4, 1])
    yield "one entry", LinearRecurrence([[0.5]], [0.25], [-1.0], 5)
    yield (
        "a matrix a step",
        LinearRecurrence([contraction(3, s) for s in range(3)], rng.normal(size=3), np.ones(3), 3),
    )
    yield "growing", LinearRecurrence([[1.2, 0.3], [0.0, 1.1]], None, [1.0, -1.0], 3)


PROBLEMS = dict(problems())


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("encoding", ["row_column", "svd"])
def test_gates_emulation_and_dense_algebra_agree(name, encoding):
    problem = PROBLEMS[name]
    plan = plan_marching(problem, 0.1, encoding)
    program = plan.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    # Everything else of the vector was rejected: ancillas are |0> on the success branch.
    assert np.abs(vector[2**program.circuit.n_bits :]).max() == 0
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.read_amplitudes(amplitudes).value, problem.classical(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(plan.emulate().value, problem.classical(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_plan_knows_its_costs_before_building(name):
    plan = plan_marching(PROBLEMS[name], 0.1)
    program = plan.compile()
    built = cost(program.circuit)
    assert program.circuit.n_qubits == plan.qubits
    assert built.two_qubit <= plan.resources.two_qubit
    assert built.rotations <= plan.resources.rotations
    accepted = float(np.linalg.norm(simulate(program.circuit)) ** 2)
    assert plan.success_probability <= accepted + 1e-12
    assert plan.emulate().accepted == pytest.approx(accepted, rel=0, abs=1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_planned_shots_keep_the_sampling_error_below_its_share(name):
    problem = PROBLEMS[name]
    plan = plan_marching(problem, 0.05)
    errors = []
    for seed in range(20):
        counts, _ = sample(plan.compile().circuit, plan.shots, seed)
        estimate = plan.read_counts(counts, plan.shots)
        errors.append(np.linalg.norm(estimate.value - problem.classical()))
        assert np.all(estimate.stderr > 0)
    assert max(errors) <= 0.05 * problem.unit
    # Not wastefully many either: the bound holds with probability 1 - 1e-4, so the worst of 20 is well within 10 times.
    assert max(errors) >= 0.005 * problem.unit


def test_an_error_that_needs_too_many_shots_names_the_nearest_reachable_one():
    with pytest.raises(PrecisionUnreachable, match="shots") as caught:
        plan_marching(PROBLEMS["source"], 1e-9)
    reachable = caught.value.value
    found = plan_marching(PROBLEMS["source"], reachable * 1.001)
    assert found.shots == pytest.approx(10**12, rel=0.01)
    assert f"{found.resources.two_qubit} two-qubit gates a shot and 1e+12 shots" in caught.value.remedy
    with pytest.raises(PrecisionUnreachable):
        plan_marching(PROBLEMS["source"], reachable / 1.001)


def test_where_hardly_a_shot_is_accepted_no_larger_error_is_named():
    """A rotation entry by entry has alpha far above its norm: after so many steps not even the sign can be read."""
    turn = [[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]]

    def refusal(steps, eps):
        problem = LinearRecurrence(turn, None, [1.0, 0.0], steps, bound=1.0)
        try:
            plan_marching(problem, eps, "row_column", amplify="none")
        except PrecisionUnreachable as caught:
            return caught

    named = {steps: found.value for steps in range(20, 60) if (found := refusal(steps, 0.1)) is not None}
    assert None in named.values()
    assert any(named.values())
    for steps, value in named.items():
        found = refusal(steps, 1e3 if value is None else 1.001 * value)
        assert (found is None) == (value is not None)
        assert found is None or "fewer steps" in found.remedy.lower()
