"""Gradient descent by masks: gates, emulation and the iterates themselves, and bugs that must show."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.backends.registry import get_backend
from qgd_core.budget import rounded_up
from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import ConfigError, NotDissipative, PrecisionUnreachable
from qgd_core.ode import mask_lchs, step_flow
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.mask_layout import MaskLayout
from qgd_core.ode.mask_lchs import has_step, plan_mask_lchs
from qgd_core.ode.step_flow import StepFlow
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan


def descent(n=3, seed=0, steps=6, offset=0.0, wanted=None, bend=0.08):
    """A quadratic gradient step in its eigenframe, as a window hands it over."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(2, n))
    step = LowRankMap(
        offset=offset * rng.normal(size=n),
        multipliers=1.0 - np.sort(rng.uniform(0.1, 0.5, n)),
        weights=bend * rng.uniform(0.5, 1.0, 2),
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
    )
    u0 = rng.uniform(-0.6, 0.6, n)
    scale = 0.7 / np.linalg.norm(u0)
    system = carleman(step.field(1.0), 2, step=1.0, scale=scale)
    return LinearRecurrence(
        system.matrix,
        system.source,
        system.lift(u0),
        steps,
        range(n) if wanted is None else wanted,
        structure=SlotSteps((step,), u0, scale, steps),
    )


CASES = {
    "one variable": descent(1, 1),
    "two": descent(2, 2),
    "three": descent(3, 3),
    "four": descent(4, 4),
    "some entries": descent(4, 5, wanted=[2, 0]),
    "source": descent(2, 6, offset=0.004, bend=0.04),
    "far from the fixed point": descent(3, 7, offset=0.05),
    "a product wanted": descent(2, 8, wanted=[1, 3]),
    "one step": descent(2, 9, steps=1),
}


def check(route, problem):
    """Hold a plan to the exact recurrence, its circuit to its emulation, and both to what was planned."""
    truth = problem.classical()
    share = route.error_budget.discretisation * problem.unit
    assert share <= 0.9 * route.error_budget.total * problem.unit + 1e-12
    assert np.linalg.norm(route.emulate().value - truth) <= share + 1e-9
    program = route.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    assert np.abs(vector[2**program.circuit.n_bits :]).max() == 0
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    assert np.linalg.norm(route.read_amplitudes(amplitudes).value - truth) <= share + 1e-8
    assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
    built = cost(program.circuit)
    assert built.two_qubit <= route.resources.two_qubit <= 1.3 * built.two_qubit + 8
    assert built.rotations <= route.resources.rotations
    assert lower(program.circuit).n_qubits == route.qubits


@pytest.mark.parametrize("name", CASES)
def test_gates_emulation_and_the_iterates_agree(name):
    problem = CASES[name]
    route = plan_mask_lchs(problem, 0.05)
    check(route, problem)
    assert route.error_budget.total == pytest.approx(0.05)


@pytest.mark.parametrize("eps", [3e-2, 1e-2, 3e-3])
def test_a_smaller_error_keeps_more_couplings_and_costs_more(eps):
    problem = CASES["four"]
    route, rough = plan_mask_lchs(problem, eps), plan_mask_lchs(problem, 0.3)
    check(route, problem)
    assert route.parameters["coordinates kept"] >= rough.parameters["coordinates kept"]
    assert route.resources.two_qubit > rough.resources.two_qubit


def test_planned_shots_keep_the_whole_error_below_eps():
    problem = CASES["three"]
    route, machine = plan_mask_lchs(problem, 0.05), get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, seed).value - problem.classical())
        for seed in range(4)
    ]
    assert max(errors) <= 0.05 * problem.unit


def test_the_planner_shows_it_beside_marching():
    best = plan(CASES["three"], 0.02)
    names = {best.solver, *(one.solver for one in best.losers)}
    assert {"marching", "mask_lchs"} <= names
    assert "mask_lchs" in best.explain()
    assert plan(CASES["three"], 0.02, solver="mask_lchs").solver == "mask_lchs"


def test_recurrences_that_do_not_say_what_they_are_go_elsewhere():
    plain = LinearRecurrence([[0.5]], None, [1.0], 3)
    assert not has_step(plain)
    with pytest.raises(PrecisionUnreachable, match="No flow is known"):
        plan_mask_lchs(plain, 0.1)
    assert plan(plain, 0.1).solver == "marching"


