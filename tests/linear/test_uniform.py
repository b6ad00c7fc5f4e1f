import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate, unitary
from qgd_core.encodings.choose import block_encode
from qgd_core.errors import ConfigError
from qgd_core.linear.uniform import amplifier, amplify_values, chain, chain_spare, likely_queries

RNG = np.random.default_rng(3)
GAINS = [(1.1, 0.1, 1e-3), (1.5, 0.2, 1e-4), (1.5, 0.05, 1e-4), (3.0, 0.2, 1e-5), (6.0, 0.3, 1e-3)]


def block(encoding):
    size = 2**encoding.n_system
    return unitary(encoding.circuit())[:size, :size] * encoding.alpha


def of_norm_one(n, seed):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a / np.linalg.norm(a, 2)


@pytest.mark.parametrize(("gain", "slack", "eps"), [*GAINS, (1.5, 0.2, 1e-9), (40.0, 0.2, 1e-3)])
def test_the_polynomial_is_near_the_line_and_never_above_one(gain, slack, eps):
    target = amplifier(gain, slack, eps)
    x = np.linspace(0.0, (1.0 - slack) / gain, 20_001)
    assert target.polynomial.parity == 1
    assert np.abs(target.polynomial(x) / target.factor - gain * x).max() <= eps
    assert np.abs(target.polynomial(np.linspace(-1.0, 1.0, 40_001))).max() <= 0.9991


@pytest.mark.parametrize(("gain", "slack", "eps"), GAINS)
def test_the_degree_is_guessed_within_a_factor_of_two(gain, slack, eps):
    degree = amplifier(gain, slack, eps).polynomial.degree
    assert degree / 2 - 2 <= likely_queries(gain, slack, eps) <= 2 * degree + 2


@pytest.mark.parametrize(("method", "n"), [("row_column", 4), ("svd", 2), ("fable", 4)])
def test_an_amplified_encoding_holds_the_same_matrix_at_a_smaller_alpha(method, n):
    a = of_norm_one(n, 5)
    plain = block_encode(sp.csr_array(a), method)
    if plain.alpha < 1.3:  # an encoding that wastes nothing is made to
        still = block_encode(sp.csr_array(np.eye(n)), "svd")
        plain = plain + still - still
    slack = 0.15
    found = amplify_values(plain, plain.alpha * (1.0 - slack), slack, 1e-4)
    assert found.alpha <= 1.02 / (1.0 - slack) < plain.alpha
    exact = block(found)
    np.testing.assert_allclose(exact, found.target.toarray(), rtol=0, atol=1e-11)
    assert np.linalg.norm(exact - a, 2) <= 1e-4 / (1.0 - slack)
    np.testing.assert_allclose(block(found.adjoint()), exact.T, rtol=0, atol=1e-11)
    built = cost(found.circuit())
    assert built.two_qubit <= found.two_qubit <= 1.6 * built.two_qubit
    assert built.rotations <= found.rotations
    extra = [lower(one.circuit()).n_qubits - one.circuit().n_qubits for one in (plain, found)]
    assert extra[1] <= extra[0]


def test_singular_values_beyond_the_slack_are_not_amplified_faithfully():
    # What a norm underestimated by 2 would do.
    a = of_norm_one(2, 7)
    plain = block_encode(sp.csr_array(a), "fable")
    found = amplify_values(plain, 2.0 * plain.alpha * 0.85, 0.15, 1e-4)
    assert np.linalg.norm(found.target.toarray() - a, 2) > 1e-2


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_chain_holds_the_product_on_one_counter(count):
    parts = [0.7 * of_norm_one(2, seed) for seed in range(count)]
    methods = ["row_column", "svd", "fable"]
    encodings = [block_encode(sp.csr_array(one), methods[i % 3]) for i, one in enumerate(parts)]
    found = chain(encodings)
    product = np.linalg.multi_dot([*parts[::-1], np.eye(2)])
    np.testing.assert_allclose(block(found), product, rtol=0, atol=1e-12)
    np.testing.assert_allclose(block(found.adjoint()), product.T, rtol=0, atol=1e-12)
    assert found.alpha == pytest.approx(np.prod([e.alpha for e in encodings]), rel=1e-12)
    built = cost(found.circuit())
    assert built.two_qubit <= found.two_qubit <= 1.6 * built.two_qubit + 12
    assert built.rotations <= found.rotations
    assert lower(found.circuit()).n_qubits - found.circuit().n_qubits <= chain_spare(encodings)


def test_restored_ancillas_of_a_chain_stay_restored():
    step = block_encode(sp.diags_array([0.2, 0.5, 0.2], offsets=[-1, 0, 1], shape=(8, 8)), "toeplitz")
    assert step.restored == 2
    found = chain([step, step])
    for one in (found, amplify_values(found, 1.2, 0.2, 1e-2)):
        wires = one.n_ancilla + one.n_system
        tail = range(one.n_ancilla - one.restored, one.n_ancilla)
        start = np.moveaxis(RNG.normal(size=(2,) * wires).astype(complex), tail, range(one.restored))
        start *= np.eye(1, 2**one.restored).reshape((2,) * one.restored + (1,) * (wires - one.restored))
        ended = simulate(one.circuit(), np.moveaxis(start, range(one.restored), tail).reshape(-1))
        moved = np.moveaxis(ended.reshape((2,) * wires), tail, range(one.restored)).reshape(
            2**one.restored, -1
        )
        # They started in |0> and end there, whatever the others do.
        assert np.abs(moved[1:]).max() <= 1e-12


def test_the_action_of_a_large_encoding_is_never_assembled():
    step = block_encode(sp.diags_array([0.2, 0.5, 0.2], offsets=[-1, 0, 1], shape=(512, 512)), "band")
    step = step + step - step
    gain = step.alpha**2 * 0.9 / 0.81
    found = amplify_values(chain([step, step]), gain, 0.1, 1e-6)
    assert not isinstance(found.target, sp.csr_array)
    v = RNG.normal(size=512)
    once = step.target @ v
    # |A^2| <= .81, so that the values are where they should be.
    limit = step.alpha**2 / gain * 1e-6 * np.linalg.norm(v)
    assert np.linalg.norm(found.target @ v - step.target @ once) <= limit
    w = RNG.normal(size=512)
    assert w @ (found.target @ v) == pytest.approx(v @ (found.target.T @ w), rel=0, abs=1e-11)


@pytest.mark.parametrize(("gain", "slack"), [(0.9, 0.1), (1.5, 0.0), (1.5, 1.0), (np.inf, 0.1)])
def test_gains_and_slacks_out_of_range_are_refused(gain, slack):
    with pytest.raises(ConfigError, match="cannot be amplified"):
        amplify_values(block_encode(sp.csr_array(np.eye(2)), "svd"), gain, slack, 1e-3)


def test_a_chain_is_a_circuit_without_post_selection():
    step = block_encode(sp.csr_array([[0.5, 0.2], [0.1, 0.4]]), "row_column")
    circuit = chain([step] * 3).circuit()
    assert isinstance(circuit, Circuit)
    assert circuit.is_unitary
