"""Unitary circuits against the matrices themselves."""

import numpy as np
import pytest
from scipy.stats import unitary_group

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import unitary
from qgd_core.circuit.unitary import decompose_unitary, unitary_cost
from qgd_core.errors import ConfigError


def cases():
    for q in (1, 2, 3, 4):
        yield f"random {q}", unitary_group.rvs(2**q, random_state=q)
        yield f"phase {q}", np.exp(0.7j) * np.eye(2**q)
        yield f"reversed {q}", 1j * np.eye(2**q)[::-1]
        yield f"diagonal {q}", np.diag(np.exp(1j * np.arange(2**q)))
    yield "blocks", np.kron(np.eye(2), unitary_group.rvs(4, random_state=9))


@pytest.mark.parametrize("matrix", [m for _, m in cases()], ids=[n for n, _ in cases()])
def test_circuit_is_the_matrix_at_the_stated_cost(matrix):
    circuit = decompose_unitary(matrix)
    np.testing.assert_allclose(unitary(circuit), matrix, rtol=0, atol=1e-13)
    assert cost(circuit).two_qubit <= unitary_cost(circuit.n_qubits)


@pytest.mark.parametrize("matrix", [np.eye(3), np.eye(1), np.ones((2, 4)), np.full((2, 2), np.nan)])
def test_what_is_not_unitary_is_refused(matrix):
    with pytest.raises(ConfigError, match=r"unitary"):
        decompose_unitary(matrix)
