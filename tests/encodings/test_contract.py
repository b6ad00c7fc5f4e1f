"""Every method on every kind of matrix, real and complex, by simulation; and the check itself against planted bugs."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.carleman.system import carleman
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.choose import ENCODINGS, block_encode


def rounded(rng, shape, phased):
    entries = np.round(rng.standard_normal(shape), 3)
    return entries + 1j * np.round(rng.standard_normal(shape), 3) if phased else entries


def carleman_with_source(rng, n, phased):
    """The continuous Carleman matrix of a field with F0: products with it stand below the diagonal."""
    field = PolynomialField({0: rng.standard_normal((1, 1)), 1: [[-1.0]], 2: rng.standard_normal((1, 1))})
    dense = carleman(field, order=2, form="continuous").matrix.toarray()
    return dense * (np.exp(0.3j) if phased else 1.0)


KINDS = {
    "random": lambda rng, n, phased: rounded(rng, (n, n), phased),
    "hermitian": lambda rng, n, phased: (lambda a: a @ a.conj().T)(rounded(rng, (n, n), phased)),
    "reducible": lambda rng, n, phased: np.kron(np.diag([1.0, 1e-3]), rounded(rng, (2, 2), phased)),
    "triangular": lambda rng, n, phased: np.triu(rounded(rng, (n, n), phased)),
    "localised": lambda rng, n, phased: np.diag(10.0 ** -np.arange(0, 3 * n, 3)) + 1e-4 * rounded(rng, (n, n), phased),
    "rank deficient": lambda rng, n, phased: np.outer(rounded(rng, n, phased), rounded(rng, n, phased)),
    "one row": lambda rng, n, phased: np.eye(n)[:, [n - 1]] @ rounded(rng, (1, n), phased),
    "one column": lambda rng, n, phased: rounded(rng, (n, 1), phased) @ np.eye(n)[[0]],
    "one entry": lambda rng, n, phased: np.eye(n)[:, [n - 1]] @ np.eye(n)[[0]] * rounded(rng, (), phased),
    "permutation": lambda rng, n, phased: np.eye(n)[rng.permutation(n)] * rounded(rng, n, phased),
    "badly scaled": lambda rng, n, phased: np.diag(10.0 ** rng.integers(-12, 7, n)) @ rounded(rng, (n, n), phased),
    "constant diagonals": lambda rng, n, phased: sum(rounded(rng, (), phased) * np.eye(n, k=k) for k in (-1, 0, 2)),
    "carleman, F0 not zero": carleman_with_source,
}  # fmt: skip


def suits(method, matrix):
    if method == "toeplitz":
        return len(matrix) in (2, 4) and all(
            np.ptp(np.diagonal(matrix, k)) == 0 for k in range(1 - len(matrix), len(matrix))
        )
    if method == "symmetric":
        return np.array_equal(matrix, matrix.conj().T) and np.diagonal(matrix).real.min() >= 0
    return True


@settings(max_examples=8, deadline=None)
@given(
    kind=st.sampled_from(list(KINDS)), n=st.integers(2, 4), phased=st.booleans(), seed=st.integers(0, 10_000)
)
@pytest.mark.parametrize("method", ENCODINGS)
def test_contract(method, check, kind, n, phased, seed):
    matrix = KINDS[kind](np.random.default_rng(seed), n, phased)
    if np.any(matrix) and suits(method, matrix):
        scale = np.abs(matrix).max()
        check(block_encode(matrix, method), matrix, 1e-10 * max(1.0, scale))


@pytest.mark.parametrize("phased", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_automatic_choice_on_every_kind(kind, phased, check):
    matrix = KINDS[kind](np.random.default_rng(5), 3, phased)
    check(block_encode(matrix), matrix, 1e-10 * max(1.0, np.abs(matrix).max()))


COMPLEX = rounded(np.random.default_rng(0), (4, 4), True)
HERMITIAN = COMPLEX @ COMPLEX.conj().T
CONSTANT = sum(v * np.eye(4, k=k) for k, v in {-1: 0.5 - 0.2j, 0: -1.0 + 1.0j, 2: 0.3j}.items())


@pytest.mark.parametrize("method", ENCODINGS)
def test_complex_matrices_are_encoded_natively(method, check):
    """No method adds a real and an imaginary part: alpha is that of the magnitudes, or of the method's own norm."""
    matrix = {"toeplitz": CONSTANT, "symmetric": HERMITIAN}.get(method, COMPLEX)
    encoding = block_encode(matrix, method)
    check(encoding, matrix)
    norm = np.linalg.norm(np.abs(matrix), 2)
    strings = [
        np.trace(matrix.T @ np.kron(a, b)) / 4
        for a in (np.eye(2), np.eye(2)[::-1], np.diag([1, -1]), np.array([[0, 1], [-1, 0]]))
        for b in (np.eye(2), np.eye(2)[::-1], np.diag([1, -1]), np.array([[0, 1], [-1, 0]]))
    ]
    most = {
        "toeplitz": abs(0.5 - 0.2j) + abs(-1 + 1j) + 0.3,
        "sparse_access": 4 * np.abs(matrix).max(),
        "pauli": np.abs(strings).sum(),
        "fable": 4 * np.abs(matrix).max(),
        "svd": np.linalg.norm(matrix, 2),
    }
    assert encoding.alpha <= most.get(method, norm) * (1 + 1e-9)


