"""What a control costs where the circuit is too large to be built for its counts."""

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.circuit.counts import cost
from qgd_core.encodings import block
from qgd_core.encodings.choose import block_encode
from qgd_core.linear import adiabatic
from qgd_core.linear.adiabatic import Path

BAND = sp.diags_array([0.3, -0.5, 0.2], offsets=[-1, 0, 1], shape=(8, 8), format="csr")
VARIED = sp.csr_array(BAND.toarray() * np.random.default_rng(1).normal(size=(8, 8)))


@pytest.mark.parametrize(
    ("method", "matrix"),
    [("band", VARIED), ("row_column", VARIED), ("sparse", VARIED), ("toeplitz", BAND), ("svd", VARIED)],
)
def test_the_bound_of_a_gated_circuit_holds_where_nothing_is_built(monkeypatch, method, matrix):
    encoding = block_encode(matrix, method)
    built = cost(encoding.gated())
    assert encoding.gated_cost() == (built.two_qubit, built.rotations)
    monkeypatch.setattr(block, "COUNTED", 0)
    two_qubit, rotations = encoding.gated_cost()
    assert built.two_qubit <= two_qubit
    assert built.rotations <= rotations
    monkeypatch.setattr(adiabatic, "COUNTED", 0)
    path = Path(encoding, np.eye(8)[0], np.zeros(2))
    select = cost(path.select)
    bounds = path.select_cost()
    assert select.two_qubit <= bounds[0]
    assert select.rotations <= bounds[1]


@pytest.mark.parametrize("method", ["band", "row_column", "sparse", "pauli", "svd"])
@pytest.mark.parametrize("seed", [2, *range(104, 112), 122])
def test_the_cost_under_a_gate_bounds_the_adjoint_too(seed, method):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    encoding = block_encode(rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.7), method)
    two_qubit, rotations = encoding.gated_cost()
    for gated in (encoding.gated(), encoding.gated().adjoint()):
        counts = cost(gated)
        assert counts.two_qubit <= two_qubit
        assert counts.rotations <= rotations
