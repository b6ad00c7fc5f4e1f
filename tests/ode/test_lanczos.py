"""Lowest eigenvalues from products against dense ones."""

import numpy as np
import pytest

from qgd_core.ode.lanczos import lowest


def positive(values, seed):
    frame = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return frame @ np.diag(values) @ frame.T


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("place", [0, 1])
def test_the_estimate_is_within_what_was_asked_and_not_below(seed, place):
    values = np.sort(np.random.default_rng(seed).uniform(0.02, 4.0, 60))
    values[0] = 0.01
    matrix = positive(values, seed)
    found = lowest(lambda v: matrix @ v, 60, place, 4.1, 1e-4)
    assert values[place] - 1e-12 <= found <= values[place] + 1e-4


def test_a_kernel_is_passed_over():
    values = np.append(0.0, np.linspace(0.09, 3.9, 99))
    matrix = positive(values, 3)
    assert lowest(lambda v: matrix @ v, 100, 1, 4.0, 1e-3) == pytest.approx(0.09, rel=0, abs=1e-3)
    assert lowest(lambda v: matrix @ v, 100, 0, 4.0, 1e-3) == pytest.approx(0.0, rel=0, abs=1e-3)


def test_what_rounding_hides_is_not_known():
    matrix = positive(np.array([1e-16, 1.0, 2.0, 3.0, 4.0]), 1)
    assert lowest(lambda v: matrix @ v, 5, 0, 4.0, 1e-18) == 0.0
