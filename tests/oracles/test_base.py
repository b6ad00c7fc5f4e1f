"""Sparse oracles: classical access against the matrix, circuits against classical access."""

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.circuit.simulate import simulate
from qgd_core.errors import ConfigError
from qgd_core.oracles.base import SparseOracle, from_matrix, shifted

RNG = np.random.default_rng(0)


def laplacian(label, column):
    inside = (column + np.array([0, 1, -1])[label] >= 0) & (column + np.array([0, 1, -1])[label] < 4)
    return np.where(inside, np.array([2.0, -1.0, -1.0])[label], 0.0)


MATRICES = {
    "random": RNG.standard_normal((4, 4)) * (RNG.random((4, 4)) < 0.6),
    "complex": RNG.standard_normal((4, 4)) + 1j * RNG.standard_normal((4, 4)),
    "one row": np.eye(4)[:, [2]] @ np.ones((1, 4)),
}


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_classical_access_is_the_matrix(matrix):
    oracle = from_matrix(sp.csr_array(matrix), 2)
    np.testing.assert_allclose(oracle.matrix.toarray(), matrix, rtol=0, atol=0)
    assert oracle.n_labels == max((matrix != 0).sum(axis=0).max(), (matrix != 0).sum(axis=1).max())


def test_computed_entries():
    oracle = shifted(2, (0, 1, -1), laplacian)
    np.testing.assert_allclose(
        oracle.matrix.toarray(), 2 * np.eye(4) - np.eye(4, k=1) - np.eye(4, k=-1), rtol=0, atol=0
    )
    assert shifted(60, (0, 1), lambda label, column: 1.0 + 0 * column).row(1, np.array(5)) == 6


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_entries_as_amplitudes(matrix):
    oracle = from_matrix(sp.csr_array(matrix), 2)
    m = oracle.label_qubits + 2
    values = oracle.tables[1].reshape(-1)
    for address in range(2**m):
        start = np.zeros(2 ** (m + 1), dtype=complex)
        start[2 * address] = 1
        found = simulate(oracle.entry().circuit, start)[2 * address]
        assert abs(found - values[address] / oracle.largest) < 1e-12


@pytest.mark.parametrize("bits", [2, 5])
def test_rounded_entries_stay_within_their_error(bits):
    oracle = from_matrix(sp.csr_array(MATRICES["random"]), 2)
    table, error = oracle.rounded_entry(bits)
    m = oracle.label_qubits + 2
    values = oracle.tables[1].reshape(-1)
    worst = 0.0
    for address in range(2**m):
        place = address << (1 + table.n_clean)
        start = np.zeros(2**table.circuit.n_qubits, dtype=complex)
        start[place] = 1
        worst = max(worst, abs(simulate(table.circuit, start)[place] * oracle.largest - values[address]))
    assert error / 50 < worst <= error


def test_bad_oracles_are_refused():
    clash = SparseOracle(2, 1, lambda label, column: 0 * column, lambda label, column: 1.0 + 0 * column)
    nan = SparseOracle(2, 1, lambda label, column: column, lambda label, column: np.nan * column)
    outside = SparseOracle(2, 1, lambda label, column: column + 1, lambda label, column: 1.0 + 0 * column)
    for oracle in (clash, nan, outside, shifted(30, (0,), laplacian)):
        with pytest.raises(ConfigError):
            _ = oracle.tables
    with pytest.raises(ConfigError, match="differ"):
        shifted(2, (0, 4), laplacian)
    with pytest.raises(ConfigError, match="bits"):
        from_matrix(sp.csr_array(np.eye(4)), 2).rounded_entry(1)
