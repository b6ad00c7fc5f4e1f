"""The history matrix of the implicit trapezoid, from one encoding of the generator: two labels and a time register."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.action import Action, Adding, add_multiple, strips, tiles, transposed
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.slot_history import HistoryLayout, increment, mark_steps
from qgd_core.errors import ConfigError

# Rows of the history past which it is not assembled.
_ASSEMBLED = 1 << 20


def encode_trapezoid(generator: BlockEncoding, step: float, n_time: int, n_idle: int) -> BlockEncoding:
    """Encode (I - S) (x) I - (h/2) (I + S) P (x) A on 2**n_time blocks: S shifts by a block, P keeps all but copies.

    Arguments: generator, encoding of A; step, h > 0; n_time >= 1; n_idle below it: the last 2**n_idle blocks are
    copies. Columns before them hold 1 - h A / 2 on the diagonal and -(1 + h A / 2) below it.
    Result: an encoding with alpha = 2 + h alpha_A on [time..., system], as exact as the generator's. It calls the
    generator once, under one gate. With z_0 on the right in block s the first copy holds as many trapezoid steps
    from z_0 as there are blocks from s to it: the start's half step stands in its own block.
    Raises: ConfigError where the blocks do not fit, or h is not positive.
    Source: An, Onwunta, Yang, arXiv:2410.13189, for the history of a trapezoid; the labels are derived here.
    """
    if n_time < 1 or not 0 <= n_idle < n_time:
        raise ConfigError(f"2**{n_idle} copies do not fit into 2**{n_time} blocks.", value=n_time)
    if not (math.isfinite(step) and step > 0.0):
        raise ConfigError(f"A step is {step}, it must be positive and finite.", value=step)
    n_projected = generator.n_projected
    n_ancilla = 3 + n_projected + generator.restored + n_time

    def build() -> Circuit:
        builder = CircuitBuilder("trapezoid_history", n_ancilla + n_time + generator.n_system)
        slope, later, overflow = 0, 1, 2 + n_projected
        kept = range(overflow + 1, overflow + 1 + generator.restored)
        own = [*range(2, overflow), *kept]
        act, carries = kept.stop, range(kept.stop + 1, n_ancilla)
        time = range(n_ancilla, n_ancilla + n_time)
        angle = 2.0 * math.atan(math.sqrt(step * generator.alpha / 2.0))
        builder.gate("ry", [slope], [angle])
        builder.gate("ry", [later], [math.pi / 2])
        n_leading = n_time - n_idle
        mark, marked = mark_steps(n_time, n_leading), [slope, act, *carries[: n_leading - 1], *time]
        builder.call(mark, marked)
        # A copy has no slope: an ancilla of the generator, idle then, takes it.
        for flag in (slope, act):
            builder.gate("x", [own[0]], controls=((flag, 1),))
        builder.call(generator.gated(), [act, *own, *range(time.stop, builder.n_qubits)])
        builder.call(mark, marked, adjoint=True)
        builder.call(increment(n_time), [later, overflow, *carries, *time])
        builder.gate("z", [later], controls=((slope, 1),))
        builder.gate("ry", [later], [math.pi / 2])
        builder.gate("ry", [slope], [angle])
        return builder.build()

    two_qubit, rotations = generator.gated_cost()
    extra = 7 * n_time + 6 * (n_time - n_idle) + 3
    alpha = 2.0 + step * generator.alpha
    return BlockEncoding(
        method="trapezoid_history",
        target=_target(generator.target, step, n_time, n_idle),
        alpha=alpha,
        n_system=n_time + generator.n_system,
        n_ancilla=n_ancilla,
        eps=step * generator.eps + 1e-15 * alpha,
        two_qubit=two_qubit + extra,
        rotations=rotations + 2 * extra + 10 * n_time + 6,
        build=build,
        restored=n_ancilla - 3 - n_projected,
        clean=n_time + generator.clean,
        layout=None if generator.layout is None else HistoryLayout(generator.layout, n_time),
    )


def _target(generator: Action, step: float, n_time: int, n_idle: int) -> Action:
    """The matrix, assembled up to 2**20 rows."""
    blocks, size = 2**n_time, generator.shape[0]
    active = blocks - 2**n_idle
    if blocks * size <= _ASSEMBLED and not isinstance(generator, LinearOperator):
        below = sp.eye_array(blocks, k=-1, format="csr")
        weights = sp.csr_array(sp.diags_array(np.where(np.arange(blocks) < active, step / 2, 0.0)))
        one, system = sp.eye_array(blocks, format="csr"), sp.eye_array(size, format="csr")
        slopes = sp.csr_array((one + below) @ weights)
        return sp.csr_array(sp.kron(one - below, system) - sp.kron(slopes, generator))

    ahead, back = strips(generator), strips(transposed(generator))

    def forward(x: RealArray, y: RealArray, factor: float) -> None:
        rows, out = np.reshape(x, (blocks, size)), np.reshape(y, (blocks, size))
        add_multiple(x, y, factor)
        add_multiple(x[:-size], y[size:], -factor)
        for at, here, found in tiles(ahead, rows[:active]):
            found *= factor * step / 2
            out[at, here] -= found
            out[at.start + 1 : at.stop + 1, here] -= found

    def backward(x: RealArray, y: RealArray, factor: float) -> None:
        rows, out = np.reshape(x, (blocks, size)), np.reshape(y, (blocks, size))
        add_multiple(x, y, factor)
        add_multiple(x[size:], y[:-size], -factor)
        for at, here, found in tiles(back, rows[: active + 1]):
            found *= factor * step / 2
            # Of a block and of the one after it, P keeping all but copies.
            own, first = slice(at.start, min(at.stop, active)), max(1, at.start)
            out[own, here] -= found[: own.stop - own.start]
            out[first - 1 : at.stop - 1, here] -= found[first - at.start :]

    return Adding(blocks * size, forward, backward, generator.dtype)
