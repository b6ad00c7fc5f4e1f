"""Evolution by polynomials against dense matrix exponentials, over several block encodings."""

import numpy as np
import pytest
from scipy.linalg import expm

from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import unitary
from qgd_core.encodings.choose import block_encode
from qgd_core.errors import ConfigError
from qgd_core.ode import evolve
from qgd_core.ode.evolve import encode_evolution, evolution_degree


def hermitian(n, seed, imaginary=True):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n)) + 1j * imaginary * rng.normal(size=(n, n))
    return (a + a.conj().T) / np.sqrt(8 * n)


def block(encoding):
    size = 2**encoding.n_system
    return encoding.alpha * unitary(encoding.circuit())[:size, :size]


@pytest.mark.parametrize("method", ["svd", "row_column", "pauli", "sparse"])
@pytest.mark.parametrize("time", [0.3, 2.0])
def test_the_block_is_the_exponential(method, time):
    a = hermitian(2, 1)
    evolution = encode_evolution(block_encode(a, method), time, 1e-4)
    got = block(evolution)
    np.testing.assert_allclose(got, evolution.target.toarray(), rtol=0, atol=max(evolution.eps, 1e-10))
    assert np.linalg.norm(evolution.target.toarray() - expm(-1j * a * time), 2) <= 2e-4
    counts = cost(evolution.circuit())
    assert counts.two_qubit <= evolution.two_qubit
    assert counts.rotations <= evolution.rotations
    assert lower(evolution.circuit()).n_qubits >= evolution.n_ancilla + 1
    kept = unitary(evolution.circuit())
    # The restored ancillas come back to 0 by themselves.
    columns = np.abs(kept[:, :2]) ** 2
    low = 2 ** (evolution.restored + evolution.n_system)
    assert columns[: 2**evolution.n_system].sum() == pytest.approx(columns[:low].sum(), abs=1e-10)


@pytest.mark.parametrize("eps", [1e-2, 1e-5])
@pytest.mark.parametrize("time", [0.5, 3.0])
def test_four_rows_to_the_declared_error(time, eps):
    a = hermitian(4, 2, imaginary=False)
    evolution = encode_evolution(block_encode(a, "svd"), time, eps)
    assert np.linalg.norm(block(evolution) - expm(-1j * a * time), 2) <= eps + evolution.eps
    assert evolution.alpha < 2.01 * (1 + eps)


def test_the_degree_grows_like_time_plus_logarithm():
    degrees = [evolution_degree(t, 1e-6) for t in (10.0, 20.0, 40.0, 80.0)]
    assert degrees[-1] - degrees[-2] <= 1.25 * 40
    assert evolution_degree(40.0, 1e-12) - evolution_degree(40.0, 1e-6) < 20


def test_what_does_not_evolve_unitarily_is_refused():
    with pytest.raises(ConfigError, match="Hermitian"):
        encode_evolution(block_encode(np.array([[0.1, 0.5], [0.0, 0.2]])), 1.0, 1e-2)


def test_a_wrong_branch_sign_is_caught(monkeypatch):
    """exp(+i A t) instead of exp(-i A t)."""
    kept = evolve.series
    monkeypatch.setattr(evolve, "series", lambda time, eps: (kept(time, eps)[0], kept(time, eps)[1] * -1.0))
    a = hermitian(2, 3)
    evolution = encode_evolution(block_encode(a, "svd"), 1.0, 1e-4)
    assert np.linalg.norm(block(evolution) - expm(-1j * a), 2) > 0.1