def test_a_different_map_a_step_is_refused_with_the_way_out():
    problem = CASES["two"]
    several = dataclasses.replace(problem.structure, maps=problem.structure.maps * 2)
    varying = LinearRecurrence(
        problem.matrices[0], problem.sources[0], problem.z0, problem.steps, structure=several
    )
    with pytest.raises(PrecisionUnreachable, match="March") as caught:
        plan_mask_lchs(varying, 0.1)
    assert "different map" in str(caught.value)


def test_a_step_that_overshoots_has_no_flow():
    problem = CASES["two"]
    (one,) = problem.structure.maps
    wild = dataclasses.replace(one, multipliers=np.array([0.5, -0.2]))
    structure = dataclasses.replace(problem.structure, maps=(wild,))
    matrix = carleman(wild.field(1.0), 2, step=1.0).matrix
    with pytest.raises(NotDissipative, match="overshoots"):
        plan_mask_lchs(LinearRecurrence(matrix, None, problem.z0, 6, structure=structure), 0.1)


@pytest.mark.parametrize(
    "name",
    [
        "source",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("far from the fixed point", "four")),
    ],
)
def test_too_small_an_error_is_refused_with_the_nearest_that_is_reached(name):
    problem = CASES[name]
    with pytest.raises(PrecisionUnreachable, match="does not reach") as caught:
        plan_mask_lchs(problem, 1e-7)
    nearest = caught.value.value
    assert 1e-7 < nearest < 1e-2
    route = plan_mask_lchs(problem, 1.001 * nearest)
    check(route, problem)
    # What the refusal says it takes is what it takes, and a little less is not reached.
    assert f"{route.resources.two_qubit} two-qubit gates a shot" in str(caught.value)
    with pytest.raises(PrecisionUnreachable):
        plan_mask_lchs(problem, nearest / 1.06)


def test_the_planner_passes_the_nearest_error_on():
    problem = CASES["source"]
    with pytest.raises(PrecisionUnreachable) as caught:
        plan(problem, 1e-7, "mask_lchs")
    asked = 1.01 * caught.value.value
    assert f"Ask for {rounded_up(asked):.1e} or more, which takes" in str(caught.value)
    assert plan(problem, asked, "mask_lchs").error_budget.total == pytest.approx(asked)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_a_share_is_kept_and_the_optimiser_does_better(share):
    problem = CASES["three"]
    given, best = plan_mask_lchs(problem, 0.05, share=share), plan_mask_lchs(problem, 0.05)
    assert given.error_budget.discretisation == pytest.approx(0.05 * share)
    assert given.error_budget.shots == pytest.approx(0.05 * (1 - share))
    error = np.linalg.norm(given.emulate().value - problem.classical())
    assert error <= 0.05 * share * problem.unit + 1e-9
    assert best.resources.two_qubit * best.shots <= given.resources.two_qubit * given.shots


def test_a_share_that_leaves_nothing_and_rows_that_do_not_fit_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="leaves nothing"):
        plan_mask_lchs(CASES["two"], 0.1, share=1.0)
    monkeypatch.setattr(mask_lchs, "_MOST_NUMBERS", 10)
    with pytest.raises(ConfigError, match="take 0 GiB") as caught:
        plan_mask_lchs(CASES["four"], 0.1)
    assert caught.value.value == 4 * 14


def test_more_couplings_than_labels_are_chosen_for_are_refused(monkeypatch):
    monkeypatch.setattr(mask_lchs, "_MOST_KEPT", 4)
    with pytest.raises(PrecisionUnreachable, match="at most 4") as caught:
        plan_mask_lchs(CASES["four"], 1e-3)
    assert 1e-3 < caught.value.value < 1.0
    assert plan_mask_lchs(CASES["four"], 1.001 * caught.value.value).parameters["coordinates kept"] == 4


def test_three_hundred_weights_of_which_few_are_coupled():
    """45,450 coordinates: rows are sparse products, and what reaches no wanted number is dropped."""
    n = 300
    directions = np.zeros((1, n))
    directions[0, :2] = [0.6, 0.8]
    step = LowRankMap(np.zeros(n), np.linspace(0.9, 0.5, n), np.array([0.05]), directions)
    system = carleman(step.field(1.0), 2, step=1.0)
    u0 = np.zeros(n)
    u0[:4] = [0.5, -0.25, 0.125, 0.4]
    problem = LinearRecurrence(
        system.matrix,
        None,
        system.lift(u0),
        3,
        range(4),
        1.0,
        SlotSteps((step,), u0, 1.0, 3),
    )
    route = plan_mask_lchs(problem, 1e-2)
    error = np.linalg.norm(route.emulate().value - problem.classical())
    assert error <= route.error_budget.discretisation * problem.unit + 1e-9
    assert route.parameters["coordinates kept"] < 10


