"""Matrices by formula: classical access and circuits against dense matrices."""

import time

import numpy as np
import pytest

from qgd_core.circuit.simulate import simulate
from qgd_core.encodings.sparse_access import from_oracle
from qgd_core.errors import ConfigError
from qgd_core.oracles import arithmetic
from qgd_core.oracles.arithmetic import banded, hashed, masked, permuted, stencil

HEAT = {-1: -1.0, 0: 2.0, 1: -1.5}


def diagonals(entries, n):
    return sum(value * np.eye(n, k=d) for d, value in entries.items())


def wrapped(entries, n):
    return sum(value * np.roll(np.eye(n), d, axis=1) for d, value in entries.items())


def by_rows(rows, values, n):
    whole = np.zeros((n, n), dtype=np.asarray(values).dtype)
    for row, value in zip(rows, values, strict=True):
        for j in range(n):
            whole[row(j), j] += value
    return whole


CASES = {
    "stencil": (stencil(HEAT, 2), diagonals(HEAT, 4)),
    "stencil of complex entries": (stencil({1: 1j, 0: 0.5}, 2), diagonals({1: 1j, 0: 0.5}, 4)),
    "two passes": (stencil({3: 0.5, 0: 1.0}, 2), diagonals({3: 0.5, 0: 1.0}, 4)),
    "one diagonal": (stencil({1: -2.0}, 2), -2 * np.eye(4, k=1)),
    "the main diagonal": (stencil({0: -2.0}, 2), -2 * np.eye(4)),
    "periodic": (stencil(HEAT, 2, periodic=True), wrapped(HEAT, 4)),
    "masks": (
        masked([5, 0, 3], [1.0, -0.5, 0.25], 3),
        by_rows([lambda j: j ^ 5, lambda j: j, lambda j: j ^ 3], [1.0, -0.5, 0.25], 8),
    ),
    "one mask": (masked([5], [1j], 3), by_rows([lambda j: j ^ 5], [1j], 8)),
    "product": (permuted([3], [2.0], 3), by_rows([lambda j: 3 * j % 8], [2.0], 8)),
    "affine": (
        permuted([3, 1, 7], [2.0, -1.0, 0.5], 3, [5, 2, 0]),
        by_rows([lambda j: (3 * j + 5) % 8, lambda j: (j + 2) % 8, lambda j: 7 * j % 8], [2.0, -1.0, 0.5], 8),
    ),
    "one affine": (permuted([5], [2.0], 3, [6]), by_rows([lambda j: (5 * j + 6) % 8], [2.0], 8)),
    "products": (
        permuted([1, 5, 7], [2.0, -1.0, 0.5], 3),
        by_rows([lambda j: j, lambda j: 5 * j % 8, lambda j: 7 * j % 8], [2.0, -1.0, 0.5], 8),
    ),
}


@pytest.mark.parametrize(("oracle", "matrix"), CASES.values(), ids=CASES)
def test_circuits_are_the_matrix_and_leave_clean_qubits_clean(oracle, matrix):
    np.testing.assert_allclose(oracle.matrix.toarray(), matrix, rtol=0, atol=0)
    encoding = from_oracle(oracle)
    circuit, n = encoding.circuit(), matrix.shape[0]
    for column in range(n):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[column] = 1.0
        found = encoding.alpha * simulate(circuit, start).reshape(-1, 2**encoding.restored, n)
        np.testing.assert_allclose(found[0, 0], matrix[:, column], rtol=0, atol=1e-12)
        assert np.abs(found[:, 1:]).max(initial=0.0) < 1e-12


def by_columns(formulas, n, *, periodic=False):
    """Diagonals d with a + b j + c j^2 in column j, written out."""
    whole = np.zeros((n, n))
    for d, formula in formulas.items():
        for j in range(n):
            if periodic or 0 <= j - d < n:
                whole[(j - d) % n, j] += sum(x * j**k for k, x in enumerate(formula))
    return whole


BANDED = {
    "one diagonal": ({0: [0.4, -0.9]}, 1, 2, False),
    "two": ({0: [1.0, -0.7], 1: [-0.5]}, 1, 1, False),
    "beside the main one": ({-1: [0.3, 0.4]}, 1, 2, False),
    "round": ({0: [-0.2], 1: [0.7, -0.4]}, 1, 1, True),
}


