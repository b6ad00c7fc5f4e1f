"""The history from the singular values of its step: against the recurrence, its own gates, and the planner's limits."""

from dataclasses import replace

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.carleman.system import carleman
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings import framed_history
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.ode import history as module
from qgd_core.ode.augment import realise_augmented
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.history import lay_out, lay_out_framed
from qgd_core.ode.history_estimate import plan_estimated
from qgd_core.ode.history_solve import plan_filter, plan_inverse
from qgd_core.ode.recurrence import plan_history_hhl, plan_history_kernel, plan_history_qsvt
from qgd_core.planner.choose import plan

M = np.array([[0.7, 0.2], [-0.1, 0.6]])
PROBLEMS = {
    "homogeneous": LinearRecurrence(M, None, [1.0, -0.5], 3),
    "source": LinearRecurrence(M, [0.1, -0.3], [1.0, -0.5], 5),
    "zero start": LinearRecurrence(M, [0.1, -0.3], [0.0, 0.0], 3),
    "some entries": LinearRecurrence([[0.9, 0.1], [0.0, -0.4]], [0.1, 0.2], [1.0, 1.0], 2, wanted=[1]),
    "not normal": LinearRecurrence([[0.9, 0.4], [0.0, 0.8]], [0.1, 0.2], [1.0, 0.3], 4),
    "growing": LinearRecurrence([[1.1, 0.1], [0.0, 0.9]], None, [1.0, -0.3], 4),
    "one entry": LinearRecurrence([[0.5]], [0.25], [-1.0], 3),
}
SOLVERS = [plan_filter, plan_inverse, plan_estimated]


def layouts(problem, idle=None):
    return lay_out_framed(problem, realise_augmented(problem, "svd"), idle)


def end_of(problem):
    """z_T by plain products."""
    z = problem.z0
    for t in range(problem.steps):
        z = problem.matrix_at(t) @ z + problem.source_at(t)
    return z[list(problem.wanted)]


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_solution_is_the_history_and_copies_of_its_end(name):
    problem = PROBLEMS[name]
    for history in layouts(problem):
        x = np.linalg.solve(history.encoding.target.toarray(), history.pull * history.right)
        x = x.reshape(history.blocks, -1) @ history.frame.T
        assert history.used == problem.steps + history.copies
        assert np.abs(x[: history.first]).max(initial=0.0) < 1e-12
        np.testing.assert_allclose(x[history.first :, 0], history.constant, rtol=0, atol=1e-11)
        np.testing.assert_allclose(x[history.first], history.realisation.start, rtol=0, atol=1e-11)
        ends = x[history.blocks - history.copies :, 1 : len(problem.wanted) + 1]
        np.testing.assert_allclose(ends, np.tile(end_of(problem), (len(ends), 1)), rtol=0, atol=1e-11)
        assert np.all(np.linalg.norm(x[history.first :], axis=1) <= history.sizes + 1e-11)


@pytest.mark.parametrize("most", [1500, 0])
@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_said_of_the_spectrum_holds(name, most, monkeypatch):
    monkeypatch.setattr(module, "_DENSE", most)
    for history in layouts(PROBLEMS[name]):
        matrix = history.encoding.target.toarray()
        projected = matrix - np.outer(history.right, history.right @ matrix)
        values, gaps = (np.linalg.svd(a, compute_uv=False) for a in (matrix, projected))
        assert history.smallest <= values[-1]
        assert gaps[-1] < 1e-12
        assert history.smallest <= history.gap <= gaps[-2]


@pytest.mark.parametrize("make", SOLVERS)
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("eps", [0.3, 1e-3])
def test_the_error_stays_below_its_share(name, make, eps):
    if make is plan_estimated and eps < 0.1:
        pytest.skip("thousands of products")
    problem = PROBLEMS[name]
    for history in layouts(problem):
        route = make(problem, history, eps)
        assert route.error_budget.total == pytest.approx(eps)
        found = route.emulate()
        error = np.linalg.norm(found.value - end_of(problem))
        assert error <= route.error_budget.polynomial * problem.unit + 1e-10
        assert route.success_probability <= found.accepted + 1e-12


def check(problem, history, make, eps=0.3):
    """Hold the gates to the emulation to 1e-9, and both to the recurrence."""
    route = make(problem, history, eps)
    program = route.compile()
    vector = simulate(program.circuit)
    amplitudes, branch = vector[: 2**program.circuit.n_bits], program.branch()
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(branch), rtol=0, atol=1e-9)
    assert np.abs(vector[amplitudes.size :]).max(initial=0.0) == 0.0
    assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
    error = np.linalg.norm(route.read_amplitudes(amplitudes).value - end_of(problem))
    assert error <= route.error_budget.polynomial * problem.unit + 1e-8
    counts = cost(program.circuit)
    assert counts.two_qubit <= route.resources.two_qubit
    assert counts.rotations <= route.resources.rotations
    assert lower(program.circuit).n_qubits <= route.qubits


@pytest.mark.parametrize("make", SOLVERS[:2])
@pytest.mark.parametrize("name", PROBLEMS)
def test_gates_and_emulation_agree(name, make):
    problem = PROBLEMS[name]
    check(problem, layouts(problem)[0], make)


