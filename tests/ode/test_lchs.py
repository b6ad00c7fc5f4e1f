import time

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.errors import ConfigError, NotDissipative
from qgd_core.ode import combination
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.lchs import plan_lchs
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan, solve


def dissipative(n, seed, skew=0.3):
    b = np.random.default_rng(seed).normal(size=(n, n))
    return -0.3 * np.eye(n) - 0.3 * b @ b.T / n + skew * (b - b.T)


PROBLEMS = {
    "one variable": LinearODE([[-0.7]], None, [-1.0], 1.0),
    "normal": LinearODE(np.diag([-1.0, -0.2, -0.5]), None, [1.0, -1.0, 0.5], 2.0),
    "not normal": LinearODE([[-0.5, 2.0], [0.0, -1.2]], None, [0.3, 1.0], 1.0),
    "source": LinearODE(dissipative(3, 0), [0.1, -0.2, 0.3], [1.0, -0.5, 0.2], 1.0),
    "zero start": LinearODE(dissipative(2, 1), [0.5, -0.2], [0.0, 0.0], 1.0),
    "some entries": LinearODE(dissipative(4, 2), None, [1.0, 0.0, -1.0, 0.5], 1.0, wanted=[3, 1]),
    "no loss": LinearODE([[0.0, 1.0], [-1.0, 0.0]], None, [1.0, 0.0], 1.0),
    "padded": LinearODE(dissipative(5, 3), np.ones(5) * 0.1, np.ones(5), 0.5),
}


def truth(problem):
    """z(T)[wanted] by a Runge-Kutta integrator."""
    a, b = problem.matrix.toarray(), problem.b
    run = solve_ivp(lambda _, z: a @ z + b, (0.0, problem.time), problem.z0, "DOP853", rtol=1e-11, atol=1e-12)
    return run.y[list(problem.wanted), -1]


def check(route, problem):
    """Hold a plan to the integrator, its circuit to its emulation, and both to what was planned."""
    share = route.error_budget.discretisation * problem.unit
    assert np.linalg.norm(route.emulate().value - truth(problem)) <= share + 1e-9
    program = route.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    assert np.abs(vector[2**program.circuit.n_bits :]).max() == 0
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    assert np.linalg.norm(route.read_amplitudes(amplitudes).value - truth(problem)) <= share + 1e-8
    assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
    built = cost(program.circuit)
    assert built.two_qubit <= route.resources.two_qubit
    assert built.rotations <= route.resources.rotations
    assert lower(program.circuit).n_qubits == route.qubits


@pytest.mark.parametrize("nodes", ["low_somma", "fitted"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_gates_emulation_and_an_integrator_agree(name, nodes):
    check(plan_lchs(PROBLEMS[name], 0.05, nodes), PROBLEMS[name])


def test_the_first_kernel_serves_too():
    check(plan_lchs(PROBLEMS["one variable"], 0.3, "cauchy", share=0.3), PROBLEMS["one variable"])


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_discretisation_error_stays_below_its_share(name):
    problem = PROBLEMS[name]
    route = plan_lchs(problem, 1e-3, share=0.5)
    assert np.linalg.norm(route.emulate().value - truth(problem)) <= 5e-4 * problem.unit
    assert route.error_budget.total == pytest.approx(1e-3)
    np.testing.assert_allclose(problem.classical(), truth(problem), rtol=0, atol=1e-9)
    assert np.linalg.norm(truth(problem)) <= problem.bound() * (1 + 1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
def test_planned_shots_keep_the_whole_error_below_eps(name):
    problem = PROBLEMS[name]
    route = plan_lchs(problem, 0.1, "fitted")
    machine = get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, s).value - truth(problem)) for s in range(4)
    ]
    assert max(errors) <= 0.1 * problem.unit


def test_eight_variables_to_a_hundredth_from_plan_to_amplitudes():
    problem = LinearODE(dissipative(8, 8), None, np.random.default_rng(8).normal(size=8), 1.0)
    found = solve(problem, 1e-2, backend="reference")
    assert np.linalg.norm(found.value - truth(problem)) <= 1e-2 * problem.unit
    fitted = plan_lchs(problem, 1e-2, "fitted")
    proven = plan_lchs(problem, 1e-2)
    assert fitted.resources.two_qubit < proven.resources.two_qubit < 6000
    best = plan(problem, 1e-2)
    assert {best.solver, *(one.solver for one in best.losers)} >= {"lchs", "taylor_marching"}


