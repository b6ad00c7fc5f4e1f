"""Bad input to structures, oracles and states: a clear error, never a wrong encoding or numpy's traceback."""

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.algebra import combine
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.slot_flow import encode_flow
from qgd_core.encodings.slots import encode_slots
from qgd_core.encodings.slots_cubic import encode_cubic_slots
from qgd_core.encodings.stencil import encode_stencil
from qgd_core.encodings.toeplitz import toeplitz
from qgd_core.errors import ConfigError, QgdError
from qgd_core.oracles.base import from_matrix
from qgd_core.oracles.data import load
from qgd_core.phases.angles import gqsp_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.state.prepare import prepare, prepare_rows
from qgd_core.state.uniform import prepare_geometric, prepare_linear

NAN = np.nan
SMALL = block_encode(np.eye(2) + 0.1)
DECAY = PolynomialField({1: -np.eye(2)})


def step(offset=0.1, multiplier=0.5, weight=0.1, entry=1.0):
    return LowRankMap(
        np.array([offset, 0.0]), np.array([multiplier, 0.2]), np.array([weight]), np.array([[entry, 0.0]])
    )


CALLS = {
    "no method": lambda: block_encode(np.eye(2), None),
    "text in diagonals": lambda: toeplitz({0: "a"}, 3),
    "diagonals that overflow": lambda: toeplitz({0: 1e308, 1: 1e308}, 2),
    "no qubits": lambda: toeplitz({0: 1.0}, 0),
    "negative qubits": lambda: toeplitz({0: 1.0}, -1),
    "a stencil without qubits": lambda: encode_stencil({0: 1.0}, 0.1, 0),
    "a stencil that overflows": lambda: encode_stencil({0: 1e200}, 0.1, 2),
    "infinite scale of a flow": lambda: encode_flow(DECAY, np.inf),
    "NaN offset": lambda: encode_slots(step(NAN), 1.0),
    "NaN multiplier": lambda: encode_slots(step(0.1, NAN), 1.0),
    "NaN weight": lambda: encode_slots(step(0.1, 0.5, NAN), 1.0),
    "NaN direction": lambda: encode_slots(step(0.1, 0.5, 0.1, NAN), 1.0),
    "negative weight": lambda: encode_slots(step(0.1, 0.5, -0.1), 1.0),
    "huge offset": lambda: encode_slots(step(1e200), 1.0),
    "large offset": lambda: encode_slots(step(1e9), 1.0),
    "zero scale": lambda: encode_slots(step(), 0.0),
    "negative scale": lambda: encode_slots(step(), -1.0),
    "NaN scale": lambda: encode_slots(step(), NAN),
    "zero balance": lambda: encode_slots(step(), 1.0, 0.0),
    "no rotation": lambda: encode_slots(step(), 1.0, 1.0, np.ones((2, 2))),
    "a rotation of others": lambda: encode_slots(step(), 1.0, 1.0, np.eye(3)),
    "NaN cubic weight": lambda: encode_cubic_slots(step(), np.array([NAN]), 1.0),
    "too many cubic weights": lambda: encode_cubic_slots(step(), np.array([0.1, 0.2]), 1.0),
    "zero cubic scale": lambda: encode_cubic_slots(step(), np.array([0.1]), 0.0),
    "an empty sum": lambda: combine([], []),
    "too many factors": lambda: combine([SMALL], [1.0, 2.0]),
    "NaN factor": lambda: SMALL * NAN,
    "an oracle of zeros": lambda: from_matrix(sp.csr_array((2, 2)), 1),
    "NaN in a table": lambda: load([NAN], 2),
    "a fraction in a table": lambda: load([0.5], 2),
    "a table as a state": lambda: prepare(np.ones((2, 2))),
    "text as a state": lambda: prepare(np.array(["a", "b"])),
    "NaN rows": lambda: prepare_rows(np.array([[NAN, 1.0]])),
    "a ramp on nothing": lambda: prepare_linear(1.0, 0.0, 0),
    "a wave on nothing": lambda: prepare_geometric(1.0, 0),
    "text as coefficients": lambda: gqsp_angles(["a"]),
    "a polynomial above 1": lambda: SMALL.polynomial(Chebyshev([0.0, 1.2])),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_clear_error(call):
    with pytest.raises(QgdError) as caught:
        call()
    assert caught.value.message


def test_what_is_no_encoding_does_not_combine():
    for wrong in (lambda: SMALL + 1, lambda: SMALL - "a", lambda: SMALL @ np.eye(2)[0].tolist()):
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong()


def test_a_list_is_a_state():
    assert prepare([3.0, 4.0]).n_qubits == 1
    with pytest.raises(ConfigError):
        prepare([])
