"""Clean ancillas return to |0> whatever the others hold: a solver works on them between queries."""

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.base import BlockEncoding, padded
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.framed_history import encode_framed_history
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.slots import encode_slots
from qgd_core.encodings.trapezoid_history import encode_trapezoid

RNG = np.random.default_rng(5)
BAND = np.diag([0.5] * 8) + np.diag(RNG.uniform(0.1, 0.3, 7), 1) + np.diag(RNG.uniform(-0.2, 0.1, 7), -1)
SMALL, HEAT = BAND[:4, :4], np.diag([-0.5] * 4) + 0.2 * (np.eye(4, k=1) + np.eye(4, k=-1))
STEP = block_encode(np.eye(2) * 1.0 + np.array([[0.0, 0.0], [0.3, -0.4]]), "svd")
MAP = LowRankMap(np.array([0.02, 0.01]), np.array([0.8, 0.5]), np.array([0.05]), np.array([[0.6, 0.8]]))
ENCODINGS = {
    "band": lambda: block_encode(BAND, "band"),
    "toeplitz": lambda: block_encode(HEAT, "toeplitz"),
    "history": lambda: encode_history(STEP, 3, 1),
    "history of a band": lambda: encode_history(block_encode(np.eye(4) + SMALL, "band"), 2, 1),
    "history in slots": lambda: encode_history(encode_slots(MAP, 1.2, 0.7), 2, 1),
    "framed history": lambda: encode_framed_history(padded(SMALL)[0], 3, 1),
    "trapezoid": lambda: encode_trapezoid(block_encode(HEAT, "toeplitz"), 0.3, 2, 1),
    "history of a sparse step": lambda: encode_history(block_encode(np.eye(4) + SMALL, "sparse"), 2, 1),
}


def left_over(encoding: BlockEncoding) -> float:
    """The largest amplitude with a clean ancilla in |1>, from random states of all the others."""
    shape = (2 ** (encoding.n_ancilla - encoding.clean), 2**encoding.clean, 2**encoding.n_system)
    worst = 0.0
    for gates in (encoding.circuit(), encoding.circuit().adjoint()):
        start = np.zeros(shape, dtype=complex)
        start[:, 0] = RNG.normal(size=(shape[0], shape[2]))
        found = simulate(gates, start.reshape(-1) / np.linalg.norm(start)).reshape(shape)
        worst = max(worst, float(np.abs(found[:, 1:]).max(initial=0.0)))
    return worst


@pytest.mark.parametrize("name", ENCODINGS)
def test_clean_ancillas_are_clean_after_every_query(name):
    encoding = ENCODINGS[name]()
    assert encoding.restored >= encoding.clean > 0
    assert left_over(encoding) < 1e-12


def test_one_that_is_not_is_seen():
    builder = CircuitBuilder("leaves", 3)
    builder.gate("x", [1], (), ((0, 1),))
    leaves = BlockEncoding(
        method="leaves", target=padded(np.eye(2))[0], alpha=1.0, n_system=1, n_ancilla=2, eps=0.0, two_qubit=1,
        rotations=0, build=builder.build, restored=1, clean=1,
    )  # fmt: skip
    assert left_over(leaves) > 0.1
