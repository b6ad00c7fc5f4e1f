import resource

import numpy as np
import pytest
import torch

from qgd_core.learn.active import ActiveSet
from qgd_core.learn.affine import AffineField
from qgd_core.learn.expand import expand
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import perceptron


def data(features, m=30):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(m, features, generator=generator, dtype=torch.float64)
    return inputs, torch.sign(inputs[:, 0])


@pytest.mark.parametrize("split", [False, True], ids=["one batch", "three batches"])
def test_it_is_the_dense_expansion_of_order_one(split):
    model, (inputs, targets) = perceptron([3, 4, 1], seed=1), data(3)
    objective, active = Objective("logistic", 0.2), ActiveSet.from_names(model, ["0.weight", "2.bias"])
    cuts = [slice(0, 7), slice(7, 19), slice(19, 30)]
    batches = [(inputs[cut], targets[cut]) for cut in cuts] if split else (inputs, targets)
    field = AffineField(model, objective, batches, active)
    dense = expand(model, objective, (inputs, targets), active, order=1)
    u = np.random.default_rng(0).normal(size=len(active))
    np.testing.assert_allclose(field(u), dense(u), rtol=0, atol=1e-12)
    np.testing.assert_allclose(field.offset, dense.coefficient(0).toarray().ravel(), rtol=0, atol=1e-13)
    # The operator is symmetric, and its log-norm is the largest eigenvalue.
    matrix = dense.coefficient(1).toarray()
    np.testing.assert_allclose(field.linear.T @ u, matrix.T @ u, rtol=0, atol=1e-12)
    assert field.log_norm() == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=0, abs=1e-6)


def test_two_weights_are_enough():
    model = perceptron([2, 1], seed=0)
    active = ActiveSet.from_names(model, ["0.weight"])
    field = AffineField(model, Objective("logistic", 0.3), data(2), active)
    dense = expand(model, Objective("logistic", 0.3), data(2), active, order=1).coefficient(1).toarray()
    assert field.log_norm() == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=0, abs=1e-12)


def test_a_hundred_thousand_weights_need_no_matrix():
    model = perceptron([500, 200, 1], seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    field = AffineField(model, Objective("logistic", 0.1), data(500, 20))
    rng = np.random.default_rng(1)
    u, v = rng.normal(size=(2, field.n))
    left, right = v @ (field.linear @ u), u @ (field.linear @ v)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert field.n > 100_000
    assert grown < 1_000_000  # KiB; a matrix would take 8 n^2 bytes, 80 GB
    assert left == pytest.approx(right, rel=0, abs=1e-12 * np.linalg.norm(u) * np.linalg.norm(v))
