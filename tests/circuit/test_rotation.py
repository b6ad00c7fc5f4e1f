"""Rotations as circuits against the matrices themselves."""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import ortho_group, special_ortho_group

from qgd_core.circuit.counts import cost
from qgd_core.circuit.rotation import controlled_rotation, orthogonal, rotation, rotation_cost, rotation_turns
from qgd_core.circuit.simulate import unitary
from qgd_core.errors import ConfigError


def cases():
    for q in (1, 2, 3, 4, 5):
        yield f"random {q}", special_ortho_group.rvs(2**q, random_state=q)
        yield f"identity {q}", np.eye(2**q)
        yield f"minus identity {q}", -np.eye(2**q)
        yield f"two signs {q}", np.diag(np.r_[-1.0, np.ones(2**q - 2), -1.0])
        near = np.random.default_rng(q).standard_normal((2**q, 2**q))
        yield f"near identity {q}", expm(1e-9 * (near - near.T))
        yield f"near signs {q}", expm(1e-9 * (near - near.T)) @ np.diag(np.r_[-1.0, -1.0, np.ones(2**q - 2)])
    for q in (2, 3, 4):
        yield f"cycle {q}", np.roll(np.eye(2**q), 1, axis=0) * np.r_[-1.0, np.ones(2**q - 1)]
        yield f"blocks {q}", np.kron(np.eye(2), special_ortho_group.rvs(2 ** (q - 1), random_state=9))
        yield f"plane {q}", np.kron(special_ortho_group.rvs(2, random_state=9), np.eye(2 ** (q - 1)))


@pytest.mark.parametrize("matrix", [m for _, m in cases()], ids=[n for n, _ in cases()])
def test_circuit_is_the_matrix_at_the_stated_cost(matrix):
    circuit = rotation(matrix)
    np.testing.assert_allclose(unitary(circuit), matrix, rtol=0, atol=1e-13)
    counts, q = cost(circuit), circuit.n_qubits
    assert counts.two_qubit <= rotation_cost(q)
    assert counts.rotations <= rotation_turns(q)
    if q > 1:
        wanted = np.eye(2 ** (q + 1))
        wanted[2**q :, 2**q :] = matrix
        controlled = controlled_rotation(matrix)
        np.testing.assert_allclose(unitary(controlled), wanted, rtol=0, atol=1e-13)
        assert cost(controlled).two_qubit <= (0, 0, 6, 35, 163, 699)[q]


def test_costs_stay_below_the_shannon_decomposition_of_a_unitary():
    assert [rotation_cost(q) for q in range(1, 6)] == [0, 2, 15, 77, 341]
    for q in range(2, 12):
        assert rotation_cost(q) < 23 / 48 * 4**q - 1.5 * 2**q + 4 / 3 + (q == 2)


@pytest.mark.parametrize("q", [1, 2, 3, 4])
@pytest.mark.parametrize("wanted", [1.0, -1.0])
def test_a_reflection_is_a_rotation_and_the_sign_of_its_last_row(q, wanted):
    matrix = ortho_group.rvs(2**q, random_state=q)
    matrix[0] *= wanted * np.linalg.det(matrix)
    circuit, sign = orthogonal(matrix)
    assert sign == wanted
    signs = np.append(np.ones(2**q - 1), sign)
    np.testing.assert_allclose(signs[:, np.newaxis] * unitary(circuit), matrix, rtol=0, atol=1e-13)


@pytest.mark.parametrize("matrix", [np.full((2, 2), np.nan), np.eye(3), np.ones((2, 4))])
def test_orthogonal_refuses_what_is_none(matrix):
    with pytest.raises(ConfigError, match=r"rotation|shape"):
        orthogonal(matrix)


@pytest.mark.parametrize(
    "matrix",
    [np.eye(3), np.eye(1), np.ones((2, 4)), np.diag([1.0, -1.0]), np.array([[1.0, 1e-3], [0.0, 1.0]])],
    ids=["three", "one", "wide", "reflection", "sheared"],
)
def test_what_is_no_rotation_is_refused(matrix):
    with pytest.raises(ConfigError, match=r"rotation|shape"):
        rotation(matrix)
