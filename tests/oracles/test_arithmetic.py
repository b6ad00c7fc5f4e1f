"""Matrices by formula: classical access and circuits against dense matrices."""

import time

import numpy as np
import pytest

from qgd_core.circuit.simulate import simulate
from qgd_core.encodings.sparse_access import from_oracle
from qgd_core.errors import ConfigError
from qgd_core.oracles.arithmetic import masked, permuted, stencil

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


def test_two_to_the_forty_rows_build_at_once():
    began = time.process_time()
    for oracle, most in (
        (stencil(HEAT, 40), 1200),
        (masked([123456789012, 3, 77], [1.0, 0.2, 0.3], 40), 50),
        (permuted([3, 1], [1.0, 0.5], 40), 6000),
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
        lambda: stencil(HEAT, 2).rounded_entry(4),
    ],
)
def test_bad_formulas_are_refused(make):
    with pytest.raises(ConfigError):
        make()
