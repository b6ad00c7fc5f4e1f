import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.classical import direct, krylov, smallest_singular_value, upper_norm
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