def wrong_branch_sign(monkeypatch):
    """The skew part turns the other way on gates."""
    from qgd_core.ode.masks import Mask

    kept = Mask.circuit
    monkeypatch.setattr(Mask, "circuit", lambda self, nodes, time: kept(self.transpose(), nodes, time))


def undersampled_grid(monkeypatch):
    """Nodes fitted where they are looked at, on a grid as coarse as their number, and trusted there."""
    kept = mask_lchs.fit_nodes

    def coarse(largest, eps):
        (first, *_) = kept(largest, 1e-2)
        half = first.k[first.weights.size // 2 :]
        x = np.linspace(0.0, largest, half.size)
        even = np.linalg.solve(2 * np.cos(np.outer(x, half)), np.exp(-x))
        return (dataclasses.replace(first, weights=np.concatenate([even[::-1], even]).astype(complex)),)

    monkeypatch.setattr(mask_lchs, "fit_nodes", coarse)
    monkeypatch.setattr(MaskLayout, "error", lambda self, formula, nodes: 1e-9)


def lost_offset(monkeypatch):
    kept = mask_lchs.RecentredReadout
    monkeypatch.setattr(mask_lchs, "RecentredReadout", lambda inner, offset: kept(inner, 0.0 * offset))


def plain_gradient_flow(monkeypatch):
    """The flow of the field itself instead of the one through the iterates, and trusted."""

    def plain(matrix, n):
        return sp.csr_array(matrix - sp.eye_array(matrix.shape[0]))

    monkeypatch.setattr(step_flow, "logarithm", plain)
    monkeypatch.setattr(StepFlow, "drift", property(lambda self: 0.0))
    monkeypatch.setattr(MaskLayout, "error", lambda self, formula, nodes: 1e-9)


def swapped_numbers(monkeypatch):
    kept = MaskLayout.frame.func
    swapped = property(lambda self: kept(self)[:, [0, 2, 1, *range(3, len(kept(self)))]])
    monkeypatch.setattr(MaskLayout, "frame", swapped)


@pytest.mark.parametrize(
    ("plant", "case"),
    [
        (wrong_branch_sign, "three"),
        (undersampled_grid, "three"),
        (lost_offset, "source"),
        (lost_offset, "far from the fixed point"),
        (plain_gradient_flow, "three"),
        (swapped_numbers, "three"),
    ],
)
def test_planted_bugs_are_caught(plant, case, monkeypatch):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(plan_mask_lchs(CASES[case], 0.02), CASES[case])


def test_the_row_check_itself_sees_an_undersampled_grid(monkeypatch):
    """With the check in place nothing is planned on such nodes."""
    error = MaskLayout.error
    undersampled_grid(monkeypatch)
    monkeypatch.setattr(MaskLayout, "error", error)
    with pytest.raises(PrecisionUnreachable):
        plan_mask_lchs(CASES["three"], 0.02)


def test_a_lost_scale_shows_in_the_sampling_error(monkeypatch):
    """The ratio to the constant survives a wrong norm, the standard errors do not."""
    kept = mask_lchs.NormedReadout
    monkeypatch.setattr(mask_lchs, "NormedReadout", lambda frame, norm: kept(frame, norm / 2))
    route, machine = plan_mask_lchs(CASES["two"], 0.1), get_backend("emulator")
    runs = [run_plan(route, machine, route.shots, seed) for seed in range(40)]
    assert np.std([run.value[0] for run in runs]) > 1.5 * runs[0].stderr[0]


def test_the_row_check_itself_sees_a_flow_through_other_points(monkeypatch):
    error, drift = MaskLayout.error, StepFlow.drift
    plain_gradient_flow(monkeypatch)
    monkeypatch.setattr(MaskLayout, "error", error)
    monkeypatch.setattr(StepFlow, "drift", drift)
    with pytest.raises(PrecisionUnreachable):
        plan_mask_lchs(CASES["three"], 0.02)


@pytest.mark.parametrize("seed", range(12))
def test_random_descents_stay_within_budget(seed):
    rng = np.random.default_rng(100 + seed)
    problem = descent(int(rng.integers(1, 6)), seed, int(rng.integers(1, 20)), bend=rng.uniform(0, 0.2))
    eps = float(10 ** rng.uniform(-2.5, -1))
    route = plan_mask_lchs(problem, eps)
    error = np.linalg.norm(route.emulate().value - problem.classical())
    assert error <= route.error_budget.discretisation * problem.unit + 1e-9
