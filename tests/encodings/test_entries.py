"""FABLE, Pauli and sparse encodings against the matrix itself, by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.circuit.simulate import simulate
from qgd_core.encodings.base import padded
from qgd_core.encodings.fable import encode_fable
from qgd_core.encodings.pauli import encode_pauli
from qgd_core.encodings.sparse import encode_sparse
from qgd_core.oracles.colouring import colour_edges

METHODS = {"fable": encode_fable, "pauli": encode_pauli, "sparse": encode_sparse}
RNG = np.random.default_rng(0)
CASES = {
    "scalar": np.array([[-0.3]]),
    "dense": RNG.standard_normal((4, 4)),
    "padded": RNG.standard_normal((3, 3)),
    "one row": np.eye(4)[:, [0]] @ np.array([[1.0, -2.0, 0.0, 3.0]]),
    "one entry": np.diag([0.0, 0.0, -5.0, 0.0]),
    "permutation": np.eye(8)[[3, 0, 7, 1, 2, 6, 5, 4]] * np.array([1, -1, 1, 1, -1, -1, 1, 1.0]),
    "rank deficient": np.outer([1.0, 2.0, -1.0, 0.0], [0.5, 0.0, 4.0, 1.0]),
    "reducible": np.kron(np.diag([1.0, 1e-3]), np.array([[1.0, -2.0], [0.5, 1.0]])),
    "badly scaled": np.diag([1e6, 1.0, 1e-6, 1e-12]) @ RNG.standard_normal((4, 4)),
    "sparse": RNG.standard_normal((8, 8)) * (RNG.random((8, 8)) < 0.3),
}


@pytest.mark.parametrize("encode", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("matrix", CASES.values(), ids=CASES)
def test_contract(encode, matrix, check):
    check(encode(*padded(matrix)), matrix)


def test_alphas():
    matrix = RNG.standard_normal((4, 4))
    assert encode_fable(*padded(matrix)).alpha == pytest.approx(4 * np.abs(matrix).max(), rel=1e-14)
    assert encode_sparse(*padded(matrix)).alpha == pytest.approx(np.linalg.norm(np.abs(matrix), 2), rel=1e-9)
    x, z = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
    strings = 0.5 * np.kron(x, z) - 0.25 * np.kron(x @ z, np.eye(2)) + 2 * np.eye(4)
    assert encode_pauli(*padded(strings)).alpha == pytest.approx(2.75, rel=1e-14)


def test_compression_states_its_error(check):
    matrix = np.cos(np.add.outer(np.arange(8), 0.9 * np.arange(8)))
    full, short = encode_fable(*padded(matrix)), encode_fable(*padded(matrix), cutoff=0.03)
    assert short.cost().two_qubit < full.cost().two_qubit
    assert short.eps < 0.2
    with pytest.raises(AssertionError):
        check(short, matrix)
    columns = []
    for j in range(8):
        start = np.zeros(2**7, dtype=complex)
        start[j] = 1
        columns.append(short.alpha * simulate(short.circuit(), start)[:8])
    assert np.linalg.norm(np.array(columns).T - matrix, 2) <= short.eps


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 12), density=st.floats(0.05, 1.0), seed=st.integers(0, 10_000))
def test_colours_are_proper_and_as_few_as_the_degree(n, density, seed):
    pattern = np.random.default_rng(seed).random((n, n)) < density
    pattern[0, 0] = True
    rows, columns = np.nonzero(pattern)
    colours = colour_edges(rows, columns)
    assert colours.max() < max(pattern.sum(axis=0).max(), pattern.sum(axis=1).max())
    assert len({*zip(rows, colours, strict=True)}) == rows.size
    assert len({*zip(columns, colours, strict=True)}) == rows.size


def test_unstructured_sparse_matrices_beat_the_register_pair_when_large():
    n, rng = 64, np.random.default_rng(1)
    matrix = sum(np.diag(rng.standard_normal(n))[rng.permutation(n)] for _ in range(4))
    encoding = encode_sparse(*padded(matrix))
    assert encoding.cost().two_qubit < 4200
    assert encoding.cost().two_qubit < 2 * n * n
