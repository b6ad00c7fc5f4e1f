import numpy as np
import pytest

from qgd_core.linear.cks import plan_cks, series
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem


@pytest.mark.parametrize("kappa", [1.5, 10.0, 80.0])
@pytest.mark.parametrize("eps", [0.1, 1e-4])
def test_the_series_is_within_eps_of_the_inverse(kappa, eps):
    x = np.linspace(1 / kappa, 1.0, 2001)
    target = series(kappa, eps)
    assert np.abs(target.polynomial(x) - 1 / x).max() <= eps
    assert target.polynomial.parity == 1


def test_gates_emulation_and_elimination_agree(system, check):
    if system.norm / system.smallest < 4:
        check(plan_cks(system, 0.2, "svd"))


def test_the_baseline_costs_several_times_the_least_degree(peers):
    problem = LinearSystem(*peers[16])
    ratio = plan_cks(problem, 1e-2, "svd", 0.5).queries / plan_qsvt(problem, 1e-2, "svd", 0.5).queries
    assert 2 < ratio < 7
