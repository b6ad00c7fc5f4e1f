"""Assembly row by row, at sizes where rows are written straight into place, against Kronecker products."""

import time
from functools import reduce
from itertools import product

import numpy as np
import pytest
from scipy import sparse

from qgd_core.carleman import assemble, rows
from qgd_core.carleman.blocks import continuous_matrix
from qgd_core.carleman.discrete import discrete_matrix
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.products import Products
from qgd_core.dynamics.polynomial import PolynomialField


def sparse_map(n, degrees, seed=0, per_row=4):
    """Random maps; variables 0 and 1 share all columns of their linear part, so some products meet."""
    rng, parts = np.random.default_rng(seed), {}
    for k in degrees:
        rows, columns = np.repeat(np.arange(n), per_row), rng.integers(0, n**k, per_row * n)
        if k == 1:
            columns[per_row : 2 * per_row] = columns[:per_row]
        parts[k] = sparse.coo_array((rng.uniform(0.5, 1.5, per_row * n), (rows, columns)), shape=(n, n**k))
    return PolynomialField(parts)


def kronecker_matrix(update, order):
    n, blocks = update.n, {}
    for j in range(1, order + 1):
        for degrees in product(update.coefficients, repeat=j):
            if 1 <= sum(degrees) <= order:
                term = reduce(sparse.kron, (update.coefficients[k] for k in degrees)).tocsr()
                blocks[j, sum(degrees)] = blocks.get((j, sum(degrees)), 0 * term) + term
    rows = [
        [blocks.get((j, d), sparse.csr_array((n**j, n**d))) for d in range(1, order + 1)]
        for j in range(1, order + 1)
    ]
    return sparse.block_array(rows, format="csr")


def isometry(n, order):
    """From symmetric to Kronecker coordinates, by sorting every index tuple."""
    parts = []
    for j in range(1, order + 1):
        tuples = sorted({tuple(sorted(t)) for t in product(range(n), repeat=j)})
        place = {t: i for i, t in enumerate(tuples)}
        position = np.array([place[tuple(sorted(t))] for t in product(range(n), repeat=j)])
        weight = 1.0 / np.sqrt(np.bincount(position))[position]
        parts.append(sparse.csr_array((weight, (np.arange(position.size), position))))
    return sparse.block_diag(parts, format="csr")


def in_parts(monkeypatch, large, threads):
    """Compile from so many entries on, in so many threads, whose entries move 7 at a time."""
    monkeypatch.setattr(assemble, "LARGE", large)
    monkeypatch.setattr(assemble, "MOVED", 7)
    monkeypatch.setattr(assemble, "SHARE", 1)
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))


@pytest.mark.parametrize(
    ("short", "large", "threads"),
    [(1, 1 << 60, 1), (1 << 60, 1 << 60, 1), (1 << 60, 1, 1), (1 << 60, 1, 3)],
    ids=["straight", "merged", "compiled", "compiled, 3 threads"],
)
@pytest.mark.parametrize("kind", ["symmetric", "kronecker"])
@pytest.mark.parametrize(
    ("n", "order", "degrees"),
    [
        (150, 2, (1, 2)),
        (150, 2, (1,)),
        (40, 2, (0, 1, 2)),
        (24, 3, (1, 2)),
        (24, 3, (1,)),
        (30, 3, (2,)),
        (9, 3, (0, 2)),
        (5, 3, (0, 1, 2, 3)),
        (4, 5, (1, 3)),
    ],
)
def test_every_row_is_the_kronecker_product_and_no_column_repeats(
    monkeypatch, n, order, degrees, kind, short, large, threads
):
    monkeypatch.setattr(rows, "SHORT", short)
    in_parts(monkeypatch, large, threads)
    update, basis = sparse_map(n, degrees), Basis(n, order, kind)
    expected = kronecker_matrix(update, order)
    if kind == "symmetric":
        fold = isometry(n, order)
        expected = fold.T @ expected @ fold
    matrix = discrete_matrix(update, basis)
    check(matrix, expected)


def check(matrix, expected):
    gap = matrix - sparse.csr_array(expected)
    assert np.abs(gap.data).max(initial=0.0) < 1e-12
    matrix.sort_indices()
    assert matrix.has_canonical_format
    assert matrix.nnz == np.count_nonzero(matrix.data)


def kronecker_flow(field, order):
    """The sum over slots of identities around F_k."""
    n, one = field.n, sparse.eye_array(field.n, format="csr")
    rows = []
    for j in range(1, order + 1):
        blocks = [sparse.csr_array((n**j, n**d)) for d in range(1, order + 1)]
        for k, part in field.coefficients.items():
            for slot in range(j if 1 <= j - 1 + k <= order else 0):
                factors = [one] * slot + [part] + [one] * (j - 1 - slot)
                blocks[j - 2 + k] = blocks[j - 2 + k] + reduce(sparse.kron, factors).tocsr()
        rows.append(blocks)
    return sparse.block_array(rows, format="csr")


@pytest.mark.parametrize(
    ("large", "threads"),
    [(1 << 60, 1), (1, 1), (1, 4)],
    ids=["by blocks", "compiled", "compiled, 4 threads"],
)
@pytest.mark.parametrize(
    ("n", "order", "degrees"),
    [
        (60, 2, (1, 2)),
        (30, 2, (0, 1, 2)),
        (12, 3, (0, 1, 2, 3)),
        (4, 5, (0, 1, 3)),
        (2, 4, (1, 2)),
        (7, 1, (1,)),
    ],
)
def test_every_row_of_a_flow_is_the_sum_over_slots(monkeypatch, n, order, degrees, large, threads):
    in_parts(monkeypatch, large, threads)
    field, basis, fold = sparse_map(n, degrees), Basis(n, order), isometry(n, order)
    assert assemble.is_compiled(field, basis, discrete=False) == (large == 1)
    check(continuous_matrix(field, basis), fold.T @ kronecker_flow(field, order) @ fold)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("n", "order"), [(20, 2), (9, 3), (4, 5), (2, 9)])
