"""The history matrix of a Carleman step in slots: I - shift (x) M, the identity being one more label."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.slots import SlotEncoding


def encode_history(step: SlotEncoding, n_time: int) -> BlockEncoding:
    """Encode I - S (x) M on 2**n_time blocks, S taking block t to t + 1 and the last one to nothing.

    Arguments: step, encoding of M; n_time >= 1, t.
    Result: an encoding with alpha = 1 + step.alpha on [time..., slots], exact to rounding on the supported slot
    states; at most 7 t + 2**(p+1) + 20 CX more than the step, p the qubits of a slot. t + 1 ancillas more, t - 1
    of them returned clean.
    Raises: nothing.
    Source: Eq 6 of arXiv:2303.03428, without its copies of the last block.
    """
    n_step, n_system = step.n_ancilla, n_time + step.n_system
    n_ancilla = 1 + n_step + n_time
    blocks = sp.eye_array(2**n_time, k=-1, format="csr")
    target = sp.csr_array(sp.eye_array(2**n_system) - sp.kron(blocks, step.target))

    def build() -> Circuit:
        builder = CircuitBuilder("history", n_ancilla + n_system)
        label, overflow = 0, 1 + n_step
        carries = range(overflow + 1, n_ancilla)
        time = range(n_ancilla, n_ancilla + n_time)
        slots = range(n_ancilla + n_time, builder.n_qubits)
        angle = 2.0 * math.atan(math.sqrt(step.alpha))
        builder.gate("ry", [label], [angle])
        builder.call(step.build_gated(), [label, *range(1, 1 + n_step), *slots])
        builder.call(_increment(n_time), [label, overflow, *carries, *time])
        builder.gate("ry", [label], [angle])
        return builder.build()

    extra = 7 * n_time + 2 ** (step.layout.n_slot + 1) + 20
    return BlockEncoding(
        method="slot_history",
        target=target,
        alpha=1.0 + step.alpha,
        n_system=n_system,
        n_ancilla=n_ancilla,
        eps=step.eps + 1e-15,
        two_qubit=step.two_qubit + extra,
        rotations=step.rotations + extra + 10 * n_time + 6,
        build=build,
        restored=n_time - 1,
    )


def _increment(n_time: int) -> Circuit:
    """Add the label to the time register: a circuit on [label, overflow, carries..., time...]."""
    chain = [0, *range(2, n_time + 1), 1]
    time = range(2 * n_time, n_time, -1)
    ops = Reversible()
    for bit, held, carry in zip(time, chain, chain[1:], strict=False):
        ops.flip(carry, held, bit)
    for i in reversed(range(n_time)):
        ops.flip(time[i], chain[i])
        if i:
            # The carry into this bit is the AND of the one below with that bit, still unchanged.
            ops.flip(chain[i], chain[i - 1], time[i - 1])
    builder = CircuitBuilder("tick", 2 * n_time + 1)
    ops.emit(builder, range(builder.n_qubits))
    return builder.build()


def history_supported(step: SlotEncoding, n_time: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """1 on the basis states [time..., slots] in use, 0 elsewhere."""
    return np.tile(step.layout.supported, 2**n_time)
