"""Constant-coefficient encodings against dense Toeplitz and circulant matrices."""

import time

import numpy as np
import pytest
from scipy.linalg import circulant

from qgd_core.encodings.base import padded
from qgd_core.encodings.toeplitz import constant_diagonals, encode_toeplitz, toeplitz
from qgd_core.errors import ConfigError

CASES = {
    "tridiagonal": {-1: -1.0, 0: 2.0, 1: -1.0},
    "skewed": {-1: 0.3, 0: -2.0, 1: 0.5, 3: 0.1},
    "five": {-2: 0.1, -1: -1.0, 0: 2.0, 1: -1.0, 2: -0.2},
    "advection": {-1: 1.0, 1: -1.0},
    "one": {3: -2.0},
    "minus identity": {0: -1.0},
    "far": {-7: 1.0, 5: 2.0, 0: 0.1},
    "all minus": {0: -1.0, 1: -2.0, -1: -0.5},
}


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("diagonals", CASES.values(), ids=CASES)
def test_contract(diagonals, periodic, check):
    n = 8
    if periodic:
        column = np.zeros(n)
        for d, value in diagonals.items():
            column[-d % n] += value
        matrix = circulant(column)
    else:
        matrix = sum(value * np.eye(n, k=d) for d, value in diagonals.items())
    encoding = toeplitz(diagonals, 3, periodic=periodic)
    check(encoding, matrix)
    assert abs(encoding.alpha - sum(map(abs, diagonals.values()))) < 1e-14


@pytest.mark.parametrize(("diagonals", "limit"), [(CASES["tridiagonal"], 200), (CASES["five"], 210)])
def test_a_million_rows_cost_about_nine_cx_a_qubit(diagonals, limit):
    encoding = toeplitz(diagonals, 20)
    assert encoding.cost().two_qubit <= limit
    assert encoding.cost().two_qubit == encoding.two_qubit


def test_two_to_the_forty_rows_build_at_once():
    began = time.process_time()
    encoding = toeplitz(CASES["tridiagonal"], 40)
    assert encoding.cost().two_qubit < 400
    assert time.process_time() - began < 1


def test_the_operator_of_a_large_size_is_the_matrix_of_a_small_one(monkeypatch):
    for periodic in (False, True):
        dense = toeplitz(CASES["skewed"], 4, periodic=periodic).target.toarray()
        with monkeypatch.context() as patch:
            patch.setattr("qgd_core.encodings.toeplitz._ASSEMBLED", 3)
            operator = toeplitz(CASES["skewed"], 4, periodic=periodic).target
        np.testing.assert_allclose(operator @ np.eye(16), dense, rtol=0, atol=1e-15)
        np.testing.assert_allclose(operator.H @ np.eye(16), dense.T, rtol=0, atol=1e-15)


def test_constant_diagonals_are_recognised():
    assert constant_diagonals(padded(np.eye(8, k=1) - np.eye(8))[0]) == ({0: -1.0, 1: 1.0}, False)
    assert constant_diagonals(padded(circulant([1.0, 2.0, 0.0, 0.0]))[0]) == ({0: 1.0, 3: 2.0}, True)
    assert constant_diagonals(padded(np.diag([1.0, 2.0]))[0]) is None
    with pytest.raises(ConfigError, match="not constant"):
        encode_toeplitz(*padded(np.diag([1.0, 2.0])))


@pytest.mark.parametrize("diagonals", [{}, {0: 0.0}, {0: np.nan}, {8: 1.0}])
def test_bad_diagonals_are_refused(diagonals):
    with pytest.raises(ConfigError):
        toeplitz(diagonals, 3)
