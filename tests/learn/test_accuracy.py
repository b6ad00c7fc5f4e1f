"""Windows of the reference problem, planned blind: gates and errors against the true iteration, and sampling as planned."""

import sys
from pathlib import Path

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.counts import cost
from qgd_core.learn.descent import descend
from qgd_core.learn.settings import Settings
from qgd_core.learn.window import plan_window
from qgd_core.ode.recurrence import plan_history_kernel

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from training import Case, errors, resample

# k, options -> most CX, most qubits, largest error of exact amplitudes relative to the move, least success.
FIGURES = [
    (2, {"newton_steps": 2}, 450, 10, 2.5e-3, 0.4),
    (4, {"newton_steps": 2}, 1100, 14, 2e-3, 0.5),
    (4, {"newton_steps": 1}, 1100, 14, 1.5e-3, 0.3),
    (4, {"newton_steps": 2, "recentre": True}, 620, 12, 2.5e-3, 0.4),
    (8, {"newton_steps": 2}, 3000, 18, 1.5e-3, 0.4),
    (16, {"newton_steps": 2}, 12_000, 24, 1e-3, 0.4),
    (4, {"newton_steps": 2, "order": 3}, 2100, 23, 5e-4, 0.4),
]


@pytest.fixture(scope="module")
def cases():
    made = {}
    return lambda keep: made.setdefault(keep, Case(keep))


def check(case, losses, settings, figures):
    most_cx, most_qubits, largest, success = figures
    plan = plan_window(losses, case.start, settings)
    exact, affine, *_ = errors(plan, case, losses, settings)
    assert cost(plan.route.compile().circuit).two_qubit <= most_cx
    assert plan.route.qubits <= most_qubits
    assert exact <= min(largest, affine / 4)
    assert plan.route.emulate().accepted >= success


@pytest.mark.slow
@pytest.mark.parametrize(("keep", "options", "figures"), [(k, o, f) for k, o, *f in FIGURES])
def test_a_window_of_ten_steps_keeps_its_figures(cases, keep, options, figures):
    settings = Settings(steps=10, budget=0.3, solver="marching", **options)
    check(cases(keep), cases(keep).loss, settings, figures)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_window_of_ten_minibatches_keeps_its_figures(cases, seed):
    settings = Settings(steps=10, newton_steps=2, budget=0.3, solver="marching")
    check(cases(4), cases(4).minibatches(64, 10, seed), settings, (1200, 14, 2.5e-3, 0.4))


# Encoding of Eq 6 of arXiv:2303.03428 on 16 blocks -> most CX, most qubits, least success: by slots from the entries,
# and by a dense factorisation of the step.
HISTORIES = {"history of slots": (30_000, 25, 0.8), "framed history of svd": (18_500, 15, 0.8)}


@pytest.mark.parametrize("newton_steps", [1, 2])
def test_a_history_of_sixteen_blocks_keeps_its_figures(cases, newton_steps):
    """The paper's own route on the same window: 6e-2 of the move asked for, shots included, and 5e-3 found."""
    case, settings = cases(4), Settings(steps=10, newton_steps=newton_steps, budget=0.3, solver="marching")
    window = plan_window(case.loss, case.start, settings)
    truth = descend(case.loss, case.start, settings).end
    scale, move = window.system.scale, np.linalg.norm(truth - case.start)
    affine = np.linalg.norm(window.affine() - truth)
    problem = window.route.problem
    best = plan_history_kernel(problem, 6e-2 * window.move_estimate * scale / problem.unit)
    found = [plan for plan in (best, *best.losers) if plan.parameters["blocks"] == 16]
    assert {plan.parameters["encoding"] for plan in found} == set(HISTORIES)
    for plan in found:
        most_cx, most_qubits, success = HISTORIES[plan.parameters["encoding"]]
        assert cost(plan.compile().circuit).two_qubit <= plan.resources.two_qubit <= most_cx
        assert plan.qubits <= most_qubits
        reached = plan.emulate()
        assert reached.accepted >= success
        error = np.linalg.norm(window.weights(reached.value / scale) - truth)
        assert error <= min(5e-3 * move, affine / 4)


@pytest.mark.slow
@pytest.mark.parametrize(("shots", "largest"), [(30_000, 1e-2), (500_000, 5e-3)])
def test_the_sampled_error_is_what_the_plan_expects(cases, shots, largest):
    case, machine = cases(4), get_backend("emulator")
    settings = Settings(steps=10, newton_steps=2, budget=0.3, solver="marching", shots=shots)
    plan = plan_window(case.loss, case.start, settings)
    truth = descend(case.loss, case.start, settings).end
    move = np.linalg.norm(truth - case.start)
    exact = plan.weights(plan.route.emulate().value / plan.system.scale)
    executable = machine.compile(plan.route.compile())
    counts = [executable.run(shots, seed).counts for seed in range(200)]
    draws = np.array(
        [plan.weights(plan.route.read_counts(found, shots).value / plan.system.scale) for found in counts]
    )
    scatter = np.sqrt(np.mean(np.sum((draws - exact) ** 2, axis=1)))
    assert np.sqrt(np.mean(np.sum((draws - truth) ** 2, axis=1))) <= largest * move
    # 200 draws of four numbers know their root mean square to about 3%.
    assert plan.sampling_rms == pytest.approx(scatter, rel=0, abs=0.1 * scatter)


@pytest.mark.slow
@pytest.mark.parametrize(("newton", "median", "largest"), [(2, 2e-3, 8e-3), (1, 4e-3, 1.5e-2)])
def test_sixteen_bootstraps_keep_their_figures(newton, median, largest):
    found = resample(newton)
    assert len(found) == 16
    assert np.median(found[:, 0]) <= median
    assert found[:, 0].max() <= largest
    if newton == 2:
        # The constant coordinate does not decay: ten times the steps are accepted as often.
        assert found[:, 3].min() >= 0.95
        assert np.median(found[:, 0]) <= np.median(found[:, 1]) / 4