def with_circuit(encoding, circuit):
    return replace(encoding, build=lambda: circuit)


def negated_entry(encoding):
    """A sign on the last column."""
    wires = encoding.circuit().n_qubits
    builder = CircuitBuilder("planted", wires)
    *others, last = range(encoding.n_ancilla, wires)
    builder.gate("z", [last], controls=tuple((q, 1) for q in others))
    builder.call(encoding.circuit(), range(wires))
    return with_circuit(encoding, builder.build())


def transposed(encoding):
    return with_circuit(encoding, encoding.circuit().adjoint())


def conjugated(encoding):
    return replace(encoding, target=sp.csr_array(encoding.target.conj()))


def wrong_alpha(encoding):
    return replace(encoding, alpha=1.001 * encoding.alpha)


def ancillas_last(encoding):
    wires = encoding.circuit().n_qubits
    builder = CircuitBuilder("planted", wires)
    builder.call(encoding.circuit(), [*range(encoding.n_system, wires), *range(encoding.n_system)])
    return with_circuit(encoding, builder.build())


def reversed_system(encoding):
    wires, n = encoding.circuit().n_qubits, encoding.n_ancilla
    builder = CircuitBuilder("planted", wires)
    builder.call(encoding.circuit(), [*range(n), *reversed(range(n, wires))])
    return with_circuit(encoding, builder.build())


def cheap(encoding):
    return replace(encoding, two_qubit=encoding.cost().two_qubit - 1)


PLANTED = (negated_entry, transposed, conjugated, wrong_alpha, ancillas_last, reversed_system, cheap)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("method", [name for name in ENCODINGS if name not in ("toeplitz", "symmetric")])
def test_planted_bugs_are_caught(method, plant, check):
    encoding = block_encode(COMPLEX, method)
    with pytest.raises(AssertionError):
        check(plant(encoding), COMPLEX)


# A Hermitian matrix is its own adjoint, and pair and system register of its encoding may change places.
@pytest.mark.parametrize(
    ("method", "matrix", "plant"),
    [("toeplitz", CONSTANT, plant) for plant in PLANTED]
    + [("symmetric", HERMITIAN, plant) for plant in PLANTED if plant not in (transposed, ancillas_last)],
    ids=lambda value: getattr(value, "__name__", value if isinstance(value, str) else ""),
)
def test_planted_bugs_are_caught_in_structured_matrices(method, matrix, plant, check):
    with pytest.raises(AssertionError):
        check(plant(block_encode(matrix, method)), matrix)
