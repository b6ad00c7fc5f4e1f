import numpy as np
import pytest

from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear import hhl
from qgd_core.linear.hhl import estimated_inverse, plan_hhl
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem

MILD = LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5])


def test_gates_emulation_and_elimination_agree(system, check):
    if system.norm / system.smallest < 4:
        check(plan_hhl(system, 0.5, "svd"))


def test_several_projected_ancillas_are_reflected_together(check):
    check(plan_hhl(MILD, 0.2, "row_column"))


@pytest.mark.parametrize("eps", [0.3, 1e-3])
def test_the_estimation_error_stays_below_its_share(system, truth, eps):
    if system.norm / system.smallest < 15:
        route = plan_hhl(system, eps, "svd")
        error = np.linalg.norm(route.emulate().value - truth(system))
        assert error <= route.error_budget.polynomial * system.unit + 1e-11
        assert route.error_budget.total == pytest.approx(eps)


def test_the_series_is_what_phase_estimation_does_to_one_eigenvalue():
    """Against the estimate's amplitudes for one eigenvector, written out with dense Fourier matrices."""
    bits, kappa, x = 4, 3.0, 0.7
    n = 2**bits
    window = np.sqrt(2 / n) * np.sin(np.pi * (np.arange(n) + 0.5) / n)
    fourier = np.exp(2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / np.sqrt(n)
    phase = np.where(np.arange(n) < n / 2, np.arange(n), np.arange(n) - n) * np.pi / n
    kept = np.minimum(1.0, np.abs(np.cos(phase)) / (0.5 / kappa))
    size = np.where(np.abs(np.cos(phase)) >= 0.5 / kappa, 0.5 / kappa / np.cos(phase), kept)
    whole = 0.0
    for angle in (np.arccos(x), -np.arccos(x)):
        powers = np.exp(2j * angle * np.arange(n))
        estimate = fourier.conj().T @ (window * powers) * size * np.exp(-1j * phase)
        whole += 0.5 * np.exp(1j * angle) * ((window * powers).conj() @ (fourier @ estimate))
    found = estimated_inverse(bits, kappa).polynomial(x)
    assert abs(found - whole) < 1e-12


def test_the_baseline_needs_many_times_the_queries_of_the_least_degree(peers):
    problem = LinearSystem(*peers[8])
    assert plan_hhl(problem, 1e-3, "svd").queries > 20 * plan_qsvt(problem, 1e-3, "svd").queries


def test_an_error_out_of_reach_names_what_is_in_reach():
    with pytest.raises(PrecisionUnreachable, match="bits") as caught:
        plan_hhl(MILD, 1e-9)
    reachable = caught.value.value
    assert plan_hhl(MILD, 1.01 * reachable).error_budget.total == pytest.approx(1.01 * reachable)


def flip_the_upper_half(monkeypatch):
    kept = hhl._sizes
    monkeypatch.setattr(hhl, "_sizes", lambda n, kappa: np.roll(kept(n, kappa), 1))


def estimate_backwards(monkeypatch):
    kept = hhl._fourier
    monkeypatch.setattr(hhl, "_fourier", lambda bits: kept(bits).adjoint())


@pytest.mark.parametrize("plant", [flip_the_upper_half, estimate_backwards])
def test_planted_bugs_are_caught(plant, monkeypatch, check):
    estimated_inverse.cache_clear()
    plant(monkeypatch)
    with pytest.raises((AssertionError, PrecisionUnreachable)):
        check(plan_hhl(MILD, 0.2, "svd"))
    estimated_inverse.cache_clear()
