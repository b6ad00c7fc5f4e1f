"""Perron weights against dense singular values, on the cases where power iteration goes wrong."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.encodings.perron import perron_weights


def holds(matrix, slack=1e-12):
    """alpha, u and v satisfy both inequalities, entry by entry."""
    alpha, u, v = perron_weights(matrix)
    assert np.isfinite(alpha)
    assert u.min() > 0
    assert v.min() > 0
    assert np.all(abs(matrix) @ v <= alpha * u * (1 + slack))
    assert np.all(abs(matrix).T @ u <= alpha * v * (1 + slack))
    return alpha


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 8), density=st.floats(0.1, 1.0), seed=st.integers(0, 10_000))
def test_weights_are_valid_and_never_below_the_norm(n, density, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n)) * (rng.random((n, n)) < density)
    alpha = holds(sp.csr_array(matrix))
    assert alpha >= np.linalg.norm(np.abs(matrix), 2) * (1 - 1e-12)


@pytest.mark.parametrize("n", [2, 16, 64])
def test_alpha_is_the_norm_where_weights_spread(n):
    rng = np.random.default_rng(n)
    matrix = rng.standard_normal((n, n))
    assert abs(holds(sp.csr_array(matrix)) / np.linalg.norm(np.abs(matrix), 2) - 1) < 1e-12


def test_reducible_patterns_have_one_pair_each():
    first, second = np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([[1e-6, 4e-6], [2e-6, 0.0]])
    alpha = holds(sp.csr_array(sp.block_diag([second, first, [[0.0]]])))
    assert abs(alpha - np.linalg.norm(first, 2)) < 1e-12


@pytest.mark.parametrize("n", [64, 2**16])
def test_smooth_tridiagonal_matrices_do_not_underflow(n):
    x = 9 * np.linspace(0, 1, n)
    matrix = sp.diags_array([-(1 + x[1:]), 2 + x, -(1 + x[:-1] ** 2)], offsets=[-1, 0, 1], format="csr")
    alpha = holds(matrix)
    assert alpha <= np.sqrt(abs(matrix).sum(axis=0).max() * abs(matrix).sum(axis=1).max())


def test_badly_scaled_matrices_do_not_underflow():
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((12, 12)) * 10.0 ** rng.uniform(-12, 6, (12, 12))
    assert holds(sp.csr_array(matrix)) <= 1.5 * np.linalg.norm(np.abs(matrix), 2)


def test_badly_scaled_tridiagonals_of_two_to_the_sixteen_rows_do_not_underflow():
    n = 2**16
    scale = 10.0 ** np.random.default_rng(4).uniform(-12, 6, n)
    matrix = sp.diags_array([-scale[1:], 2 * scale, -scale[:-1]], offsets=[-1, 0, 1], format="csr")
    assert holds(matrix) <= np.sqrt(abs(matrix).sum(axis=0).max() * abs(matrix).sum(axis=1).max())


def test_localised_weights_do_not_underflow():
    matrix = np.diag([1.0, *np.full(39, 1e-9)]) + 1e-9 * np.eye(40, k=1)
    assert holds(sp.csr_array(matrix)) < 1.1


def test_a_large_block_gets_fewer_sweeps_and_still_a_valid_alpha():
    n = 300_000
    entries = np.random.default_rng(0).uniform(0.1, 1.0, (3, n))
    matrix = sp.csr_array(sp.diags_array(list(entries), offsets=[-1, 0, 1], shape=(n, n)))
    alpha, u, v = perron_weights(matrix)
    assert np.all(matrix @ v <= alpha * u * (1 + 1e-12))
    assert np.all(matrix.T @ u <= alpha * v * (1 + 1e-12))
    sums = matrix.sum(axis=0).max() * matrix.sum(axis=1).max()
    assert alpha <= np.sqrt(sums)
