"""Sums of cubes against the tensors they were made from."""

import numpy as np
import pytest

from qgd_core.dynamics.low_rank import approximate
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def cubes(n, rank, seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(rank, n))
    return np.einsum("qi,qj,qk->ijk", y, y, y)


def update_of(tensor, multipliers=None):
    n = len(tensor)
    w = np.linspace(0.3, 0.9, n) if multipliers is None else multipliers
    return PolynomialField({0: np.arange(n) / 10.0, 1: np.diag(w), 2: tensor.reshape(n, -1)})


def gap(update, step, seed=0):
    u = np.random.default_rng(seed).normal(size=(5, update.n))
    return float(np.abs(update(u) - step.polynomial()(u)).max())


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (2, 2), (4, 2), (4, 3), (6, 3)])
def test_a_sum_of_cubes_is_found_again(n, rank):
    update = update_of(cubes(n, rank, seed=n + rank))
    step = approximate(update, rank)
    assert gap(update, step) < 1e-3 * update.norms()[2]
    assert np.all(step.weights >= 0.0)
    np.testing.assert_allclose(np.linalg.norm(step.directions, axis=1), 1.0, rtol=0, atol=1e-12)


def test_the_residual_is_what_is_missing():
    update = update_of(cubes(4, 6, seed=0))
    step = approximate(update, 2)
    u = np.random.default_rng(1).normal(size=4)
    np.testing.assert_allclose(step.polynomial()(u) + step.residual(update)(u), update(u), rtol=0, atol=1e-12)
    assert step.residual(update).norms()[2] > 0.1


def test_more_directions_fit_better():
    update = update_of(cubes(4, 6, seed=0))
    errors = [approximate(update, rank).residual(update).norms()[2] for rank in (1, 2, 3, 4)]
    assert errors == sorted(errors, reverse=True)


def test_the_price_keeps_cubes_from_cancelling():
    # A tangent of the set of cubes: rank 2 fits it as well as one likes, with weights that grow without end.
    e, d = np.eye(2)
    tangent = sum(np.einsum("i,j,k->ijk", *t) for t in ([e, e, d], [e, d, e], [d, e, e]))
    step = approximate(update_of(tangent), 2)
    assert step.weights.sum() < 40.0
    assert step.residual(update_of(tangent)).norms()[2] < 0.05


def test_no_quadratic_part_needs_no_direction():
    assert approximate(update_of(np.zeros((3, 3, 3))), 2).rank == 0


def test_merged_monomials_are_the_same_map():
    update = update_of(cubes(3, 2, seed=5))
    merged = PolynomialField({**update.coefficients, 2: update.monomials[2]})
    found, wanted = approximate(merged, 2), approximate(update, 2)
    np.testing.assert_allclose(
        found.polynomial()(np.ones(3)), wanted.polynomial()(np.ones(3)), rtol=0, atol=1e-9
    )


def test_same_seed_same_fit():
    update = update_of(cubes(4, 6, seed=0))
    assert np.array_equal(approximate(update, 2).directions, approximate(update, 2).directions)


def test_what_is_no_gradient_step_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="symmetric tensor"):
        approximate(update_of(rng.normal(size=(3, 3, 3))), 2)
    with pytest.raises(ConfigError, match="diagonal"):
        approximate(PolynomialField({1: rng.normal(size=(3, 3))}), 2)
