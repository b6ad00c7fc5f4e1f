"""The encoding from position and value oracles, by simulation."""

import numpy as np
import pytest

from qgd_core.encodings.base import padded
from qgd_core.encodings.sparse_access import encode_sparse_access, from_oracle
from qgd_core.oracles.base import from_matrix, shifted

RNG = np.random.default_rng(0)
CASES = {
    "scalar": np.array([[-0.3]]),
    "random": RNG.standard_normal((4, 4)) * (RNG.random((4, 4)) < 0.6),
    "complex": RNG.standard_normal((2, 2)) + 1j * RNG.standard_normal((2, 2)),
    "permutation": np.eye(4)[[2, 0, 3, 1]],
    "one row": np.eye(4)[:, [0]] @ np.array([[1.0, -2.0, 0.0, 3.0]]),
}


@pytest.mark.parametrize("matrix", CASES.values(), ids=CASES)
def test_contract(matrix, check):
    check(encode_sparse_access(*padded(matrix)), matrix)


def test_alpha_is_labels_times_the_largest_entry():
    matrix = np.diag([1.0, -2.0, 0.5, 1.0]) + 0.25 * np.eye(4, k=1)
    assert encode_sparse_access(*padded(matrix)).alpha == 4.0


def test_a_formula_is_encoded(check):
    oracle = shifted(2, (0, 1), lambda label, column: np.where(label == 0, 1.0, 0.5 * (column < 3)))
    check(from_oracle(oracle), np.eye(4) + 0.5 * np.eye(4, k=-1))


def test_rounded_entries_state_their_error(check):
    matrix = np.array([[0.3, 1.0], [0.0, -0.7]])
    encoding = from_oracle(from_matrix(*padded(matrix)), bits=6)
    assert 0 < encoding.eps < 0.1
    with pytest.raises(AssertionError):
        check(encoding, matrix)
    fine = from_oracle(from_matrix(*padded(matrix)), bits=8)
    assert fine.eps < encoding.eps / 3