@pytest.mark.parametrize(("formulas", "n", "bits", "periodic"), BANDED.values(), ids=BANDED)
def test_computed_bands_are_the_matrix_within_their_error(formulas, n, bits, periodic):
    oracle, wanted = (
        banded(formulas, n, bits, periodic=periodic),
        by_columns(formulas, 2**n, periodic=periodic),
    )
    np.testing.assert_allclose(oracle.matrix.toarray(), wanted, rtol=0, atol=1e-15)
    encoding = from_oracle(oracle)
    circuit = encoding.circuit()
    found = np.zeros((2**encoding.restored, 2**n, 2**n), dtype=complex)
    for column in range(2**n):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[column] = 1.0
        found[:, :, column] = encoding.alpha * simulate(circuit, start).reshape(-1, *found.shape[:2])[0]
    assert np.linalg.norm(found[0] - wanted, 2) <= encoding.eps
    assert np.abs(found[1:]).max(initial=0.0) < 1e-12
    j = np.arange(2**n)
    largest = max(np.abs(sum(x * j**k for k, x in enumerate(one))).max() for one in formulas.values())
    assert encoding.eps <= len(formulas) * largest * 2.0**-bits / (1 - 2.0**-bits) + 1e-12


def test_the_entry_of_another_label_is_seen(monkeypatch):
    kept = arithmetic.compare_values
    monkeypatch.setattr(arithmetic, "compare_values", lambda *given: kept(*given)[::-1])
    formulas, n, _, _ = BANDED["two"]
    wanted, encoding = by_columns(formulas, 2**n), from_oracle(banded(formulas, n, 3))
    circuit = encoding.circuit()
    start = np.zeros(2**circuit.n_qubits, dtype=complex)
    start[0] = 1.0
    found = encoding.alpha * simulate(circuit, start)[: 2**n]
    assert np.abs(found - wanted[:, 0]).max() > encoding.eps


def test_a_hashed_mask_is_the_same_for_a_seed_and_has_every_value_once_a_column(check_columns):
    values = [0.5, -1.0, 0.25]
    oracle = hashed(values, 4, seed=3)
    dense = oracle.matrix.toarray()
    np.testing.assert_array_equal(dense, hashed(values, 4, seed=3).matrix.toarray())
    assert np.any(dense != hashed(values, 4, seed=4).matrix.toarray())
    np.testing.assert_allclose(dense.sum(axis=0), sum(values), rtol=0, atol=1e-15)
    np.testing.assert_allclose(dense.sum(axis=1), sum(values), rtol=0, atol=1e-15)
    check_columns(from_oracle(oracle), dense, [0, 5, 15])


@pytest.fixture
def check_columns():
    def check(encoding, dense, columns):
        circuit = encoding.circuit()
        for column in columns:
            start = np.zeros(2**circuit.n_qubits, dtype=complex)
            start[column] = 1.0
            found = encoding.alpha * simulate(circuit, start)[: len(dense)]
            np.testing.assert_allclose(found, dense[:, column], rtol=0, atol=1e-12)

    return check


def test_two_to_the_forty_rows_build_at_once():
    began = time.process_time()
    for oracle, most in (
        (stencil(HEAT, 40), 1200),
        (masked([123456789012, 3, 77], [1.0, 0.2, 0.3], 40), 50),
        (permuted([3, 1], [1.0, 0.5], 40), 6000),
        (hashed([1.0, -0.5], 40, seed=0), 300_000),
        (banded({0: [2.0, 1e-9], 1: [-1.0, -1e-9]}, 40, 8), 20_000),
    ):
        assert from_oracle(oracle).two_qubit <= most
    assert time.process_time() - began < 1


def test_the_operator_of_a_large_size_is_the_matrix_of_a_small_one(monkeypatch):
    for oracle, matrix in (CASES["stencil of complex entries"], CASES["products"]):
        with monkeypatch.context() as patch:
            patch.setattr("qgd_core.encodings.sparse_access._ASSEMBLED", 1)
            operator = from_oracle(oracle).target
        n = matrix.shape[0]
        np.testing.assert_allclose(operator @ np.eye(n), matrix, rtol=0, atol=1e-15)
        np.testing.assert_allclose(operator.H @ np.eye(n), matrix.conj().T, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "make",
    [
        lambda: stencil({}, 2),
        lambda: stencil({4: 1.0}, 2),
        lambda: stencil({0: np.nan}, 2),
        lambda: stencil({1: 1.0, -3: 1.0}, 2, periodic=True),
        lambda: masked([1, 1], [1.0, 2.0], 2),
        lambda: masked([4], [1.0], 2),
        lambda: masked([1, 2], [1.0], 2),
        lambda: permuted([2], [1.0], 2),
        lambda: permuted([1, 5], [1.0, 1.0], 2),
        lambda: permuted([1], [0.0], 2),
        lambda: permuted([1, 3], [1.0, 1.0], 2, [1]),
        lambda: permuted([1, 1], [1.0, 1.0], 2, [1, 5]),
        lambda: hashed([np.nan], 3, seed=0),
        lambda: hashed(np.ones(3), 1, seed=0),
        lambda: banded({}, 2, 3),
        lambda: banded({0: [1.0, np.inf]}, 2, 3),
        lambda: banded({4: [1.0]}, 2, 3),
        lambda: banded({0: [1.0]}, 2, 0),
        lambda: stencil(HEAT, 2).rounded_entry(4),
    ],
)
def test_bad_formulas_are_refused(make):
    with pytest.raises(ConfigError):
        make()
