from dataclasses import replace

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.budget import rounded_up
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan, solve

# Size, what is asked for, a floor known beforehand or None; CX, success and relative error of NWQLib 1.0.3, and how
# many times less CX / success is wanted at no larger error.
FIGURES = [
    (8, 1e-2, None, 12_841, 0.184, 2.9e-3, 6.0),
    (8, 1.5e-3, None, 18_541, 0.133, 4.4e-4, 8.0),
    (16, 2.5e-2, None, 114_716, 0.104, 4.8e-3, 17.0),
    (16, 3.5e-3, None, 158_980, 0.078, 5.9e-4, 20.0),
    (16, 2.4e-2, -2.0, 114_716, 0.104, 4.8e-3, 20.0),
]


@pytest.mark.parametrize("encoding", ["svd", "row_column"])
def test_gates_emulation_and_elimination_agree(system, check, encoding):
    check(plan_qsvt(system, 0.1, encoding))


def test_gates_emulation_and_elimination_agree_where_ancillas_are_restored(peers, check):
    check(plan_qsvt(LinearSystem(*peers[8]), 0.1, "band"))


@pytest.mark.parametrize("eps", [0.1, 1e-7])
def test_the_polynomial_error_stays_below_its_share(system, truth, eps):
    route = plan_qsvt(system, eps, "svd")
    error = np.linalg.norm(route.emulate().value - truth(system))
    assert error <= route.error_budget.polynomial * system.unit + 1e-11
    assert route.error_budget.total == pytest.approx(eps)


def test_planned_shots_keep_the_whole_error_below_eps(system, truth):
    route = plan_qsvt(system, 0.1, "row_column")
    machine = get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, seed).value - truth(system)) for seed in range(5)
    ]
    assert max(errors) <= 0.1 * system.unit


def test_predicted_standard_errors_are_the_observed_ones(truth, peers):
    problem = LinearSystem(*peers[8])
    route = plan_qsvt(problem, 0.05, "row_column")
    shots = 20 * route.shots
    machine = get_backend("emulator")
    runs = [run_plan(route, machine, shots, seed) for seed in range(60)]
    spread = np.std([run.value for run in runs], axis=0)
    np.testing.assert_allclose(spread, runs[0].stderr, rtol=0.4, atol=0)


@pytest.mark.parametrize(("n", "eps", "floor", "cx", "success", "error", "times"), FIGURES)
def test_a_signed_scaled_answer_costs_less_than_the_peers_state(
    peers, n, eps, floor, cx, success, error, times
):
    a, b = peers[n]
    x = np.linalg.solve(a, b)
    route = plan_qsvt(LinearSystem(a, b, floor=floor), eps, "band", share=0.999)
    ours = route.emulate()
    assert np.linalg.norm(ours.value - x) <= error * np.linalg.norm(x)
    assert route.resources.two_qubit / ours.accepted <= cx / success / times


SIMULATORS = ("reference", "qiskit:aer", "cirq", "pennylane", "braket:local")
QUICK = [(FIGURES[0], "reference"), (FIGURES[0], "qiskit:aer")]
# Every published figure on every simulator.
GATES = [
    (figures, backend)
    if (figures, backend) in QUICK
    else pytest.param(figures, backend, marks=pytest.mark.slow)
    for figures in FIGURES[:4]
    for backend in SIMULATORS
]


@pytest.mark.parametrize(("figures", "backend"), GATES)
def test_the_peers_cost_is_beaten_on_gates(peers, figures, backend):
    n, eps, _, cx, success, error, times = figures
    a, b = peers[n]
    x = np.linalg.solve(a, b)
    route = plan_qsvt(LinearSystem(a, b), eps, "band", share=0.999)
    found = run_plan(route, get_backend(backend), None, None)
    assert np.linalg.norm(found.value - x) <= error * np.linalg.norm(x)
    assert found.resources.two_qubit / found.success_probability <= cx / success / times


@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_solve_returns_signs_and_scale(peers, backend):
    a, b = peers[8]
    found = solve(LinearSystem(a, b), 1e-2, backend=backend)
    assert np.linalg.norm(found.value - np.linalg.solve(a, b)) <= 1e-2
    assert found.resources.two_qubit < 5000


