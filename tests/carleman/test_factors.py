"""Kronecker factors and matrix-free products against the assembled matrices."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from qgd_core.carleman import slots
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.factors import carleman_operator, kronecker_terms, split_powers
from qgd_core.carleman.size import count_entries, fits_in_memory
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def dense_field(n=3, degree=3, seed=0):
    rng = np.random.default_rng(seed)
    parts = {k: 0.2 * rng.standard_normal((n, n**k)) for k in range(degree + 1)}
    parts[1] = parts[1] - 0.6 * np.eye(n)
    return PolynomialField(parts)


@pytest.mark.parametrize("form", ["discrete", "continuous"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_terms_add_up_to_the_kronecker_matrix(form, order):
    field = dense_field()
    system = carleman(field, order, form, 0.3, "kronecker")
    terms = kronecker_terms(step_map(field, 0.3) if form == "discrete" else field, order, form == "discrete")
    total, source = np.zeros((system.dimension, system.dimension)), np.zeros(system.dimension)
    for term in terms:
        rows = system.basis.block(term.row)
        if term.column:
            total[rows, system.basis.block(term.column)] += term.matrix(3).toarray()
        else:
            source[rows] += term.matrix(3).toarray()[:, 0]
    np.testing.assert_allclose(total, system.matrix.toarray(), rtol=0, atol=1e-14)
    np.testing.assert_allclose(source, system.source, rtol=0, atol=1e-14)


@pytest.mark.parametrize("form", ["discrete", "continuous"])
@pytest.mark.parametrize("basis", ["symmetric", "kronecker"])
def test_past_the_memory_the_system_is_an_operator_and_equal(form, basis):
    field, u0 = dense_field(), np.array([0.2, -0.1, 0.3])
    stored = carleman(field, 3, form, 0.3, basis, scale=0.7)
    free = carleman(field, 3, form, 0.3, basis, scale=0.7, memory=8e3)
    assert stored.is_stored
    assert isinstance(free.matrix, LinearOperator)
    z = np.random.default_rng(1).standard_normal(stored.dimension)
    np.testing.assert_allclose(free.matrix @ z, stored.matrix @ z, rtol=0, atol=1e-13)
    np.testing.assert_allclose(free.matrix.T @ z, stored.matrix.T @ z, rtol=0, atol=1e-13)
    np.testing.assert_allclose(free.source, stored.source, rtol=0, atol=1e-15)
    np.testing.assert_allclose(free.classical(u0, 4), stored.classical(u0, 4), rtol=0, atol=1e-12)
    assert free.log_norm() == pytest.approx(stored.log_norm(), abs=1e-9)
    one, two = (system.rescaled(1.3) for system in (free, stored))
    np.testing.assert_allclose(one.matrix @ z, two.matrix @ z, rtol=0, atol=1e-12)
    assert free.error_bound(u0, 2) >= (1 - 1e-9) * stored.error_bound(u0, 2)
    with pytest.raises(ConfigError):
        free.anchored(1.0)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("form", ["discrete", "continuous"])
@pytest.mark.parametrize("basis", ["symmetric", "kronecker"])
@pytest.mark.parametrize(
    ("n", "order"),
    [(1, 2), (5, 2), (8, 2), (21, 2), (40, 2), (71, 2), (3, 3), (9, 3), (16, 3), (2, 4), (4, 4)],
)
def test_both_ways_of_multiplying_equal_the_assembled_matrix(monkeypatch, n, order, basis, form, compiled):
    """By scipy, and by the compiled kernels where numba is installed; a row of F_1 is empty and one is full.

    One to three threads: from 40 variables on they have strips of their own.
    """
    monkeypatch.setattr(slots, "LARGE", 1)
    monkeypatch.setattr(slots, "installed", lambda: compiled)
    monkeypatch.setenv("OMP_NUM_THREADS", str(1 + n % 3))
    rng = np.random.default_rng(n)
    parts = {k: 0.5 * rng.standard_normal((n, n**k)) * (rng.random((n, n**k)) < 4 / n**k) for k in range(3)}
    parts[1][0] = 0.0
    parts[1][-1] = rng.standard_normal(n) / n
    stored = carleman(PolynomialField(parts), order, form, 0.3, basis, scale=1.2)
    update = step_map(stored.field, 0.3) if form == "discrete" else stored.field
    terms = kronecker_terms(update, order, form == "discrete")
    powers, _ = split_powers(terms, stored.basis)
    assert bool(powers) == (compiled and 1 in update.coefficients)
    operator, z = carleman_operator(terms, stored.basis), rng.standard_normal(stored.dimension)
    np.testing.assert_allclose(operator @ z, stored.matrix @ z, rtol=0, atol=1e-13)
    np.testing.assert_allclose(operator.T @ z, stored.matrix.T @ z, rtol=0, atol=1e-13)


def test_entry_counts_bound_what_is_stored_and_memory_is_named():
    field = dense_field(n=4, degree=2)
    for discrete in (True, False):
        system = carleman(field, 3, "discrete" if discrete else "continuous", 0.3)
        count = count_entries(step_map(field, 0.3) if discrete else field, system.basis, discrete)
        assert system.matrix.nnz <= count <= 3 * system.matrix.nnz
    with pytest.raises(ConfigError, match="GiB") as caught:
        carleman(PolynomialField({1: -np.eye(50), 2: np.zeros((50, 2500))}), 12, step=0.1)
    assert caught.value.value > 4 * 2**30
    assert not fits_in_memory(field, carleman(field, 3, step=0.1).basis, True, 2e4)
