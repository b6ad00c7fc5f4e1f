import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.errors import PrecisionUnreachable, ResultMissing
from qgd_core.linear import kernel_ladder
from qgd_core.linear.kernel_ladder import plan_kernel_ladder
from qgd_core.linear.kernel_reflection import plan_kernel_reflection
from qgd_core.linear.system import LinearSystem
from qgd_core.planner.solve import run_plan

MILD = LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5])
# Known to be positive, and many times smaller than |b| / smallest.
SMALL = LinearSystem([[1.0, -0.3], [-0.2, 1.0]], [1.0, 0.5], smallest=4e-2, floor=0.0)


@pytest.mark.parametrize("encoding", ["svd", "row_column"])
def test_gates_emulation_and_elimination_agree(encoding, check):
    check(plan_kernel_ladder(MILD, 0.4, encoding))


@pytest.mark.slow
def test_gates_emulation_and_elimination_agree_on_the_table(system, check):
    if system.norm / system.smallest < 4:
        check(plan_kernel_ladder(system, 0.4, "svd"))


@pytest.mark.parametrize("eps", [0.3, 1e-4])
def test_the_filter_error_stays_below_its_share(system, truth, eps):
    route = plan_kernel_ladder(system, eps, "svd")
    error = np.linalg.norm(route.emulate().value - truth(system))
    assert error <= route.error_budget.polynomial * system.unit + 1e-11
    assert route.error_budget.total == pytest.approx(eps)
    assert route.success_probability <= route.emulate().accepted


def test_planned_shots_keep_the_whole_error_below_eps(truth):
    route = plan_kernel_ladder(MILD, 0.1, "svd")
    machine = get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, seed).value - truth(MILD)) for seed in range(5)
    ]
    assert max(errors) <= 0.1 * MILD.unit


def test_a_norm_far_below_its_bound_is_read_from_far_fewer_shots(truth):
    """At equal shots the one candidate of the plain projection shows hardly anything but itself."""
    machine, shots = get_backend("emulator"), 20_000
    errors = []
    for make in (plan_kernel_ladder, plan_kernel_reflection):
        route = make(SMALL, 0.1, "svd")
        values = [run_plan(route, machine, shots, seed).value for seed in range(20)]
        errors.append(np.std(np.array(values) - truth(SMALL), axis=0).max())
    assert errors[0] < errors[1] / 3


@pytest.mark.slow
def test_standard_errors_are_the_observed_ones(truth):
    route, machine = plan_kernel_ladder(SMALL, 0.1, "svd"), get_backend("emulator")
    runs = [run_plan(route, machine, 50_000, seed) for seed in range(60)]
    spread = np.std([run.value for run in runs], axis=0)
    assert np.all(spread <= 1.3 * runs[0].stderr)
    assert np.all(spread >= 0.5 * runs[0].stderr)


def test_nothing_seen_is_said():
    route = plan_kernel_ladder(MILD, 0.4, "svd")
    with pytest.raises(ResultMissing, match="never seen"):
        route.read_counts({0: 3}, 100)


def test_a_gap_out_of_reach_is_refused():
    with pytest.raises(PrecisionUnreachable, match="degree"):
        plan_kernel_ladder(LinearSystem([[1.0, 1.0], [1.0, 1.0 + 1e-6]], [1.0, 1.0]), 0.1)


def forget_the_rungs(monkeypatch):
    kept = kernel_ladder.widen
    monkeypatch.setattr(kernel_ladder, "widen", lambda problem, t, encoding: kept(problem, 2 * t, encoding))


def test_a_ladder_off_by_two_is_caught(monkeypatch, check):
    forget_the_rungs(monkeypatch)
    with pytest.raises(AssertionError):
        check(plan_kernel_ladder(MILD, 0.1, "svd"))
