import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.kernel_reflection import plan_kernel_reflection
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.planner.solve import run_plan


def test_gates_emulation_and_elimination_agree(system, check):
    if system.norm / system.smallest < 15:
        check(plan_kernel_reflection(system, 0.1, "svd"))


@pytest.mark.slow
def test_gates_emulation_and_elimination_agree_for_band_encodings(peers, check):
    check(plan_kernel_reflection(LinearSystem(*peers[8]), 0.1, "band"))


@pytest.mark.parametrize("eps", [0.3, 1e-4])
def test_the_filter_error_stays_below_its_share(system, truth, eps):
    route = plan_kernel_reflection(system, eps, "svd")
    error = np.linalg.norm(route.emulate().value - truth(system))
    assert error <= route.error_budget.polynomial * system.unit + 1e-11
    assert route.error_budget.total == pytest.approx(eps)


def test_planned_shots_keep_the_whole_error_below_eps(system, truth):
    route = plan_kernel_reflection(system, 0.1, "svd")
    machine = get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, seed).value - truth(system)) for seed in range(4)
    ]
    assert max(errors) <= 0.1 * system.unit


@pytest.mark.parametrize(("n", "cx", "success", "error", "times"), [(16, 114_716, 0.104, 4.8e-3, 11.0)])
def test_knowing_nothing_it_costs_a_tenth_of_the_peers_state(peers, n, cx, success, error, times):
    """CX over the chance to find an unknown; the known number, which gives the scale, is found as often again."""
    a, b = peers[n]
    x = np.linalg.solve(a, b)
    route = plan_kernel_reflection(LinearSystem(a, b), 0.03, "band", share=0.999)
    assert np.linalg.norm(route.emulate().value - x) <= error * np.linalg.norm(x)
    unknowns = float(np.sum(np.abs(route.branch()[:n]) ** 2))
    assert route.resources.two_qubit / unknowns <= cx / success / times
    assert route.resources.two_qubit / route.emulate().accepted <= cx / success / 25.0


def known_length(problem):
    shifted = np.linalg.solve(problem.matrix.toarray(), problem.shifted())
    return float(np.linalg.norm(shifted))


@pytest.mark.parametrize("off", [1.0, 1.2, 0.8])
def test_a_norm_known_to_a_fifth_succeeds_half_of_the_time(peers, truth, off):
    problem = LinearSystem(*peers[16])
    route = plan_kernel_reflection(problem, 0.1, "svd", length=off * known_length(problem))
    found = route.emulate()
    assert 0.38 < found.accepted < 0.62
    # An underestimate loosens the error bound by (1 + 1/off^2) / 2.
    assert np.linalg.norm(found.value - truth(problem)) <= 0.1 * problem.unit
    assert found.accepted > 2 * plan_qsvt(problem, 0.1, "svd", share=0.5).emulate().accepted


def test_a_norm_underestimated_by_two_is_caught(peers, check):
    problem = LinearSystem(*peers[8])
    with pytest.raises(AssertionError):
        check(plan_kernel_reflection(problem, 0.1, "svd", length=known_length(problem) / 2))


def keep_the_right_side(monkeypatch):
    """The projector on the right side stays out of the phases."""
    from qgd_core.linear import kernel_reflection

    kept = kernel_reflection.transform
    monkeypatch.setattr(kernel_reflection, "transform", lambda a, phases, excluded: kept(a, phases))


def forget_the_reference(monkeypatch):
    """The known number is read where the last unknown stands."""
    from qgd_core.linear import kernel_reflection

    kept = kernel_reflection.ReferredReadout
    monkeypatch.setattr(
        kernel_reflection, "ReferredReadout", lambda places, s, n, place, t: kept(places, s, n, place - 1, t)
    )


@pytest.mark.parametrize("plant", [keep_the_right_side, forget_the_reference])
def test_planted_bugs_are_caught(plant, monkeypatch, check):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(plan_kernel_reflection(LinearSystem(np.diag([1.0, -0.5, 0.7]), [1.0, 0.5, -1.0]), 0.1, "svd"))


def test_a_gap_out_of_reach_is_refused():
    with pytest.raises(PrecisionUnreachable, match="degree"):
        plan_kernel_reflection(LinearSystem([[1.0, 1.0], [1.0, 1.0 + 1e-6]], [1.0, 1.0]), 0.1)
