import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.classical import direct, krylov, smallest_singular_value, upper_norm
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem


def test_what_is_known_beforehand_holds(system, truth):
    values = np.linalg.svd(system.matrix.toarray(), compute_uv=False)
    x = truth(system)
    assert system.norm >= values[0] * (1 - 1e-12)
    assert system.smallest <= values[-1] * (1 + 1e-12)
    assert np.linalg.norm(x) <= system.bound() * np.sqrt(1 + 1e-12)
    assert x.min() >= system.floor - 1e-12
    whole = np.linalg.solve(system.matrix.toarray(), system.b)
    if system._unit is None:
        assert system.unit <= np.linalg.norm(whole) * (1 + 1e-12)


def test_the_shifted_side_moves_wanted_entries_and_no_others(system):
    moved = np.linalg.solve(system.matrix.toarray(), system.shifted())
    still = np.linalg.solve(system.matrix.toarray(), system.b)
    expected = np.zeros(still.size)
    expected[system.wanted.reshape(-1)] = system.shift
    np.testing.assert_allclose(moved - still, expected, rtol=0, atol=1e-9)


def test_classical_solvers_agree_with_elimination(system, truth):
    np.testing.assert_allclose(system.classical(), truth(system), rtol=0, atol=1e-10)
    x, products = krylov(system.matrix, system.b, 1e-10)
    np.testing.assert_allclose(x, direct(system.matrix, system.b), rtol=0, atol=1e-7)
    assert products >= 1


def test_large_matrices_are_bounded_and_estimated():
    n = 600
    laplacian = sp.csr_array(sp.diags_array([2.0, -1.0, -1.0], offsets=[0, 1, -1], shape=(n, n)))
    exact = 2 - 2 * np.cos(np.pi / (n + 1))
    assert upper_norm(laplacian) >= 2 + 2 * np.cos(np.pi / (n + 1))
    assert 0.98 * exact <= smallest_singular_value(laplacian) <= exact


def test_krylov_says_how_far_it_came():
    n = 300
    shift = sp.csr_array(sp.diags_array([1.0, 1.0], offsets=[-1, n - 1], shape=(n, n)))
    with pytest.raises(PrecisionUnreachable, match="residual"):
        krylov(shift, np.eye(n)[0], 1e-10)


A, B = np.eye(2), np.ones(2)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.eye(3), B), {}, "shape"),
        (([["a", "b"], ["c", "d"]], B), {}, "A is no matrix of numbers"),
        (([[1.0, 2.0], [3.0]], B), {}, "A is no matrix of numbers"),
        ((np.ones((2, 2, 2)), B), {}, "A is no matrix of numbers"),
        ((A, ["a", "b"]), {}, "b is no vector"),
        ((A, B), {"smallest": "a"}, "smallest"),
        ((A, B), {"floor": np.nan}, "floor"),
        ((A * 1j, B), {}, "complex"),
        ((A * np.nan, B), {}, "NaN"),
        ((A, [1.0, np.inf]), {}, "b has"),
        ((A, np.zeros(2)), {}, "zero"),
        ((A, B, [0, 0]), {}, "wanted"),
        ((A, B, [5]), {}, "wanted"),
        ((A, B, []), {}, "wanted"),
        ((A, B, [(0, 1), 1]), {}, "wanted"),
        ((A, B), {"smallest": 0.0}, "smallest"),
        ((A, B), {"unit": np.nan}, "unit"),
    ],
)
def test_bad_input_is_named(arguments, options, message):
    with pytest.raises(ConfigError, match=message):
        LinearSystem(*arguments, **options)


def test_a_singular_matrix_is_refused():
    with pytest.raises(ConfigError, match="singular") as caught:
        _ = LinearSystem([[1.0, 1.0], [1.0, 1.0]], B).smallest
    assert caught.value.value < 1e-15


def laplacian(n):
    return sp.csr_array(sp.diags_array([2.0, -1.0, -1.0], offsets=[0, 1, -1], shape=(n, n)))


def with_zeros(n, row):
    given = sp.lil_array(laplacian(n))
    given[row if row is not None else slice(None), slice(None) if row is not None else 7] = 0.0
    return sp.csr_array(given)


@pytest.mark.parametrize("n", [2, 30, 600, 5000])
def test_a_declared_smallest_singular_value_that_holds_is_taken(n):
    exact = 2 - 2 * np.cos(np.pi / (n + 1))
    assert LinearSystem(laplacian(n), np.ones(n), smallest=exact).smallest == exact
    assert LinearSystem(laplacian(n), np.ones(n), smallest=0.3 * exact).smallest == 0.3 * exact


@pytest.mark.parametrize("n", [2, 30, 600, 5000])
def test_a_declared_smallest_singular_value_that_is_seen_not_to_hold_is_refused(n):
    with pytest.raises(ConfigError, match=r"smallest is 1\.5") as caught:
        _ = LinearSystem(laplacian(n), np.ones(n), smallest=1.5).smallest
    assert 2 - 2 * np.cos(np.pi / (n + 1)) <= caught.value.value * (1 + 1e-12) < 1.5
    assert "leave it out" in caught.value.remedy


def test_one_small_value_among_many_equal_ones_is_seen():
    weights = np.ones(2000)
    weights[1234] = 1e-3
    with pytest.raises(ConfigError) as caught:
        _ = LinearSystem(np.diag(weights), np.ones(2000), smallest=0.5).smallest
    assert caught.value.value == pytest.approx(1e-3, rel=0.05)


@pytest.mark.parametrize(
    ("matrix", "match"),
    [
        ([[1.0, 1.0], [1.0, 1.0]], "singular"),
        (with_zeros(600, 5), "row 5 is zero"),
        (with_zeros(600, None), "column 7 is zero"),
    ],
    ids=["dependent rows", "a zero row", "a zero column"],
)
def test_a_singular_matrix_is_refused_whatever_is_declared(matrix, match):
    n = len(matrix) if isinstance(matrix, list) else matrix.shape[0]
    with pytest.raises(ConfigError, match=match):
        _ = LinearSystem(matrix, np.ones(n), smallest=0.1).smallest


@pytest.mark.parametrize(("n", "held"), [(30, "held against the smallest one"), (600, "can only contradict")])
def test_what_is_declared_is_said_to_be(n, held):
    route = plan_qsvt(LinearSystem(2.5 * np.eye(n) + laplacian(n), np.ones(n), range(2), smallest=2.5), 0.3)
    assert "declared by the caller" in route.explain()
    assert held in route.explain()
