"""Gradient descent by masks: gates, emulation and the iterates themselves, and bugs that must show."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.backends.registry import get_backend
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import PrecisionUnreachable
from qgd_core.ode import mask_lchs, step_flow
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.mask_layout import MaskLayout
from qgd_core.ode.mask_lchs import plan_mask_lchs
from qgd_core.ode.step_flow import StepFlow
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan


def test_gates_emulation_and_the_iterates_agree(one_descent, check_masks):
    problem = one_descent
    route = plan_mask_lchs(problem, 0.05)
    check_masks(route, problem)
    assert route.error_budget.total == pytest.approx(0.05)


@pytest.mark.parametrize("eps", [3e-2, 1e-2, 3e-3])
def test_a_smaller_error_keeps_more_couplings_and_costs_more(eps, descents, check_masks):
    problem = descents["four"]
    route, rough = plan_mask_lchs(problem, eps), plan_mask_lchs(problem, 0.3)
    check_masks(route, problem)
    assert route.parameters["coordinates kept"] >= rough.parameters["coordinates kept"]
    assert route.resources.two_qubit > rough.resources.two_qubit


def test_planned_shots_keep_the_whole_error_below_eps(descents):
    problem = descents["three"]
    route, machine = plan_mask_lchs(problem, 0.05), get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, seed).value - problem.classical())
        for seed in range(4)
    ]
    assert max(errors) <= 0.05 * problem.unit


def test_the_planner_shows_it_beside_marching(descents):
    best = plan(descents["three"], 0.02)
    names = {best.solver, *(one.solver for one in best.losers)}
    assert {"marching", "mask_lchs"} <= names
    assert "mask_lchs" in best.explain()
    assert plan(descents["three"], 0.02, solver="mask_lchs").solver == "mask_lchs"


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_a_share_is_kept_and_the_optimiser_does_better(share, descents):
    problem = descents["three"]
    given, best = plan_mask_lchs(problem, 0.05, share=share), plan_mask_lchs(problem, 0.05)
    assert given.error_budget.discretisation == pytest.approx(0.05 * share)
    assert given.error_budget.shots == pytest.approx(0.05 * (1 - share))
    error = np.linalg.norm(given.emulate().value - problem.classical())
    assert error <= 0.05 * share * problem.unit + 1e-9
    assert best.resources.two_qubit * best.shots <= given.resources.two_qubit * given.shots


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
def test_planted_bugs_are_caught(plant, case, monkeypatch, descents, check_masks):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_masks(plan_mask_lchs(descents[case], 0.02), descents[case])


def test_the_row_check_itself_sees_an_undersampled_grid(monkeypatch, descents):
    """With the check in place nothing is planned on such nodes."""
    error = MaskLayout.error
    undersampled_grid(monkeypatch)
    monkeypatch.setattr(MaskLayout, "error", error)
    with pytest.raises(PrecisionUnreachable):
        plan_mask_lchs(descents["three"], 0.02)


def test_a_lost_scale_shows_in_the_sampling_error(monkeypatch, descents):
    """The ratio to the constant survives a wrong norm, the standard errors do not."""
    kept = mask_lchs.NormedReadout
    monkeypatch.setattr(mask_lchs, "NormedReadout", lambda frame, norm: kept(frame, norm / 2))
    route, machine = plan_mask_lchs(descents["two"], 0.1), get_backend("emulator")
    runs = [run_plan(route, machine, route.shots, seed) for seed in range(40)]
    assert np.std([run.value[0] for run in runs]) > 1.5 * runs[0].stderr[0]


def test_the_row_check_itself_sees_a_flow_through_other_points(monkeypatch, descents):
    error, drift = MaskLayout.error, StepFlow.drift
    plain_gradient_flow(monkeypatch)
    monkeypatch.setattr(MaskLayout, "error", error)
    monkeypatch.setattr(StepFlow, "drift", drift)
    with pytest.raises(PrecisionUnreachable):
        plan_mask_lchs(descents["three"], 0.02)


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.slow), *range(1, 12)])
def test_random_descents_stay_within_budget(seed, descent):
    rng = np.random.default_rng(100 + seed)
    problem = descent(int(rng.integers(1, 6)), seed, int(rng.integers(1, 20)), bend=rng.uniform(0, 0.2))
    eps = float(10 ** rng.uniform(-2.5, -1))
    route = plan_mask_lchs(problem, eps)
    error = np.linalg.norm(route.emulate().value - problem.classical())
    assert error <= route.error_budget.discretisation * problem.unit + 1e-9
