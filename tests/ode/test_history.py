"""Histories by structure against dense linear algebra, the recurrence they stand for, and their own gates."""

from dataclasses import replace

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.carleman.system import carleman
from qgd_core.circuit.circuit import Call
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import PrecisionUnreachable
from qgd_core.ode import history as module
from qgd_core.ode import history_plan
from qgd_core.ode.augment import realise_augmented
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.history import lay_out
from qgd_core.ode.history_solve import plan_filter, plan_inverse
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.recurrence import plan_history_kernel, plan_history_qsvt
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan

M = np.array([[0.7, 0.2], [-0.1, 0.6]])
SOLVERS = [plan_filter, plan_inverse]


def layouts(problem, encoding="svd", idle=None):
    structure = problem.structure
    if structure is None:
        return lay_out(problem, realise_augmented(problem, encoding), idle)
    return lay_out(problem, structure.realise(problem.wanted, problem.bound()), idle)


def test_the_solution_is_the_history_and_copies_of_its_end(recurrence):
    problem = recurrence
    for history in layouts(problem):
        x = np.linalg.solve(history.encoding.target.toarray(), history.right)
        x = x.reshape(history.blocks, -1) * np.linalg.norm(history.realisation.start)
        n, m = problem.z0.size, len(problem.wanted)
        assert history.used == problem.steps + history.copies
        assert np.abs(x[: history.first]).max(initial=0.0) < 1e-12
        np.testing.assert_allclose(x[history.first :, 0], history.constant, rtol=0, atol=1e-12)
        z = problem.z0
        for t in range(problem.steps):
            found = np.sort(x[history.first + t, 1 : n + 1])
            np.testing.assert_allclose(found, np.sort(z), rtol=0, atol=1e-12)
            z = problem.matrix_at(t) @ z + problem.source_at(t)
        ends = x[history.blocks - history.copies :, 1 : m + 1]
        np.testing.assert_allclose(ends, np.tile(z[list(problem.wanted)], (len(ends), 1)), rtol=0, atol=1e-12)
        assert np.all(np.linalg.norm(x[history.first :], axis=1) <= history.sizes + 1e-12)


@pytest.mark.parametrize(("dense", "work", "part"), [(1500, 0, 0.999), (0, 1e7, 0.98), (0, 0, 0.0)])
def test_what_is_said_of_the_spectrum_holds(recurrence, dense, work, part, check_spectrum, monkeypatch):
    monkeypatch.setattr(module, "_DENSE", dense)
    monkeypatch.setattr(module, "_WORK", work)
    for history in layouts(recurrence):
        for bound, true in check_spectrum(history):
            assert bound > part * true


@pytest.mark.parametrize("seed", range(12))
def test_estimated_spectra_keep_the_error_of_windows_in_its_share(
    seed, window, check_spectrum, check_share, monkeypatch
):
    n = 2 + seed % 3
    problem = window(n=n, rank=1 + seed % 2, seed=seed, offset=0.05, steps=3 + seed)
    (computed, *_) = layouts(problem)
    values = computed.smallest, computed.gap
    monkeypatch.setattr(module, "_DENSE", 0)
    for history in layouts(problem):
        assert "estimate" in history.needed
        for make in SOLVERS:
            check_share(make(problem, history, 0.1), problem, 0.1)
    (estimated, *_) = layouts(problem)
    np.testing.assert_array_less((estimated.smallest, estimated.gap), values)
    np.testing.assert_array_less(0.99 * np.array(values), (estimated.smallest, estimated.gap))
    # A history of steps this long is known from powers of alpha alone where it is too large for Lanczos.
    monkeypatch.setattr(module, "_WORK", 0)
    (bounded, *_) = layouts(problem)
    assert bounded.needed == "powers of alpha"
    assert plan_filter(problem, bounded, 0.1).queries > plan_filter(problem, estimated, 0.1).queries


@pytest.mark.parametrize("make", SOLVERS)
@pytest.mark.parametrize("eps", [0.3, 1e-3])
def test_the_error_stays_below_its_share(recurrence, make, eps, check_share):
    for history in layouts(recurrence):
        check_share(make(recurrence, history, eps), recurrence, eps)


@pytest.mark.parametrize("make", SOLVERS)
@pytest.mark.parametrize("eps", [0.3, 1e-3])
def test_the_error_of_slots_stays_below_its_share(make, eps, window, check_share):
    problem = window()
    for history in layouts(problem):
        check_share(make(problem, history, eps), problem, eps)


@pytest.mark.parametrize("make", SOLVERS)
@pytest.mark.parametrize("recurrence", ["homogeneous", "some entries", "one entry", "growing"], indirect=True)
def test_gates_and_emulation_agree(recurrence, make, check_gates):
    check_gates(make(recurrence, layouts(recurrence)[0], 0.3), recurrence)


@pytest.mark.parametrize("make", SOLVERS)
def test_gates_and_emulation_agree_in_slots(make, window, check_gates):
    problem = window(offset=0.0, steps=1)
    check_gates(make(problem, layouts(problem)[0], 0.9), problem)


