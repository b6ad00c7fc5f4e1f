"""Product formulas and their commutator bounds against dense matrix exponentials."""

import numpy as np
import pytest
from scipy.linalg import expm

from qgd_core.ode import product
from qgd_core.ode.product import (
    SUBSTEPS,
    bound_commutators,
    commutator_weights,
    durations,
    symmetric_stages,
)

HALF = (("K", 0.5), ("L", 0.5))


def parts(n=4, seed=0):
    rng = np.random.default_rng(seed)
    b = rng.normal(size=(n, n))
    return {"L": b @ b.T / n, "K": 0.4 * (b - b.T)}


def formula(stages, matrices, k, time, steps):
    """The product of exponentials, stage by stage."""
    one = np.eye(len(matrices["K"]), dtype=complex)
    for letter, length in stages:
        term = matrices[letter] * (1j * k if letter != "K" else 1.0)
        one = expm(term * length * time / steps) @ one
    return np.linalg.matrix_power(one, steps)


def exact(matrices, k, time):
    return expm(time * (1j * k * sum(m for name, m in matrices.items() if name != "K") + matrices["K"]))


@pytest.mark.parametrize("order", [2, 4])
def test_the_observed_order_is_the_declared_one(order):
    matrices, stages = parts(), symmetric_stages(HALF, order)
    errors = [
        np.linalg.norm(formula(stages, matrices, 1.2, 0.5, r) - exact(matrices, 1.2, 0.5), 2) for r in (4, 8)
    ]
    assert 0.8 * 2**order < errors[0] / errors[1] < 1.25 * 2**order


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("order", [2, 4])
def test_the_bound_holds_and_is_not_idle(order, seed):
    rng = np.random.default_rng(seed)
    matrices, stages = parts(seed=seed), symmetric_stages(HALF, order)
    bound = bound_commutators(stages, order, matrices, frozenset({"L"}))
    k, time = float(rng.uniform(-3, 3)), float(rng.uniform(0.1, 1.0))
    for steps in (1, 4, 16):
        error = np.linalg.norm(formula(stages, matrices, k, time, steps) - exact(matrices, k, time), 2)
        limit = float(bound.error(np.array([k]), time, steps)[0])
        assert error <= limit + 1e-13
    # The steps it asks for are at most a few times those needed.
    assert ((limit - 1e-12) / error) ** (1 / order) < 8


def test_several_terms_have_one_bound():
    rng = np.random.default_rng(1)
    b = rng.normal(size=(4, 4))
    matrices = {"D": np.diag(rng.normal(size=4)), "S": (b + b.T) / 4, "K": (b - b.T) / 4}
    stages = symmetric_stages((("D", 0.5), ("K", 0.5), ("S", 0.5)), 2)
    bound = bound_commutators(stages, 2, matrices, frozenset({"D", "S"}))
    error = np.linalg.norm(formula(stages, matrices, 0.7, 0.6, 3) - exact(matrices, 0.7, 0.6), 2)
    limit = float(bound.error(np.array([0.7]), 0.6, 3)[0])
    assert error <= limit <= 60 * error


def test_terms_that_commute_cost_nothing():
    matrices = {"L": np.diag([1.0, 2.0]), "K": np.zeros((2, 2))}
    for order in (2, 4):
        bound = bound_commutators(symmetric_stages(HALF, order), order, matrices, frozenset({"L"}))
        assert np.all(bound.by_power == 0)


def test_stages_merge_and_last_one_step():
    stages = symmetric_stages(HALF, 4)
    assert len(stages) == 11
    for letter in ("K", "L"):
        assert sum(length for name, length in stages if name == letter) == pytest.approx(1.0, abs=1e-15)
    assert sum(durations(3.0, 4, 4)) == pytest.approx(3.0, abs=1e-14)
    assert all(len(word) == 5 and word[0] != word[1] for word in commutator_weights(stages, 4, 5))


def test_a_wrong_substep_is_caught(monkeypatch):
    """The middle of Suzuki's step runs backwards: without its sign the order is lost."""
    monkeypatch.setitem(SUBSTEPS, 4, tuple(abs(part) for part in product.SUBSTEPS[4]))
    with pytest.raises(AssertionError):
        test_the_observed_order_is_the_declared_one(4)