def test_slots_of_a_flow_meet_where_polynomials_have_their_own_variable(monkeypatch, n, order, threads):
    in_parts(monkeypatch, 1, threads)
    rng, parts = np.random.default_rng(n), {0: np.arange(n) % 2.0, 1: np.eye(n)}
    parts[1][0] = rng.uniform(0.5, 1.5, n)
    for k in (2, 3):
        parts[k] = np.zeros((n, *[n] * k))
        for own in range(n):
            for _ in range(4):
                parts[k][own, own, *rng.integers(0, n, k - 1)] += rng.uniform(0.5, 1.5)
                parts[k][own, *rng.integers(0, n, k)] += rng.uniform(0.5, 1.5)
        parts[k] = parts[k].reshape(n, -1)
    field, basis, fold = PolynomialField(parts), Basis(n, order), isometry(n, order)
    check(continuous_matrix(field, basis), fold.T @ kronecker_flow(field, order) @ fold)


def test_cancelled_slots_of_a_flow_are_dropped_when_compiled(monkeypatch):
    """u_0' = u_0 + u_1^2, u_1' = -u_1 + u_0: u_0 u_1 does not change by itself."""
    in_parts(monkeypatch, 1, 1)
    field = PolynomialField({1: [[1.0, 0.0], [1.0, -1.0]], 2: [[0.0, 0.0, 0.0, 1.0], [0.0] * 4]})
    matrix, fold = continuous_matrix(field, Basis(2, 3)), isometry(2, 3)
    assert matrix[[3], :].toarray()[0, 3] == 0.0
    check(matrix, fold.T @ kronecker_flow(field, 3) @ fold)


@pytest.mark.parametrize("form", ["discrete", "continuous"])
@pytest.mark.parametrize(("n", "order"), [(60, 2), (3, 9)])
def test_parts_are_of_about_as_many_entries(monkeypatch, n, order, form):
    in_parts(monkeypatch, 1, 4)
    found = []
    split = assemble._split
    monkeypatch.setattr(assemble, "_split", lambda *a: found.append(split(*a)) or found[-1])
    build = discrete_matrix if form == "discrete" else continuous_matrix
    matrix = build(sparse_map(n, (1, 2)), Basis(n, order))
    parts, begins = found[-1]
    assert [first for first, _ in parts[1:]] == [last for _, last in parts[:-1]]
    assert np.diff(begins).max() <= np.diff(begins).mean() + 2 * np.diff(matrix.indptr).max()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_cancelled_products_are_dropped_when_compiled(monkeypatch, threads):
    """(u_0 + u_1)(u_0 - u_1) has no u_0 u_1."""
    in_parts(monkeypatch, 1, threads)
    matrix = discrete_matrix(PolynomialField({1: [[1.0, 1.0], [1.0, -1.0]]}), Basis(2, 2))
    expected = [[1, np.sqrt(2), 1], [np.sqrt(2), 0, -np.sqrt(2)], [1, -np.sqrt(2), 1]]
    np.testing.assert_allclose(matrix.toarray()[2:, 2:], expected, rtol=0, atol=1e-15)
    assert matrix.nnz == 4 + 8


def test_without_numba_nothing_is_compiled(monkeypatch):
    update, basis = sparse_map(150, (1, 2)), Basis(150, 2)
    assert assemble.is_compiled(update, basis, discrete=True)
    monkeypatch.setattr(assemble, "installed", lambda: False)
    assert not assemble.is_compiled(update, basis, discrete=True)


@pytest.mark.parametrize("kind", ["symmetric", "kronecker"])
def test_the_tables_hold_products_of_variables_and_coordinates(kind):
    basis = Basis(4, 3, kind)
    products, u = Products(basis), np.array([0.3, -0.7, 1.1, 0.4])
    z = np.append(1.0, basis.lift(u))
    low = products.lower
    for c in range(4):
        places = products.places[c * low : (c + 1) * low]
        weights = products.weights[c * low : (c + 1) * low]
        np.testing.assert_allclose(weights * z[places], u[c] * z[:low], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(products.places[4 * low :], np.arange(z.size))


def test_a_map_that_forgets_everything_has_no_entries():
    assert discrete_matrix(PolynomialField({1: np.zeros((2, 2))}), Basis(2, 2)).nnz == 0
    constant = discrete_matrix(PolynomialField({0: [1.0, 2.0], 1: np.zeros((2, 2))}), Basis(2, 2))
    assert constant.nnz == 0


def test_a_dense_block_of_64_variables_at_order_2_takes_seconds():
    rng, n, start = np.random.default_rng(0), 64, time.process_time()
    parts = {k: rng.standard_normal((n, n**k)) for k in range(3)}
    matrix = discrete_matrix(PolynomialField(parts), Basis(n, 2))
    assert time.process_time() - start < 10.0
    # The row of u_0 u_1 at the column of u_2^2, by hand; weights sqrt(2) over 1.
    f0, f1 = parts[0][:, 0], parts[1]
    square = parts[2].reshape(n, n, n)[:, 2, 2]
    expected = np.sqrt(2) * (f1[0, 2] * f1[1, 2] + f0[0] * square[1] + f0[1] * square[0])
    column = 64 + Basis(n, 2).rank(np.array([[2], [2]]))[0]
    assert matrix[[65], :].toarray()[0, column] == pytest.approx(expected, rel=1e-12)
