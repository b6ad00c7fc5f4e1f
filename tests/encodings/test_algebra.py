"""The algebra of encodings against dense matrix algebra."""

import time

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.encodings import action
from qgd_core.encodings.algebra import combine
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.toeplitz import toeplitz
from qgd_core.errors import ConfigError

RNG = np.random.default_rng(0)
A, B, C = (RNG.standard_normal((2, 2)) for _ in range(3))
BAND = np.diag([1.0, 2.0, -1.0, 0.5]) + np.eye(4, k=1)
SHIFT = np.eye(4) - 0.5 * np.eye(4, k=1)


def encode(matrix):
    return block_encode(matrix, "row_column")


OPERATIONS = {
    "sum": (lambda: encode(A) + encode(B), A + B),
    "difference": (lambda: encode(A) - encode(B), A - B),
    "product": (lambda: encode(A) @ encode(B), A @ B),
    "negative": (lambda: -encode(A), -A),
    "multiple": (lambda: 2.5 * encode(A), 2.5 * A),
    "complex multiple": (lambda: encode(A) * (1 - 2j), (1 - 2j) * A),
    "kron": (lambda: encode(A).kron(encode(B)), np.kron(A, B)),
    "kron sum": (lambda: encode(A).kron_sum(encode(B)), np.kron(A, np.eye(2)) + np.kron(np.eye(2), B)),
    "adjoint": (lambda: ((1 + 1j) * encode(A)).adjoint(), (1 - 1j) * A.T),
    "three terms": (
        lambda: combine([encode(A), encode(B), encode(C)], [1.0, -2.0, 1j]), A - 2 * B + 1j * C),
    "nested": (lambda: (encode(A) + encode(B)) @ encode(C), (A + B) @ C),
    "with carries": (lambda: toeplitz({0: 1.0, 1: -0.5}, 2) + block_encode(BAND, "band"), SHIFT + BAND),
    "product with carries": (lambda: toeplitz({0: 1.0, 1: -0.5}, 2) @ block_encode(BAND, "band"), SHIFT @ BAND),
}  # fmt: skip


@pytest.mark.parametrize(("make", "matrix"), OPERATIONS.values(), ids=OPERATIONS)
def test_contract(make, matrix, check):
    check(make(), matrix)


def test_alphas_add_and_multiply():
    a, b = encode(A), encode(B)
    assert (a + b).alpha == pytest.approx(a.alpha + b.alpha, rel=1e-14)
    assert (a @ b).alpha == pytest.approx(a.alpha * b.alpha, rel=1e-14)
    assert a.kron_sum(b).alpha == pytest.approx(a.alpha + b.alpha, rel=1e-14)
    assert (a @ b).n_ancilla == a.n_ancilla + b.n_ancilla
    assert (a + b).n_ancilla == 1 + max(a.n_ancilla, b.n_ancilla)
    assert a.controlled([0]).n_qubits == 1 + a.circuit().n_qubits


COMPLEX = {
    "random": RNG.standard_normal((2, 2)) + 1j * RNG.standard_normal((2, 2)),
    "imaginary": 1j * BAND,
    "hermitian": sp.csr_array(BAND + BAND.T + 1j * (np.eye(4, k=1) - np.eye(4, k=-1))),
    "real in disguise": BAND + 0j,
}


@pytest.mark.parametrize("method", ["auto", "svd"])
@pytest.mark.parametrize("matrix", COMPLEX.values(), ids=COMPLEX)
def test_complex_matrices(matrix, method, check):
    check(block_encode(matrix, method), matrix)


def test_wrong_partners_are_refused():
    with pytest.raises(ConfigError, match="one size"):
        encode(A) + block_encode(BAND)
    with pytest.raises(ConfigError, match="cannot be multiplied"):
        encode(A) @ block_encode(BAND)
    with pytest.raises(ConfigError, match="multiplied by"):
        encode(A) * 0.0
    with pytest.raises(ConfigError, match="not zero"):
        combine([encode(A), encode(B)], [1.0, np.nan])


@pytest.mark.parametrize("complex_part", [0.0, 0.5j], ids=["real", "complex"])
def test_kronecker_products_of_operators_are_never_assembled(complex_part, monkeypatch):
    left, right = encode(A + complex_part * B), block_encode(BAND)
    for make in (lambda: left.kron(right), lambda: left.kron_sum(right)):
        dense = make().target.toarray()
        with monkeypatch.context() as patch:
            patch.setattr(action, "_ASSEMBLED", 2)
            acting = make().target
        assert isinstance(acting, LinearOperator)
        np.testing.assert_allclose(acting @ np.eye(8), dense, rtol=0, atol=1e-14)
        np.testing.assert_allclose(acting.H @ np.eye(8), dense.conj().T, rtol=0, atol=1e-14)


def test_a_kronecker_sum_of_two_to_the_forty_rows_is_built_at_once():
    began = time.process_time()
    laplacian = toeplitz({-1: -1.0, 0: 2.0, 1: -1.0}, 20)
    both = laplacian.kron_sum(laplacian)
    assert (both.n_system, both.alpha) == (40, 8.0)
    assert both.target.shape == (2**40, 2**40)
    assert time.process_time() - began < 1


def test_large_operators_add_without_being_assembled():
    total = toeplitz({0: 1.0, 1: 0.5}, 24) + toeplitz({-1: 0.25}, 24)
    x = np.zeros(2**24)
    x[5] = 1.0
    found = total.target @ x
    assert [found[k] for k in (4, 5, 6)] == [0.5, 1.0, 0.25]
