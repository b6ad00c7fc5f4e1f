"""Every row of the table of solvers on small problems: what was planned against what is built, gate by gate."""

import math

import numpy as np
import pytest

from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.choose import SOLVERS

STEP = [[0.6, 0.2], [-0.1, 0.7]]
PROBLEMS = {
    LinearSystem: {
        "not normal": LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5]),
        "padded": LinearSystem([[1.0, 0.2, 0.0], [0.0, 0.9, -0.2], [0.1, 0.0, 1.1]], [1.0, -0.5, 0.3]),
        "one unknown": LinearSystem([[-0.5]], [2.0]),
    },
    LinearRecurrence: {
        "source": LinearRecurrence(STEP, [0.1, 0.0], [1.0, -0.5], 2),
        "one number": LinearRecurrence([[0.5]], [0.25], [-1.0], 3),
        "another matrix a step": LinearRecurrence([[[0.5]], [[0.8]], [[0.2]]], None, [1.0], 3),
    },
    LinearODE: {
        "one number": LinearODE([[-0.7]], [0.2], [1.0], 1.0),
        "not normal": LinearODE([[-0.5, 0.6], [-0.2, -0.8]], None, [1.0, -0.5], 0.8),
    },
}
ROWS = [(name, case) for name, row in SOLVERS.items() for case in PROBLEMS[row.problem]]
# What a plan may promise above what is built, in CX; the gate counts of encodings are bounds themselves.
BAND = 1.6
SIMULATED = 2.0e11  # gates times amplitudes
QUICK = 5.0e6


def planned(name, case, eps=0.4):
    row = SOLVERS[name]
    problem = PROBLEMS[row.problem][case]
    if not row.takes(problem):
        pytest.skip("needs a structure of its own")
    return problem, row.make_plan(problem, eps)


@pytest.mark.parametrize(("name", "case"), ROWS)
def test_the_error_is_within_its_shares_and_they_add_up(name, case):
    problem, plan = planned(name, case)
    shares = plan.error_budget
    assert shares.total == pytest.approx(0.4, rel=1e-9)
    error = np.linalg.norm(plan.emulate().value - problem.classical())
    assert error <= (shares.total - shares.shots) * problem.unit + 1e-9
    assert plan.success_probability <= plan.emulate().accepted + 1e-12
    assert plan.emulate().accepted <= plan.most_accepted + 1e-12
    assert plan.shots >= 1
    assert name in plan.explain()


def gates(name, case, allowed):
    _, plan = planned(name, case)
    if plan.resources.two_qubit * 2.0**plan.qubits > allowed:
        pytest.skip("too large to simulate here")
    circuit = plan.compile().circuit
    built = cost(circuit)
    assert built.two_qubit <= plan.resources.two_qubit <= BAND * built.two_qubit + 60
    assert built.rotations <= plan.resources.rotations
    assert lower(circuit).n_qubits <= plan.qubits
    expected, vector = plan.emulate(), simulate(circuit)
    assert float(np.vdot(vector, vector).real) == pytest.approx(expected.accepted, rel=0, abs=1e-9)
    outcomes = np.linalg.norm(vector.reshape(-1, 2**circuit.n_bits), axis=0)
    branch = np.abs(plan.compile().branch())
    np.testing.assert_allclose(outcomes, branch, rtol=0, atol=1e-9)
    assert not math.isnan(plan.resources.t_gates)


@pytest.mark.parametrize(("name", "case"), ROWS)
def test_the_circuit_is_what_was_planned(name, case):
    gates(name, case, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "case"), ROWS)
