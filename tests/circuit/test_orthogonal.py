"""Orthogonal circuits against the matrices themselves."""

import numpy as np
import pytest
from scipy.stats import ortho_group, special_ortho_group

from qgd_core.circuit.counts import cost
from qgd_core.circuit.orthogonal import orthogonal, sign_phases
from qgd_core.circuit.simulate import unitary
from qgd_core.errors import ConfigError


def cases():
    for q in (1, 2, 3, 4):
        yield f"random {q}", ortho_group.rvs(2**q, random_state=q)
    yield "identity", np.eye(8)
    yield "reflected", np.diag([1.0, -1.0, -1.0, 1.0])
    yield "permutation", np.eye(8)[[3, 0, 2, 1, 7, 4, 6, 5]]
    yield "blocks", np.kron(np.eye(2), ortho_group.rvs(4, random_state=9))
    yield "negative", -np.eye(4)


@pytest.mark.parametrize("matrix", [m for _, m in cases()], ids=[n for n, _ in cases()])
def test_circuit_and_signs_make_the_matrix(matrix):
    circuit, signs = orthogonal(matrix)
    np.testing.assert_allclose(signs[:, np.newaxis] * unitary(circuit), matrix, rtol=0, atol=1e-12)
    q = circuit.n_qubits
    assert cost(circuit).two_qubit <= (2**q - 1) * (2 ** (q - 1) - 1)
    np.testing.assert_allclose(np.exp(1j * np.array(sign_phases(signs))), signs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (1, 1), (2, 4)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ConfigError, match="shape"):
        orthogonal(np.eye(*shape))


def test_a_matrix_that_is_not_orthogonal_is_refused():
    with pytest.raises(ConfigError, match="not orthogonal") as caught:
        orthogonal(np.array([[1.0, 0.0], [1e-3, 1.0]]))
    assert caught.value.value > 1e-4


def test_nan_is_refused():
    with pytest.raises(ConfigError, match="not orthogonal"):
        orthogonal(np.full((2, 2), np.nan))


@pytest.mark.parametrize("q", [1, 2, 3, 4])
def test_the_signs_of_a_rotation_are_one_cz(q):
    _, signs = orthogonal(special_ortho_group.rvs(2**q, random_state=q))
    bits = np.arange(2**q)
    both = (bits >> (q - 1)) & bits & 1 if q > 1 else 0 * bits
    np.testing.assert_array_equal(signs, 1.0 - 2.0 * both)