def test_gates_and_emulation_agree_for_phase_estimation():
    problem = PROBLEMS["one entry"]
    check(problem, layouts(problem)[0], plan_estimated, 0.9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one entry", "homogeneous"])
def test_gates_and_emulation_agree_for_more_phase_estimation(name):
    problem = PROBLEMS[name]
    check(problem, layouts(problem)[0], plan_estimated)
    check(problem, lay_out(problem, realise_augmented(problem, "svd"))[0], plan_estimated, 0.9)


def test_phase_estimation_costs_many_times_the_best_polynomial():
    problem = PROBLEMS["not normal"]
    estimated, inverse = (make(problem, layouts(problem)[0], 1e-2) for make in (plan_estimated, plan_inverse))
    assert estimated.queries > 20 * inverse.queries
    assert estimated.resources.two_qubit > 20 * inverse.resources.two_qubit
    assert plan_history_hhl(problem, 1e-2, "svd", assembled=False).solver == "history_hhl"


def test_repetitions_are_at_least_as_many_as_asked_for():
    for idle, copies in ((0, 1), (1, 2), (2, 3), (3, 5)):
        (history,) = layouts(PROBLEMS["source"], idle=idle)
        assert history.copies == copies
        assert history.first >= 0


def window(steps=10):
    """Four weights of a window in slots: 15 coordinates and one empty."""
    rng = np.random.default_rng(0)
    y, f = rng.normal(size=(2, 4)), rng.normal(size=4)
    step = LowRankMap(
        0.02 * f / np.linalg.norm(f),
        rng.uniform(0.4, 0.9, 4),
        rng.uniform(0.02, 0.1, 2),
        y / np.linalg.norm(y, axis=1)[:, np.newaxis],
    )
    u0 = rng.uniform(-0.4, 0.4, 4)
    system = carleman(step.field(0.5), order=2, step=0.5, scale=1.7)
    return LinearRecurrence(
        system.matrix,
        system.source,
        system.lift(u0),
        steps,
        range(4),
        structure=SlotSteps((step,), u0, 1.7, steps),
    )


def figures(route):
    return [
        (one.parameters["encoding"], one.qubits, one.resources.two_qubit) for one in (route, *route.losers)
    ]


def test_sixteen_blocks_of_four_weights_take_fourteen_qubits():
    problem = window()
    route = plan_history_kernel(problem, 0.05)
    dense = [one for one in (route, *route.losers) if one.parameters["encoding"] == "framed history of svd"]
    (best,) = [one for one in dense if one.parameters["blocks"] == 16]
    assert best.qubits == 14
    assert best.resources.two_qubit / best.queries < 215
    assert best.emulate().accepted > 0.8
    assert np.linalg.norm(best.emulate().value - end_of(problem)) <= 0.05 * problem.unit
    slots = min(row for row in figures(route) if row[0] == "history of slots")
    assert slots[1] < 25
    assert route.parameters["encoding"] == "history of slots"


class Narrow:
    """A backend that is asked for nothing but its limit."""

    def __init__(self, limit):
        machine = get_backend("reference")
        self.capabilities = replace(machine.capabilities, max_qubits=limit)


@pytest.mark.parametrize("make", [plan_history_kernel, plan_history_qsvt])
def test_where_qubits_are_the_limit_the_planner_takes_it_and_shows_the_other(make):
    problem, name = window(), make.__name__.removeprefix("plan_")
    wide = plan(problem, 0.05, name, Narrow(40))
    narrow = plan(problem, 0.05, name, Narrow(16))
    assert wide.parameters["encoding"] == "history of slots"
    assert narrow.parameters["encoding"] == "framed history of svd"
    assert narrow.qubits <= 16 < wide.qubits
    assert "framed history of svd" in {row[0] for row in figures(wide)}
    assert "history of slots" in {row[0] for row in figures(narrow)}
    assert sorted(figures(wide)) == sorted(figures(narrow))


def one_block_late(monkeypatch):
    kept = module.History.prepare_right
    monkeypatch.setattr(
        module.History, "prepare_right", lambda history: kept(replace(history, first=history.first + 1))
    )


def identity_of_the_other_sign(monkeypatch):
    kept = CircuitBuilder.gate

    def gate(self, name, targets, params=(), controls=()):
        kept(self, name, targets, params, controls)
        if self.name == "history" and name == "ry" and list(targets) == [0]:
            kept(self, "z", [0])

    monkeypatch.setattr(CircuitBuilder, "gate", gate)


def shift_by_two(monkeypatch):
    kept = framed_history.increment

    def twice(n_time):
        builder = CircuitBuilder("twice", kept(n_time).n_qubits)
        builder.call(kept(n_time), range(builder.n_qubits), repeat=2)
        return builder.build()

    monkeypatch.setattr(framed_history, "increment", twice)


def frame_left_out(monkeypatch):
    from qgd_core.ode import history_solve

    kept = history_solve.rotation
    monkeypatch.setattr(history_solve, "rotation", lambda matrix, name: kept(np.eye(len(matrix)), name))


def read_one_block_early(monkeypatch):
    from qgd_core.ode import history_solve

    kept = history_solve.CopiedReadout
    monkeypatch.setattr(
        history_solve, "CopiedReadout", lambda frame, b, size, copies, n: kept(frame, b, size, copies + 1, n)
    )


PLANTS = [one_block_late, identity_of_the_other_sign, shift_by_two, frame_left_out, read_one_block_early]


@pytest.mark.parametrize("plant", PLANTS)
def test_planted_bugs_are_caught(plant, monkeypatch):
    problem = PROBLEMS["one entry"]
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(problem, layouts(problem)[0], plan_filter, 0.05)


@pytest.mark.slow
def test_the_window_of_four_weights_at_gate_level():
    problem = window()
    route = plan(problem, 0.3, "history_kernel", Narrow(14))
    assert route.parameters["blocks"] == 16
    history = route.compile()
    amplitudes = simulate(history.circuit)[: 2**history.circuit.n_bits]
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(history.branch()), rtol=0, atol=1e-9)
    error = np.linalg.norm(route.read_amplitudes(amplitudes).value - end_of(problem))
    assert error <= route.error_budget.polynomial * problem.unit