def test_a_sharper_bound_saves_shots(peers):
    blind, known = LinearSystem(*peers[8]), LinearSystem(*peers[8], bound=2.41)
    assert plan_qsvt(known, 1e-2, "svd").shots < plan_qsvt(blind, 1e-2, "svd").shots


@pytest.mark.parametrize("seed", range(60))
def test_random_systems_stay_within_budget(seed):
    _random(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60, 1000))
def test_a_thousand_random_systems_stay_within_budget(seed):
    _random(seed)


def _random(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 17))
    a = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5) + np.eye(n) * rng.uniform(0.5, 3)
    if np.linalg.cond(a) > 300:
        return
    problem = LinearSystem(a, rng.normal(size=n))
    eps = float(10 ** rng.uniform(-6, -1))
    route = plan_qsvt(problem, eps, "svd")
    error = np.linalg.norm(route.emulate().value - np.linalg.solve(a, problem.b))
    assert error <= route.error_budget.polynomial * problem.unit * (1 + 1e-6) + 1e-11 * problem.bound()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_fifty_random_systems_at_gate_level(seed, check):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    a = rng.normal(size=(n, n)) + 2 * np.eye(n)
    if np.linalg.cond(a) < 50:
        check(plan_qsvt(LinearSystem(a, rng.normal(size=n)), 0.05))


def test_an_error_out_of_reach_names_what_is_in_reach():
    hard = LinearSystem([[1.0, 1.0], [1.0, 1.0 + 2e-5]], [1.0, 1.0])
    with pytest.raises(PrecisionUnreachable, match="degree") as caught:
        plan_qsvt(hard, 1e-16, "svd")
    reachable = caught.value.value
    assert 1e-16 < reachable < 1e-6
    assert (
        f"Ask for {rounded_up(1.01 * reachable):.1e} or more, which takes 1e+07 queries"
        in caught.value.remedy
    )
    with pytest.raises(PrecisionUnreachable):
        plan_qsvt(hard, 0.98 * reachable, "svd")
    hopeless = LinearSystem([[1.0, 1.0], [1.0, 1.0 + 1e-7]], [1.0, 1.0])
    with pytest.raises(PrecisionUnreachable, match="Precondition") as caught:
        plan_qsvt(hopeless, 1e-9, "svd")
    assert caught.value.value is None


def test_explain_shows_the_figures(peers):
    text = plan(LinearSystem(*peers[8]), 1e-2).explain()
    assert "qsvt" in text
    assert "degree" in text
    assert "polynomial" in text


def flip_a_branch(monkeypatch):
    """Both branches of the sign qubit get the same phases."""
    from qgd_core.circuit.circuit import CircuitBuilder

    kept = CircuitBuilder.gate

    def gate(self, name, targets, params=(), controls=()):
        same = [params[0]] * 2 if name == "mux_rz" and self.name == "transform" else params
        kept(self, name, targets, same, controls)

    monkeypatch.setattr(CircuitBuilder, "gate", gate)


def lose_the_scale(monkeypatch):
    """An amplitude of 1 is said to stand for |b|, the polynomial's factor forgotten."""
    from qgd_core.linear import inverse

    def forget(places, shift, norm):
        return kept(places, shift, 1.0)

    kept = inverse.ShiftedReadout
    monkeypatch.setattr(inverse, "ShiftedReadout", forget)


def overestimate_the_smallest_value(monkeypatch):
    def doubled(system):
        return 2.0 * float(np.linalg.svd(system.matrix.toarray())[1][-1])

    monkeypatch.setattr(LinearSystem, "smallest", property(doubled))


@pytest.mark.parametrize("plant", [flip_a_branch, lose_the_scale, overestimate_the_smallest_value])
def test_planted_bugs_are_caught(plant, monkeypatch, check, peers):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(plan_qsvt(LinearSystem(*peers[8]), 1e-3, "svd"))


def test_an_overstated_alpha_is_caught(check, peers, monkeypatch):
    from qgd_core.linear import balance

    kept = balance.block_encode
    monkeypatch.setattr(
        balance, "block_encode", lambda a, method: replace(found := kept(a, method), alpha=found.alpha / 2)
    )
    with pytest.raises((AssertionError, ValueError)):
        check(plan_qsvt(LinearSystem(*peers[8]), 1e-2, "svd"))
