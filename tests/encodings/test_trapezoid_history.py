"""The trapezoid's history matrix against one written row by row, by simulation."""

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
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


def defect(encoding, wanted):
    circuit, size = encoding.circuit(), 2**encoding.n_system
    rng, worst = np.random.default_rng(0), 0.0
    for gates, block in [(circuit, wanted), (circuit.adjoint(), wanted.T)] * 2:
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[:size] = rng.normal(size=size)
        worst = max(
            worst, np.abs(encoding.alpha * simulate(gates, start)[:size] - block @ start[:size]).max()
        )
    return worst


@pytest.mark.parametrize("method", ["svd", "row_column", "band"])
@pytest.mark.parametrize(("n_time", "n_idle"), [(1, 0), (2, 0), (2, 1), (3, 1)])
def test_circuit_is_the_matrix_of_the_trapezoid(method, n_time, n_idle):
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


def slopes_in_copies(monkeypatch):
    kept = trapezoid_history.mark_steps

    def other_blocks(t, leading):
        mark = kept(t, leading)
        builder = CircuitBuilder("other_blocks", mark.n_qubits)
        last = [mark.n_qubits - t + leading - 1]
        builder.gate("x", last)
        builder.call(mark, range(mark.n_qubits))
        builder.gate("x", last)
        return builder.build()

    monkeypatch.setattr(trapezoid_history, "mark_steps", other_blocks)


def wrong_sign(monkeypatch):
    kept = CircuitBuilder.gate

    def without_cz(self, name, *rest, **more):
        if not (name == "z" and self.name == "trapezoid_history"):
            kept(self, name, *rest, **more)

    monkeypatch.setattr(CircuitBuilder, "gate", without_cz)


def transposed(monkeypatch):
    kept = type(block_encode(A, "svd")).controlled
    monkeypatch.setattr(type(block_encode(A, "svd")), "controlled", lambda self: kept(self).adjoint())


@pytest.mark.parametrize("plant", [slopes_in_copies, wrong_sign, transposed])
def test_a_planted_bug_is_seen(plant, monkeypatch):
    generator = block_encode(A, "svd")
    plant(monkeypatch)
    assert defect(encode_trapezoid(generator, STEP, 3, 1), dense(A, STEP, 3, 1)) > 1e-3