@pytest.mark.slow
@pytest.mark.parametrize("make", SOLVERS)
@pytest.mark.parametrize(("offset", "steps"), [(0.0, 2), (0.05, 1)], ids=["copies", "an offset"])
def test_gates_and_emulation_agree_in_more_slots(offset, steps, make, window, check_gates):
    problem = window(steps=steps, offset=offset)
    check_gates(make(problem, layouts(problem)[0], 0.9), problem)


@pytest.mark.parametrize("make", SOLVERS)
def test_planned_shots_keep_the_whole_error_below_eps(make, recurrences, end_of):
    problem = recurrences["source"]
    route = make(problem, layouts(problem)[0], 0.1)
    machine = get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, s).value - end_of(problem)) for s in range(8)
    ]
    assert 0.005 * problem.unit <= max(errors) <= 0.1 * problem.unit


def test_idle_rows_are_at_least_as_many_as_asked_for(recurrences):
    for idle, copies in ((0, 1), (1, 2), (2, 4), (3, 4)):
        (history,) = layouts(recurrences["source"], idle=idle)
        assert history.copies == copies


@pytest.mark.parametrize("make", [plan_history_kernel, plan_history_qsvt])
def test_a_recurrence_that_knows_its_slots_takes_them(make, window, end_of):
    problem = window(n=4, rank=2, steps=10)
    route = make(problem, 0.05)
    assert route.parameters["encoding"] == "history of slots"
    assert np.linalg.norm(route.emulate().value - end_of(problem)) <= 0.05 * problem.unit
    assert (
        np.linalg.norm(route.emulate().value - plan_marching(problem, 0.05).emulate().value)
        <= 0.05 * problem.unit
    )
    entries = make(problem, 0.05, "svd", assembled=True)
    assert route.resources.two_qubit < entries.resources.two_qubit / 20


def test_the_planner_shows_it_beside_the_others(window):
    problem = window(steps=2)
    table = plan(problem, 0.1, solver="history_kernel").explain()
    assert "history of slots" in table
    assert "copies" in table


def test_a_thorough_plan_shows_both_histories_beside_marching(window):
    best = plan(window(steps=2), 0.1, thorough=True)
    assert {"marching", "history_kernel", "history_qsvt"} <= {
        best.solver,
        *(loser.solver for loser in best.losers),
    }
    assert "history_kernel" in best.explain()


def test_different_steps_are_refused_where_only_steps_are_asked_for():
    problem = LinearRecurrence([M, M.T], None, [1.0, 0.3], 2)
    with pytest.raises(PrecisionUnreachable, match="one step"):
        plan_history_kernel(problem, 0.1, assembled=False)
    assert plan_history_kernel(problem, 0.1, "svd").parameters["encoding"] == "svd"


def slow_window(multiplier, steps):
    """A window whose slowest mode is given."""
    step = LowRankMap(
        np.array([0.0, 0.01]), np.array([multiplier, 0.6]), np.array([0.02]), np.array([[0.6, 0.8]])
    )
    u0 = np.array([0.3, -0.2])
    system = carleman(step.field(1.0), order=2, step=1.0, scale=1.0)
    structure = SlotSteps((step,), u0, 1.0, steps)
    return LinearRecurrence(
        system.matrix, system.source, system.lift(u0), steps, wanted=range(2), structure=structure
    )


@pytest.mark.parametrize(
    ("multiplier", "low", "high"), [(0.85, 0.7, 1.1), (1.0, 0.95, 1.3), (1.01, 1.1, 2.1)], ids=str
)
def test_queries_grow_as_theorems_1_and_2_say(multiplier, low, high):
    """O(T) where every mode decays, at most O(T^2) where one nearly does or grows: arXiv:2303.03428."""
    times = [8, 16, 32]
    plans = [plan_history_kernel(slow_window(multiplier, t), 0.05, "slots", idle=0) for t in times]
    assert low < np.polyfit(np.log(times), np.log([route.queries for route in plans]), 1)[0] < high
    built = [uses(route.compile().circuit, "carleman_step") for route in plans[:2]]
    assert built == [route.queries for route in plans[:2]]


def uses(circuit, name):
    """How many times a block of this name runs in a tree."""
    calls = [op for op in circuit.ops if isinstance(op, Call)]
    return sum(op.repeat * (1 if op.circuit.name == name else uses(op.circuit, name)) for op in calls)


def keep_the_right_side(monkeypatch):
    kept = history_plan.transform
    monkeypatch.setattr(history_plan, "transform", lambda a, phases, excluded: kept(a, phases))


def lost_scale(monkeypatch):
    kept = module.encode_history
    monkeypatch.setattr(module, "encode_history", lambda *a: replace(kept(*a), alpha=0.8 * kept(*a).alpha))


@pytest.mark.usefixtures("misplaced")
def test_misplaced_blocks_are_caught(check_planted):
    check_planted(layouts)


@pytest.mark.parametrize("plant", [keep_the_right_side, lost_scale])
def test_planted_bugs_are_caught(plant, check_planted, monkeypatch):
    plant(monkeypatch)
    check_planted(layouts)
