"""The history from singular values against plain loops: rows of one length, in frames, copies included."""

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.encodings import framed_history as module
from qgd_core.encodings.base import padded
from qgd_core.encodings.framed_history import encode_framed_history
from qgd_core.errors import ConfigError

RNG = np.random.default_rng(7)
STEPS = {
    "scalar": np.array([[0.7]]),
    "two": RNG.normal(size=(2, 2)),
    "symmetric": np.array([[0.9, 0.1], [0.1, 0.5]]),
    "orthogonal": np.array([[0.6, -0.8], [0.8, 0.6]]),
    "reflection": np.array([[0.0, 1.0], [1.0, 0.0]]),
    "zero in part": np.diag([1.0, 0.0, -0.5, 0.0]),
    "padded": 0.5 * RNG.normal(size=(3, 3)),
    "eight": 0.4 * RNG.normal(size=(8, 8)),
}
TIMES = [(1, None), (2, 1), (2, 0), (3, 1)]


def history_of(matrix, n_time, n_idle):
    """1 - S (x) M row by row, by plain loops, and which rows are copies."""
    blocks, size = 2**n_time, matrix.shape[0]
    dense = np.eye(blocks * size)
    copied = [n_idle is not None and t >= blocks - 2**n_idle for t in range(blocks)]
    for t in range(1, blocks):
        rows, columns = slice(t * size, (t + 1) * size), slice((t - 1) * size, t * size)
        dense[rows, columns] = -np.eye(size) if copied[t] else -matrix
    return dense, np.repeat(copied, size)


def roots(matrix):
    """(1 + M M^T)^(-1/2) by eigenvalues, not by singular vectors."""
    values, vectors = np.linalg.eigh(np.eye(len(matrix)) + matrix @ matrix.T)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def check_history(defect, matrix, n_time, n_idle):
    step = padded(matrix)[0]
    whole = step.toarray()
    encoding = encode_framed_history(step, n_time, n_idle)
    circuit, size = encoding.circuit(), 2**encoding.n_system
    assert circuit.n_qubits == encoding.n_ancilla + encoding.n_system
    history, copied = history_of(whole, n_time, n_idle)
    lengths = np.where(copied, np.sqrt(0.5), 0.0)[:, np.newaxis] * np.eye(size)
    for t in range(2**n_time):
        block = slice(t * len(whole), (t + 1) * len(whole))
        if not copied[block.start]:
            lengths[block, block] = roots(whole)
    target = encoding.target.toarray()
    assert defect(encoding, target) < 1e-11
    # Out of the frame the target is the history with rows of one length, up to a rotation of the rows.
    frame = np.kron(np.eye(2**n_time), encoding.frame)
    np.testing.assert_allclose(frame @ frame.T, np.eye(size), rtol=0, atol=1e-12)
    plain, scaled = target @ frame.T, lengths @ history
    np.testing.assert_allclose(plain.T @ plain, scaled.T @ scaled, rtol=0, atol=1e-11)
    # The right side of a row that is no copy.
    rows = np.kron(np.eye(2**n_time), encoding.rows)[~copied]
    np.testing.assert_allclose(plain[~copied], rows @ history, rtol=0, atol=1e-11)
    counts = cost(circuit)
    assert counts.two_qubit <= encoding.two_qubit
    assert counts.rotations <= encoding.rotations
    assert lower(circuit).n_qubits == circuit.n_qubits
    return encoding


@pytest.mark.parametrize(("n_time", "n_idle"), TIMES)
@pytest.mark.parametrize("name", STEPS)
def test_circuit_target_and_history_agree(name, n_time, n_idle, defect):
    check_history(defect, STEPS[name], n_time, n_idle)


def test_sixteen_rows_and_blocks_cost_one_frame():
    encoding = encode_framed_history(padded(0.3 * RNG.normal(size=(15, 15)))[0], 4, 2)
    counts = cost(encoding.circuit())
    assert counts.two_qubit <= encoding.two_qubit <= 165
    # The two frames of a dilation alone are twice 77, and controlled 163 each.
    assert counts.two_qubit < 2 * 77 + 15
    assert (encoding.n_ancilla - encoding.restored, encoding.n_system) == (2, 8)


def test_what_does_not_fit_is_refused():
    step = padded(STEPS["two"])[0]
    for n_time, n_idle in ((0, None), (2, 2), (2, -1)):
        with pytest.raises(ConfigError, match="copies"):
            encode_framed_history(step, n_time, n_idle)
    with pytest.raises(ConfigError, match="real"):
        encode_framed_history(padded(1j * STEPS["two"])[0], 1)


def shift_by_two(monkeypatch):
    kept = module.increment

    def twice(n_time):
        builder = CircuitBuilder("twice", kept(n_time).n_qubits)
        builder.call(kept(n_time), range(builder.n_qubits), repeat=2)
        return builder.build()

    monkeypatch.setattr(module, "increment", twice)


def identity_of_the_other_sign(monkeypatch):
    kept = CircuitBuilder.gate

    def gate(self, name, targets, params=(), controls=()):
        kept(self, name, targets, params, controls)
        if self.name == "history" and name == "ry" and list(targets) == [0]:
            kept(self, "z", [0])

    monkeypatch.setattr(CircuitBuilder, "gate", gate)


def planes_turned_one_way(monkeypatch):
    kept = module.turn

    def one_way(builder, selects, target, angles, **ends):
        kept(builder, selects, target, angles if target == 0 else np.abs(angles), **ends)

    monkeypatch.setattr(module, "turn", one_way)


def no_copies(monkeypatch):
    monkeypatch.setattr(
        module, "_mark", lambda leading, clean, n: (CircuitBuilder("mark", n).build(), [clean[0]])
    )


@pytest.mark.parametrize(
    "plant", [shift_by_two, identity_of_the_other_sign, planes_turned_one_way, no_copies]
)
def test_a_planted_bug_is_seen(plant, defect, monkeypatch):
    check_history(defect, STEPS["padded"], 3, 1)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_history(defect, STEPS["padded"], 3, 1)
