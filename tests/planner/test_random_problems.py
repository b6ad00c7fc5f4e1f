"""Random problems for every solver: the observed error is below the budget, emulated and gate by gate."""

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.choose import SOLVERS

NAMES = [name for name in SOLVERS if name != "mask_lchs"]
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
# Most unknowns; dense matrices of more make too many Pauli strings to bound their commutators.
MOST = dict.fromkeys(COSTLY, 6) | {"pauli_lchs": 4}
# Decades of the least error: fitted nodes for less take linear programmes of minutes.
FINEST = dict.fromkeys(COSTLY, -2.0) | {"qsvt_lchs": -4.0}
# Most unknowns of a circuit that is simulated, and what may be asked of phase estimation on a history in seconds.
BUILT = dict.fromkeys([*COSTLY, "adiabatic", "history_kernel", "taylor_history_kernel"], 2) | {
    "history_hhl": 1
}
COARSE = {"history_hhl": 0.9}
SIMULATED = 3e9  # CX times amplitudes


def drawn(seed, name, most, longest=4):
    """A random problem for a solver: sizes 1 to `most`, normal or not, with and without sources."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, most + 1))
    noise = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5)
    if rng.random() < 0.3:
        noise = (noise + noise.T) / 2
    source = rng.normal(size=n) if rng.random() < 0.5 else None
    kind, start = SOLVERS[name].problem, rng.normal(size=n)
    if kind is LinearSystem:
        values = np.linalg.svd(noise)[0] @ np.diag(10.0 ** -rng.uniform(0, 1, n)) @ np.linalg.svd(noise)[2]
        return LinearSystem(values * rng.uniform(0.1, 10), start)
    scaled = noise / max(1.0, np.linalg.norm(noise, 2))
    if kind is LinearRecurrence:
        steps = int(rng.integers(1, longest + 1))
        several = rng.random() < 0.3
        matrices = [scaled * rng.uniform(0.5, 1.0) for _ in range(steps)] if several else scaled
        return LinearRecurrence(matrices, source, start, steps)
    return LinearODE(scaled - rng.uniform(1.0, 1.5) * np.eye(n), source, start, float(rng.uniform(0.1, 1.5)))


def planned(name, problem, eps):
    """A plan for eps, or for the nearest error in reach."""
    try:
        return SOLVERS[name].make_plan(problem, eps)
    except PrecisionUnreachable as refusal:
        reachable = refusal.value
    assert reachable > eps
    return SOLVERS[name].make_plan(problem, 1.001 * reachable)


def check(plan, value, truth):
    budget = plan.error_budget
    allowed = (budget.total - budget.shots) * plan.problem.unit
    assert np.linalg.norm(value - truth) <= allowed + 1e-9 * plan.problem.bound()


def within(seed, most=64):
    name = NAMES[seed % len(NAMES)]
    problem = drawn(seed, name, min(most, MOST.get(name, most)))
    eps = float(10 ** np.random.default_rng(seed + 10**6).uniform(FINEST.get(name, -5.0), -0.5))
    plan = planned(name, problem, eps)
    found = plan.emulate()
    check(plan, found.value, problem.classical())
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
    """The amplitudes of the circuit on the dense simulator, and the error of what is read from them."""
    name = NAMES[seed % len(NAMES)]
    problem = drawn(seed, name, BUILT.get(name, 4), longest=2)
    plan = planned(name, problem, COARSE.get(name, 0.4))
    assert plan.resources.two_qubit * 2.0**plan.qubits <= SIMULATED
    amplitudes = get_backend("reference").compile(plan.compile()).amplitudes()
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(plan.compile().branch()), rtol=0, atol=1e-9)
    check(plan, plan.read_amplitudes(amplitudes).value, problem.classical())
