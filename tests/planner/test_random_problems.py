"""Random problems for every solver: the observed error is below the budget, emulated and gate by gate."""

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.solvers import SOLVERS

# One route takes gradient steps alone, which have draws of their own.
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
FINEST = dict.fromkeys(COSTLY, -2.0) | {"qsvt_lchs": -4.0, "mask_lchs": -4.0}
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


def drawn_step(seed, longest=12):
    """Random quadratic gradient steps of one to four weights around a centre that is a fixed point or is none."""
    rng = np.random.default_rng(seed)
    n, rank = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    directions = rng.normal(size=(rank, n))
    step = LowRankMap(
        offset=rng.normal(size=n) * (10.0 ** -rng.uniform(1.3, 4) if rng.random() < 0.6 else 0.0),
        multipliers=1.0 - rng.uniform(0.1, 0.6, n),
        weights=rng.uniform(0.0, 0.1, rank),
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
    )
    u0, steps = rng.uniform(-0.6, 0.6, n), int(rng.integers(1, longest + 1))
    scale = rng.uniform(0.5, 1.0) / np.linalg.norm(u0)
    system = carleman(step.field(1.0), 2, step=1.0, scale=scale)
    wanted = rng.permutation(n)[: int(rng.integers(1, n + 1))].tolist()
    slots = SlotSteps((step,), u0, scale, steps)
    return LinearRecurrence(system.matrix, system.source, system.lift(u0), steps, wanted, structure=slots)


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
    hold(name, drawn(seed, name, min(most, MOST.get(name, most))), seed)


def hold(name, problem, seed):
    """Plan for a random error, and compare what is emulated with the exact answer."""
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


STEPS = [*range(3000, 3004), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3004, 3050))]


@pytest.mark.parametrize("seed", STEPS)
def test_random_gradient_steps_stay_within_budget(seed):
    hold("mask_lchs", drawn_step(seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2050))
def test_fifty_random_problems_at_gate_level(seed):
    """The amplitudes of the circuit on the dense simulator, and the error of what is read from them."""
    name = NAMES[seed % len(NAMES)]
    by_gates(planned(name, drawn(seed, name, BUILT.get(name, 4), longest=2), COARSE.get(name, 0.4)))


@pytest.mark.parametrize("seed", range(3100, 3106))
def test_random_gradient_steps_at_gate_level(seed):
    by_gates(planned("mask_lchs", drawn_step(seed), 0.03))


def by_gates(plan):
    assert plan.resources.two_qubit * 2.0**plan.qubits <= SIMULATED
    amplitudes = get_backend("reference").compile(plan.compile()).amplitudes()
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(plan.compile().branch()), rtol=0, atol=1e-9)
    check(plan, plan.read_amplitudes(amplitudes).value, plan.problem.classical())
