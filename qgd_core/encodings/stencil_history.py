"""The history matrix of a constant-coefficient Carleman step: I - shift (x) M, the identity being one more label."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.base import Action, BlockEncoding
from qgd_core.encodings.stencil import StencilEncoding
from qgd_core.oracles.shifts import shift_by_label


def encode_stencil_history(step: StencilEncoding, n_time: int) -> BlockEncoding:
    """Encode I - S (x) M on 2**n_time blocks, S taking block t to t + 1 and the last one to nothing.

    Arguments: step, encoding of M; n_time >= 1.
    Result: an encoding with alpha = 1 + step.alpha on [time..., slots], exact to rounding on the supported states;
    7 n_time + 14 CX more than the step at most. `target` is a LinearOperator where the step's is.
    Raises: nothing.
    Source: Eq 6 of arXiv:2303.03428, without its copies of the last block.
    """
    tick = shift_by_label([1], n_time, flagged=True)
    shared = max(tick.n_carries, step.restored)
    n_projected, n_system = 2 + step.n_ancilla - step.restored, n_time + step.n_system
    n_ancilla = n_projected + shared + 1

    def build() -> Circuit:
        builder = CircuitBuilder("stencil_history", n_ancilla + n_system)
        label, overflow, own = 0, 1, range(2, n_projected)
        carries = range(n_projected, n_projected + shared)
        time = range(n_ancilla, n_ancilla + n_time)
        slots = range(n_ancilla + n_time, builder.n_qubits)
        angle = 2.0 * math.atan(math.sqrt(step.alpha))
        builder.gate("ry", [label], [angle])
        builder.call(step.build_gated(), [label, *own, *carries[: step.restored], n_ancilla - 1, *slots])
        tick.ops.emit(builder, [label, *time, overflow, *carries[: tick.n_carries]])
        builder.gate("ry", [label], [angle])
        return builder.build()

    extra = tick.ops.two_qubit + 14
    return BlockEncoding(
        method="stencil_history",
        target=_history(step, n_time),
        alpha=1.0 + step.alpha,
        n_system=n_system,
        n_ancilla=n_ancilla,
        eps=step.eps + 1e-15,
        two_qubit=step.two_qubit + extra,
        rotations=step.rotations + 10,
        build=build,
        restored=shared + 1,
    )


def _history(step: StencilEncoding, n_time: int) -> Action:
    """I - S (x) M."""
    count, size = 2**n_time, 2**step.n_system
    if not isinstance(step.target, LinearOperator):
        later = sp.kron(sp.eye_array(count, k=-1), step.target)
        return sp.csr_array(sp.eye_array(count * size) - later)

    def apply(x: RealArray, move: Action, by: int) -> RealArray:
        blocks = x.reshape(count, size)
        found = blocks.copy()
        for t in range(count - 1):
            to, of = (t + 1, t) if by > 0 else (t, t + 1)
            found[to] -= move @ blocks[of]
        return found.reshape(x.shape)

    return LinearOperator(
        (count * size, count * size),
        matvec=lambda x: apply(x, step.target, 1),
        rmatvec=lambda x: apply(x, step.target.H, -1),
        dtype=np.float64,
    )