def test_the_larger_circuit_is_what_was_planned(name, case):
    gates(name, case, SIMULATED)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_finer_error_is_met_too(name):
    problem = next(iter(PROBLEMS[SOLVERS[name].problem].values()))
    if not SOLVERS[name].takes(problem):
        pytest.skip("needs a structure of its own")
    if name == "euler_kernel":
        pytest.skip("a baseline whose steps grow like 1 / eps")
    plan = SOLVERS[name].make_plan(problem, 1e-2)
    error = np.linalg.norm(plan.emulate().value - problem.classical())
    assert error <= (plan.error_budget.total - plan.error_budget.shots) * problem.unit + 1e-9


# Baselines and routes whose plans grow fast with the size or the error get small problems.
COSTLY = {
    "euler_kernel",
    "hhl",
    "history_hhl",
    "trapezoid_kernel",
    "trapezoid_qsvt",
    "taylor_history_qsvt",
    "history_qsvt",
}


def drawn(seed, most):
    """A solver and a random problem for it: sizes 1 to `most`, normal or not, with and without sources."""
    rng = np.random.default_rng(seed)
    names = [name for name in SOLVERS if name != "mask_lchs"]
    name = names[seed % len(names)]
    n = int(rng.integers(1, (min(most, 6) if name in COSTLY else most) + 1))
    noise = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5)
    if rng.random() < 0.3:
        noise = (noise + noise.T) / 2
    source = rng.normal(size=n) if rng.random() < 0.5 else None
    kind, start = SOLVERS[name].problem, rng.normal(size=n)
    if kind is LinearSystem:
        values = np.linalg.svd(noise)[0] @ np.diag(10.0 ** -rng.uniform(0, 1, n)) @ np.linalg.svd(noise)[2]
        return name, LinearSystem(values * rng.uniform(0.1, 10), start)
    scaled = noise / max(1.0, np.linalg.norm(noise, 2))
    if kind is LinearRecurrence:
        steps = int(rng.integers(1, 5))
        several = rng.random() < 0.3
        matrices = [scaled * rng.uniform(0.5, 1.0) for _ in range(steps)] if several else scaled
        return name, LinearRecurrence(matrices, source, start, steps)
    return name, LinearODE(
        scaled - rng.uniform(1.0, 1.5) * np.eye(n), source, start, float(rng.uniform(0.1, 1.5))
    )


def within(seed, most=64):
    name, problem = drawn(seed, most)
    eps = float(10 ** np.random.default_rng(seed + 10**6).uniform(-2 if name in COSTLY else -5, -0.5))
    reachable = eps
    try:
        plan = SOLVERS[name].make_plan(problem, eps)
    except PrecisionUnreachable as refusal:
        if refusal.value is None:
            # No error is in reach: too many terms to bound their commutators.
            assert name == "pauli_lchs"
            return
        reachable = refusal.value
    if reachable != eps:
        assert reachable > eps
        eps = 1.001 * reachable
        plan = SOLVERS[name].make_plan(problem, eps)
    found, truth = plan.emulate(), problem.classical()
    allowed = plan.error_budget.total - plan.error_budget.shots
    assert plan.error_budget.total == pytest.approx(eps)
    assert np.linalg.norm(found.value - truth) <= allowed * problem.unit + 1e-9 * problem.bound()
    assert plan.success_probability <= found.accepted * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(32))
def test_random_problems_stay_within_budget(seed):
    within(seed, 16)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(32, 1032))
def test_a_thousand_random_problems_stay_within_budget(seed):
    within(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2050))
def test_fifty_random_problems_at_gate_level(seed):
    name, problem = drawn(seed, 2)
    try:
        plan = SOLVERS[name].make_plan(problem, 0.4)
    except PrecisionUnreachable:
        pytest.skip("refused")
    if plan.resources.two_qubit * 2.0**plan.qubits > SIMULATED:
        pytest.skip("too large to simulate here")
    circuit = plan.compile().circuit
    vector = simulate(circuit)
    outcomes = np.linalg.norm(vector.reshape(-1, 2**circuit.n_bits), axis=0)
    np.testing.assert_allclose(outcomes, np.abs(plan.compile().branch()), rtol=0, atol=1e-9)
