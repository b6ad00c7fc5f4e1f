"""Symmetric encodings against the matrix itself, and the price of a control."""

import numpy as np
import pytest

from qgd_core.circuit.counts import cost
from qgd_core.encodings.base import padded
from qgd_core.encodings.row_column import encode_row_column
from qgd_core.encodings.symmetric import encode_symmetric
from qgd_core.errors import ConfigError


def random(n, seed, density=1.0):
    rng = np.random.default_rng(seed)
    half = np.triu(rng.standard_normal((n, n)) * (rng.random((n, n)) < density), 1)
    return half + half.T + np.diag(rng.random(n))


CASES = {
    "dense": random(4, 0),
    "eight": random(8, 1, 0.4),
    "padded": random(3, 2),
    "identity": np.eye(4),
    "hop": np.array([[0.0, -1.0], [-1.0, 0.0]]),
    "bipartite": np.array([[0.0, 2.0, 3.0], [2.0, 0.0, 0.0], [3.0, 0.0, 0.0]]),
    "reducible": np.kron(np.diag([1.0, 1e-4]), np.array([[1.0, -0.5], [-0.5, 2.0]])),
    "reducible, small part first": np.kron(np.diag([1e-2, 1.0]), np.array([[1.0, -0.5], [-0.5, 2.0]])),
    "rank one": np.outer([1.0, -2.0, 0.0, 1e-6], [1.0, -2.0, 0.0, 1e-6]),
}


@pytest.mark.parametrize("matrix", CASES.values(), ids=CASES)
def test_contract(matrix, check):
    check(encode_symmetric(*padded(matrix)), matrix)


def test_a_control_is_cheap():
    matrix = padded(random(8, 1) + 3 * np.eye(8))
    ours, pair = encode_symmetric(*matrix), encode_row_column(*matrix)
    assert cost(ours.controlled()).two_qubit - ours.cost().two_qubit <= 8 * 3
    assert cost(pair.controlled()).two_qubit - pair.cost().two_qubit > 100


@pytest.mark.parametrize("matrix", [np.triu(random(4, 0)), -np.eye(2)])
def test_other_matrices_are_refused(matrix):
    with pytest.raises(ConfigError, match="not symmetric"):
        encode_symmetric(*padded(matrix))
