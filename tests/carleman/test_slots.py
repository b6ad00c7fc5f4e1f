"""Products with the slots of a tensor, by scipy and by compiled kernels, against dense contractions."""

import importlib
import time
from itertools import combinations_with_replacement, permutations

import numpy as np
import pytest
from scipy import sparse

from qgd_core.carleman import slots

SIZES = (1, 2, 7, 8, 9, 16, 21, 63, 64, 65, 71)


def sparse_matrix(rng, rows, columns):
    """About four entries a row; the first row is empty, the last one full."""
    dense = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < 4 / columns)
    dense[0] = 0.0
    dense[-1] = rng.standard_normal(columns) / columns
    return sparse.csr_array(dense)


def contract(dense, tensor, slot):
    return np.moveaxis(np.tensordot(dense, tensor, (1, slot)), 0, slot)


def expected_power(dense, tensor, product):
    """A in every slot, or the sum of A in each."""
    parts = [contract(dense, tensor, slot) for slot in range(tensor.ndim)]
    if not product:
        return sum(parts)
    for slot in range(tensor.ndim):
        tensor = contract(dense, tensor, slot)
    return tensor


def symmetric_coordinates(tensor):
    """One coordinate per sorted tuple: the entry times the square root of the number of its distinct orderings."""
    tuples = list(combinations_with_replacement(range(tensor.shape[0]), tensor.ndim))
    orderings = [len(set(permutations(indices))) for indices in tuples]
    return tensor[tuple(np.array(tuples).T)] * np.sqrt(orderings)


def run(apply, *arguments):
    """The product twice in one workspace, the second time in memory full of NaN, none of which may come through."""
    *arguments, z, product = arguments
    workspace, first, second = slots.Workspace(), np.full_like(z, np.nan), np.full_like(z, np.nan)
    apply(*arguments, z, first, product, workspace)
    for spare in workspace.spare.values():
        for memory in spare:
            memory[:] = np.nan
    apply(*arguments, z, second, product, workspace)
    np.testing.assert_array_equal(first, second)
    return second


@pytest.fixture(params=[1, 2, 3])
def threads(request, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(request.param))
    assert slots.thread_count() == request.param


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("product", [True, False])
@pytest.mark.parametrize("n", [*SIZES, 200, 521])
def test_pairs_of_symmetric_slots_equal_dense_products(n, product):
    rng = np.random.default_rng(n)
    matrix, x = sparse_matrix(rng, n, n), rng.standard_normal((n, n))
    x = x + x.T
    upper = np.triu_indices(n)
    weights = np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))
    got = run(slots.apply_symmetric_pair, matrix, x[upper] * weights, product)
    dense = matrix.toarray()
    wanted = dense @ x @ dense.T if product else dense @ x + x @ dense.T
    np.testing.assert_allclose(got, wanted[upper] * weights, rtol=0, atol=1e-13 * max(1.0, abs(wanted).max()))


@pytest.mark.parametrize("product", [True, False])
@pytest.mark.parametrize("n", [64, 130, 521])
def test_products_do_not_depend_on_the_number_of_threads(monkeypatch, n, product):
    """Bit by bit, with more threads than panels of 64 columns too."""
    rng = np.random.default_rng(n)
    matrix, z = sparse_matrix(rng, n, n), rng.standard_normal(n * (n + 1) // 2)
    results = []
    for threads in (1, 2, 3, 12):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        results.append(run(slots.apply_symmetric_pair, matrix, z, product))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("slow", [0, 3, 8])
def test_a_sum_waits_for_the_columns_it_takes_from(monkeypatch, slow):
    """One panel of 64 columns takes longer than all others together."""
    rng = np.random.default_rng(slow)
    matrix, z = sparse_matrix(rng, 521, 521), rng.standard_normal(521 * 261)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    wanted = run(slots.apply_symmetric_pair, matrix, z, False)
    kernels = importlib.import_module("qgd_core.carleman.symmetric_kernels")
    fast = kernels.sum_panel

    def sum_panel(*arguments):
        if arguments[7] == 64 * slow:
            time.sleep(0.05)
        fast(*arguments)

    monkeypatch.setattr(kernels, "sum_panel", sum_panel)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    np.testing.assert_array_equal(run(slots.apply_symmetric_pair, matrix, z, False), wanted)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("product", [True, False])
@pytest.mark.parametrize("n", SIZES)
def test_triples_of_symmetric_slots_equal_dense_products(n, product):
    rng = np.random.default_rng(n)
    matrix, x = sparse_matrix(rng, n, n), rng.standard_normal((n, n, n))
    x = sum(x.transpose(order) for order in permutations(range(3)))
    z = symmetric_coordinates(x)
    got = run(slots.apply_symmetric_triple, matrix, z, product)
    wanted = symmetric_coordinates(expected_power(matrix.toarray(), x, product))
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-13 * max(1.0, abs(wanted).max()))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("product", [True, False])
@pytest.mark.parametrize(
    ("n", "degree"), [*((n, 2) for n in (*SIZES, 521)), *((n, 3) for n in SIZES), (5, 4), (9, 4), (3, 5)]
)
def test_powers_of_a_matrix_equal_dense_products(n, degree, product):
    rng = np.random.default_rng(n)
    matrix, z = sparse_matrix(rng, n, n), rng.standard_normal(n**degree)
    got = run(slots.apply_power, matrix, degree, z, product)
    wanted = expected_power(matrix.toarray(), z.reshape((n,) * degree), product).ravel()
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-13 * max(1.0, abs(wanted).max()))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "shape", [(1, 30, 1), (40, 7, 1), (3, 30, 70), (50, 9, 9), (1, 600, 65), (2, 3, 200)]
)
def test_a_slot_equals_a_dense_contraction(monkeypatch, shape, compiled):
    """Of matrices with more entries than columns and with fewer, rows and columns of any number."""
    monkeypatch.setattr(slots, "LARGE", 1)
    monkeypatch.setattr(slots, "installed", lambda: compiled)
    rng = np.random.default_rng(shape[1])
    tensor = rng.standard_normal(shape)
    for rows, kept in ((shape[1], 1.0), (11, 1.0), (530, 0.3), (4, 2 / shape[1])):
        dense = rng.standard_normal((rows, shape[1])) * (rng.random((rows, shape[1])) < kept)
        got = slots.apply_slot(sparse.csr_array(dense), tensor)
        np.testing.assert_allclose(got, np.einsum("pq,bqa->bpa", dense, tensor), rtol=0, atol=1e-12)


def test_memory_that_is_given_back_is_lent_again_and_starts_where_a_vector_may():
    workspace = slots.Workspace()
    with workspace.borrow(100) as one, workspace.borrow(100) as two:
        assert not np.shares_memory(one, two)
        assert one.size == two.size == 100
        assert one.ctypes.data % 64 == two.ctypes.data % 64 == 0
    with workspace.borrow(100) as again:
        assert again is two or again is one


def test_without_numba_or_below_its_size_nothing_is_compiled(monkeypatch):
    assert slots.installed()
    assert not slots.is_compiled(slots.LARGE - 1)
    assert slots.is_compiled(slots.LARGE)
    monkeypatch.setattr(slots, "installed", lambda: False)
    assert not slots.is_compiled(1 << 40)
