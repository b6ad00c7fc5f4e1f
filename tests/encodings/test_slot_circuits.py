"""Frames of slots against the matrices themselves, and what they cost."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import unitary
from qgd_core.encodings.slot_circuits import rotate_cost, rotate_slots


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_every_slot_in_use_is_turned_and_idle_ones_stay(p, sign):
    size = 2**p
    frame = ortho_group.rvs(size, random_state=p)
    frame[0] *= sign * np.linalg.det(frame)
    circuit = rotate_slots(frame)
    found = unitary(circuit).reshape((2, size) * 4)
    np.testing.assert_allclose(found[0, 0, 0, 0, 0, 0, 0, 0], 1.0, rtol=0, atol=1e-13)
    first = found[0, 0, 1, :, 0, 0, 1, :]
    np.testing.assert_allclose(first, frame, rtol=0, atol=1e-13)
    both = found[1, :, 1, :, 1, :, 1, :]
    np.testing.assert_allclose(both, np.einsum("ij,kl->ikjl", frame, frame), rtol=0, atol=1e-13)
    counts = cost(circuit)
    two_qubit, rotations = rotate_cost(frame)
    assert counts.two_qubit == two_qubit
    assert counts.rotations <= rotations
    assert sign < 0.0 or counts.two_qubit == (2, 12, 52, 206)[p - 1]
