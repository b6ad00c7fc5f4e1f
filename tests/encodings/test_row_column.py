"""The register-pair encoding against the matrix itself, by simulation."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.encodings.base import padded
from qgd_core.encodings.row_column import encode_row_column


def encode(matrix):
    return encode_row_column(*padded(matrix))


def random_sparse(n, density, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n)) * (rng.random((n, n)) < density)
    matrix[rng.integers(n), rng.integers(n)] = 1.0
    return matrix


CASES = {
    "scalar": np.array([[-0.3]]),
    "dense": random_sparse(4, 1.0, 0),
    "one row": np.eye(4)[:, [0]] @ np.array([[1.0, -2.0, 0.0, 3.0]]),
    "one column": np.array([[1.0], [-2.0], [0.0], [3.0]]) @ np.eye(4)[[2]],
    "one entry": np.diag([0.0, 0.0, -5.0]),
    "identity": np.eye(4),
    "shift": np.eye(4, k=1),
    "rank deficient": np.outer([1.0, 2.0, -1.0], [0.5, 0.0, 4.0]),
    "reducible": sp.block_diag([np.array([[1.0, -2.0], [0.5, 1.0]]), np.array([[1e-3, 2e-3], [0, 5e-4]])]),
    "triangular": np.triu(random_sparse(4, 1.0, 3)),
    "localised": np.diag([1.0, 1e-4, 1e-8, 1e-12]) + 1e-9 * np.eye(4, k=1),
    "badly scaled": np.diag([1e6, 1.0, 1e-6, 1e-12]) @ random_sparse(4, 1.0, 5),
    "badly scaled columns": random_sparse(4, 1.0, 6) @ np.diag([1e-12, 1e6, 1.0, 1e-3]),
}


@pytest.mark.parametrize("matrix", CASES.values(), ids=CASES)
def test_contract(matrix, check):
    check(encode(matrix), matrix)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 4), density=st.floats(0.1, 1.0), seed=st.integers(0, 10_000))
def test_contract_on_random_patterns(check, n, density, seed):
    matrix = random_sparse(n, density, seed)
    check(encode(matrix), matrix)


def test_alpha_is_the_norm_of_the_magnitudes():
    matrix = random_sparse(8, 0.6, 1) + np.eye(8)
    assert abs(encode(matrix).alpha - np.linalg.norm(np.abs(matrix), 2)) < 1e-9


def negated(encoding):
    builder = CircuitBuilder("negated", encoding.n_ancilla + encoding.n_system)
    builder.call(encoding.circuit(), range(builder.n_qubits))
    builder.gate("gphase", [], [np.pi])
    return replace(encoding, build=builder.build)


def transposed(encoding):
    return replace(encoding, build=encoding.circuit().adjoint)


def wrong_alpha(encoding):
    return replace(encoding, alpha=encoding.alpha * (1 + 1e-6))


def ancillas_last(encoding):
    a, n = encoding.n_ancilla, encoding.n_ancilla + encoding.n_system
    builder = CircuitBuilder("turned", n)
    builder.call(encoding.circuit(), [*range(encoding.n_system, n), *range(n - a)])
    return replace(encoding, build=builder.build)


@pytest.mark.parametrize("bug", [negated, transposed, wrong_alpha, ancillas_last])
def test_the_contract_catches_a_planted_bug(bug, check):
    matrix = random_sparse(4, 0.8, 2)
    with pytest.raises(AssertionError):
        check(bug(encode(matrix)), matrix)
