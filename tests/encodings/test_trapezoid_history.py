"""The trapezoid's history matrix against one written row by row, by simulation."""

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.encodings import trapezoid_history
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.trapezoid_history import encode_trapezoid
from qgd_core.errors import ConfigError

A = np.array([[-0.6, 0.3, 0.0, 0.1], [-0.3, -0.4, 0.2, 0.0], [0.0, 0.0, -1.0, 0.2], [0.1, 0.0, 0.0, -0.2]])
STEP = 0.3


def dense(matrix, step, n_time, n_idle):
    """1 - hA/2 and -(1 + hA/2) column by column, 1 and -1 in the columns of copies."""
    blocks, n = 2**n_time, len(matrix)
    whole = np.zeros((blocks, n, blocks, n))
    for t in range(blocks):
        half = step / 2 * matrix if t < blocks - 2**n_idle else 0.0 * matrix
        whole[t, :, t] = np.eye(n) - half
        if t + 1 < blocks:
            whole[t + 1, :, t] = -np.eye(n) - half
    return whole.reshape(blocks * n, blocks * n)


@pytest.mark.parametrize("method", ["svd", "row_column", "band"])
@pytest.mark.parametrize(("n_time", "n_idle"), [(1, 0), (2, 0), (2, 1), (3, 1)])
def test_circuit_is_the_matrix_of_the_trapezoid(method, n_time, n_idle, defect):
    generator = block_encode(A, method)
    encoding = encode_trapezoid(generator, STEP, n_time, n_idle)
    wanted = dense(A, STEP, n_time, n_idle)
    np.testing.assert_allclose(encoding.target.toarray(), wanted, rtol=0, atol=1e-14)
    assert defect(encoding, wanted) < 1e-12
    assert encoding.alpha == pytest.approx(2 + STEP * generator.alpha)
    counts = cost(encoding.circuit())
    assert counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations
    assert encoding.circuit().n_qubits == encoding.n_ancilla + encoding.n_system


def test_bad_blocks_and_steps_are_refused():
    generator = block_encode(A, "svd")
    for n_time, n_idle in ((0, 0), (2, 2), (2, -1)):
        with pytest.raises(ConfigError, match="copies"):
            encode_trapezoid(generator, STEP, n_time, n_idle)
    for step in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="step"):
            encode_trapezoid(generator, step, 2, 1)


def wrong_sign(monkeypatch):
    kept = CircuitBuilder.gate

    def without_cz(self, name, *rest, **more):
        if not (name == "z" and self.name == "trapezoid_history"):
            kept(self, name, *rest, **more)

    monkeypatch.setattr(CircuitBuilder, "gate", without_cz)


def transposed(monkeypatch):
    kept = type(block_encode(A, "svd")).controlled
    monkeypatch.setattr(type(block_encode(A, "svd")), "controlled", lambda self: kept(self).adjoint())


def check_planted(defect):
    assert defect(encode_trapezoid(block_encode(A, "svd"), STEP, 3, 1), dense(A, STEP, 3, 1)) > 1e-3


def test_slopes_in_copies_are_seen(defect, mark_other_blocks, monkeypatch):
    mark_other_blocks(monkeypatch, trapezoid_history)
    check_planted(defect)


@pytest.mark.parametrize("plant", [wrong_sign, transposed])
def test_a_planted_bug_is_seen(plant, defect, monkeypatch):
    plant(monkeypatch)
    check_planted(defect)
