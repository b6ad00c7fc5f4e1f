"""The dense dilation against the matrix itself, by simulation."""

import numpy as np
import pytest

from qgd_core.circuit.counts import cost
from qgd_core.encodings.base import padded
from qgd_core.encodings.svd import encode_svd

RNG = np.random.default_rng(0)
CASES = {
    "scalar": np.array([[-2.0]]),
    "two": RNG.standard_normal((2, 2)),
    "four": RNG.standard_normal((4, 4)),
    "padded": RNG.standard_normal((5, 5)),
    "rank one": np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5]),
    "one row": np.eye(4)[:, [0]] @ np.array([[1.0, -2.0, 0.0, 3.0]]),
    "equal singular values": np.array([[0.0, -1.0], [1.0, 0.0]]),
    "badly scaled": np.diag([1e6, 1.0, 1e-6, 1e-12]) @ RNG.standard_normal((4, 4)),
}


@pytest.mark.parametrize("matrix", CASES.values(), ids=CASES)
def test_contract_with_the_least_alpha(matrix, check):
    encoding = encode_svd(*padded(matrix))
    check(encoding, matrix)
    assert abs(encoding.alpha - np.linalg.norm(matrix, 2)) < 1e-9 * encoding.alpha
    assert encoding.n_ancilla == 1


@pytest.mark.parametrize(("n", "cx"), [(2, 1), (4, 7), (8, 37), (16, 169)])
def test_cost_is_known_before_building(n, cx):
    for seed in range(3):
        encoding = encode_svd(*padded(np.random.default_rng(seed).standard_normal((n, n))))
        assert cost(encoding.circuit()).two_qubit <= encoding.two_qubit <= cx
