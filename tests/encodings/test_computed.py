"""Computed diagonals by simulation: within the stated error, and only what rounding leaves."""

import time

import numpy as np
import pytest

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.encodings.computed import encode_computed
from qgd_core.encodings.toeplitz import toeplitz
from qgd_core.errors import ConfigError
from qgd_core.oracles import comparison

CASES = {
    "constant": ([-0.7], 1, 3),
    "affine": ([1.0, -0.7], 1, 2),
    "affine of four": ([0.3, -0.45], 2, 1),
    "quadratic": ([-1.0, 0.3, 0.9], 1, 1),
}


def entries(coefficients, n):
    i = np.arange(2**n)
    return sum(x * i**k for k, x in enumerate(coefficients)) + np.zeros(2**n)


def block(encoding):
    circuit, size = encoding.circuit(), 2**encoding.n_system
    found = np.zeros((2**encoding.restored, size, size), dtype=complex)
    for j in range(size):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[j] = 1.0
        found[:, :, j] = encoding.alpha * simulate(circuit, start).reshape(-1, *found.shape[:2])[0]
    return found


@pytest.mark.parametrize(("coefficients", "n", "bits"), CASES.values(), ids=CASES)
def test_circuit_is_the_diagonal_within_its_stated_error(coefficients, n, bits):
    encoding, wanted = encode_computed(coefficients, n, bits), entries(coefficients, n)
    found = block(encoding)
    assert np.abs(found[0] - np.diag(wanted)).max() <= encoding.eps + 1e-12
    assert np.abs(found[1:]).max(initial=0.0) < 1e-12
    assert encoding.eps == encoding.alpha * 2.0**-bits
    largest = np.abs(wanted).max()
    assert largest < encoding.alpha <= largest / (1 - 2.0**-bits) + 1e-12
    np.testing.assert_allclose(encoding.target.toarray(), np.diag(wanted), rtol=0, atol=1e-14)
    counts = cost(encoding.circuit())
    assert counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations


def test_times_a_stencil_it_is_a_band_by_formula():
    whole = toeplitz({0: 1.0, 1: -0.5}, 1) @ encode_computed([1.0, -0.7], 1, 2)
    wanted = np.array([[1.0, -0.5], [0.0, 1.0]]) @ np.diag([1.0, 0.3])
    np.testing.assert_allclose(whole.target.toarray(), wanted, rtol=0, atol=1e-14)
    assert np.abs(block(whole)[0] - wanted).max() <= whole.eps + 1e-12


def test_sixteen_bits_on_forty_qubits_build_at_once():
    began = time.process_time()
    encoding = encode_computed([0.1, -0.3, 0.2], 40, 16)
    assert cost(encoding.circuit()).two_qubit <= encoding.two_qubit < 60 * (16 + 80) ** 2
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("coefficients", "n", "bits"),
    [([], 2, 2), ([0.0], 2, 2), ([1, 2, 3, 4], 2, 2), ([np.nan], 2, 2), ([1.0], 2, 0), ([1.0], 0, 2)],
)
def test_bad_formulas_are_refused(coefficients, n, bits):
    with pytest.raises(ConfigError, match="computed"):
        encode_computed(coefficients, n, bits)


def test_a_reversed_comparison_is_seen(monkeypatch):
    kept = comparison._compare

    def other(n_value):
        ops, carry = kept(n_value)
        ops.flip(2 * n_value + carry)
        return ops, carry

    monkeypatch.setattr(comparison, "_compare", other)
    encoding = encode_computed([1.0, -0.7], 1, 2)
    assert np.abs(block(encoding)[0] - np.diag([1.0, 0.3])).max() > 2 * encoding.eps