@pytest.mark.parametrize("nodes", ["low_somma", "an_childs_lin", "fitted"])
def test_eight_by_eight_non_normal_to_a_hundredth_is_built_and_simulated_in_under_five_seconds(nodes):
    a = dissipative(8, 3) + np.triu(np.random.default_rng(3).normal(size=(8, 8)), 1) * 0.3
    a -= 0.3 * np.eye(8)
    commutator = a @ a.T - a.T @ a
    assert np.linalg.norm(commutator, 2) > 0.3 * np.linalg.norm(a, 2) ** 2
    assert np.linalg.eigvalsh(a + a.T)[-1] < 0
    problem = LinearODE(a, None, np.random.default_rng(4).normal(size=8), 1.0)
    began = time.process_time()
    route = plan_lchs(problem, 1e-2, nodes)
    program = route.compile()
    amplitudes = simulate(program.circuit)[: 2**program.circuit.n_bits]
    found = route.read_amplitudes(amplitudes).value
    assert time.process_time() - began < 5.0
    assert np.linalg.norm(found - truth(problem)) <= 1e-2 * problem.unit


@pytest.mark.parametrize("seed", range(30))
def test_random_flows_stay_within_budget(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    source = rng.normal(size=n) * rng.integers(0, 2)
    problem = LinearODE(
        dissipative(n, seed, rng.uniform(0, 2)), source, rng.normal(size=n), rng.uniform(0.2, 3)
    )
    eps = float(10 ** rng.uniform(-4, -1))
    route = plan_lchs(problem, eps, share=0.5)
    assert np.linalg.norm(route.emulate().value - truth(problem)) <= eps / 2 * problem.unit


def test_steps_measured_on_small_matrices_are_fewer_than_by_commutators(monkeypatch):
    from qgd_core.ode import adjoined

    problem = LinearODE(dissipative(4, 2, 2.0), None, np.ones(4), 2.0)
    measured = plan_lchs(problem, 1e-3, share=0.5)
    monkeypatch.setattr(adjoined, "_MEASURED", 0.0)
    bounded = plan_lchs(problem, 1e-3, share=0.5)
    assert measured.queries < bounded.queries
    for route in (measured, bounded):
        assert np.linalg.norm(route.emulate().value - truth(problem)) <= 5e-4 * problem.unit


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("name", ["not normal", "source", "padded"])
def test_both_orders_reach_the_gates(name, order):
    route = plan_lchs(PROBLEMS[name], 0.05, "fitted", order=order)
    assert route.parameters["order"] == order
    check(route, PROBLEMS[name])


@pytest.mark.parametrize("order", [2, 4])
def test_steps_by_commutators_keep_the_error_too(order, monkeypatch):
    from qgd_core.ode import adjoined

    monkeypatch.setattr(adjoined, "_MEASURED", 0.0)
    problem = LinearODE(dissipative(4, 2, 1.0), None, np.ones(4), 1.0)
    route = plan_lchs(problem, 1e-3, share=0.5, order=order)
    assert np.linalg.norm(route.emulate().value - truth(problem)) <= 5e-4 * problem.unit


def test_a_small_error_is_cheaper_in_fourth_order():
    problem = LinearODE(dissipative(4, 2, 2.0), None, np.ones(4), 2.0)
    low, high = (plan_lchs(problem, 1e-5, share=0.5, order=order) for order in (2, 4))
    assert high.queries < low.queries
    assert plan_lchs(problem, 1e-5, share=0.5).parameters["order"] == 4
    with pytest.raises(ConfigError, match="order is 3"):
        plan_lchs(problem, 1e-2, order=3)


def test_growth_is_paid_for_up_to_a_limit():
    growing = LinearODE([[0.2, 0.1], [0.0, -0.5]], None, [1.0, 1.0], 2.0)
    check(plan_lchs(growing, 0.1, "fitted"), growing)
    with pytest.raises(NotDissipative, match="grow") as caught:
        plan_lchs(LinearODE([[3.0]], None, [1.0], 4.0), 0.1)
    assert caught.value.value == pytest.approx(3.0)


def test_bad_input_is_named():
    eye = -np.eye(2)
    for arguments, message in [
        ((eye, None, [1.0, 1.0], 0.0), "T is"),
        ((eye, None, [1.0, 1.0], np.nan), "T is"),
        ((np.eye(3), None, [1.0, 1.0], 1.0), "shape"),
        ((eye * 1j, None, [1.0, 1.0], 1.0), "complex"),
        ((eye, None, [0.0, 0.0], 1.0), "zero"),
        ((eye, None, [1.0, 1.0], 1.0, [2]), "wanted"),
    ]:
        with pytest.raises(ConfigError, match=message):
            LinearODE(*arguments)
    with pytest.raises(ConfigError, match="Did you mean 'fitted'"):
        plan_lchs(PROBLEMS["normal"], 0.1, "fited")


def wrong_sign_of_the_nodes(monkeypatch):
    from qgd_core.ode import lchs

    kept = lchs._decay
    monkeypatch.setattr(lchs, "_decay", lambda nodes, angles, q: kept(nodes, -angles, q))


def forget_the_growth(monkeypatch):
    """The scale forgets what was taken off the generator and the weights' sum."""
    kept = combination.NormedReadout
    monkeypatch.setattr(combination, "NormedReadout", lambda frame, norm: kept(frame, norm / 2))


def half_the_loss(monkeypatch):
    """A norm underestimated by 2: the grid is too coarse for the flow."""
    kept = combination.NODES["fitted"]
    monkeypatch.setitem(combination.NODES, "fitted", lambda largest, eps: kept(largest / 2, eps))


@pytest.mark.parametrize("plant", [wrong_sign_of_the_nodes, half_the_loss])
def test_planted_bugs_are_caught(plant, monkeypatch):
    plant(monkeypatch)
    stiff = LinearODE([[-8.0, 1.0], [0.0, -7.0]], None, [1.0, 1.0], 1.0)
    with pytest.raises(AssertionError):
        check(plan_lchs(stiff, 0.01, "fitted", share=0.9), stiff)


def test_a_lost_scale_shows_in_the_sampling_error(monkeypatch):
    """The ratio to the constant survives a wrong norm, the standard errors do not."""
    problem = PROBLEMS["source"]
    machine = get_backend("emulator")
    forget_the_growth(monkeypatch)
    route = plan_lchs(problem, 0.1, "fitted")
    runs = [run_plan(route, machine, route.shots, seed) for seed in range(40)]
    assert np.std([run.value[0] for run in runs]) > 1.5 * runs[0].stderr[0]


@pytest.mark.parametrize("nodes", ["low_somma", "fitted", "cauchy"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_success_is_bounded_from_above(name, nodes):
    route = plan_lchs(PROBLEMS[name], 0.3, nodes, share=0.3, order=2)
    assert route.success_probability <= route.emulate().accepted <= route.most_accepted + 1e-12
    # The norm of the first kernel's nodes, and of those fitted to no loss, is near 1: there is nothing to know.
    assert route.most_accepted < 1.0 or nodes == "cauchy" or name == "no loss"


@pytest.mark.parametrize("solver", ["lchs", "qsvt_lchs"])
def test_amplification_keeps_the_answer_and_raises_the_success(solver):
    # A unit of the combination's norm is far above the flow that is left of it.
    lossy = LinearODE([[-3.0, 0.4], [-0.4, -2.0]], None, [1.0, -0.5], 1.0, bound=0.15)
    plain, route = plan(lossy, 0.2, solver), plan(lossy, 0.2, solver, amplified=True)
    assert route.parameters["amplification rounds"] >= 1
    assert route.emulate().accepted > 3.0 * plain.emulate().accepted
    np.testing.assert_allclose(route.emulate().value, plain.emulate().value, rtol=0, atol=1e-9)
    assert np.linalg.norm(route.emulate().value - truth(lossy)) <= 0.2 * lossy.unit
    program = route.compile()
    if solver == "lchs":
        vector = simulate(program.circuit)
        assert np.linalg.norm(vector) ** 2 == pytest.approx(route.emulate().accepted, rel=0, abs=1e-9)
    assert route.shots < plain.shots
