"""History matrices by structure: an encoding of the step, a time register, and the identity as one more label."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.circuit.turns import turn
from qgd_core.encodings.action import Action, Adding, add_multiple, strips, tiles, transposed
from qgd_core.encodings.base import BlockEncoding, Layout
from qgd_core.errors import ConfigError

# Qubits of time and system past which the classical action is not assembled.
_MOST_ASSEMBLED = 20
_ROUNDING = 1e-12


def encode_history(step: BlockEncoding, n_time: int, n_idle: int | None = None) -> BlockEncoding:
    """Encode I - S (x) M on 2**n_time blocks, S taking block t to t + 1 and the last one to nothing.

    Arguments: step, encoding of M; n_time >= 1, t; n_idle, None, or below t: the last 2**n_idle blocks are copies,
    the identity standing in the place of M on each of them.
    Result: an encoding with alpha = 1 + step.alpha on [time..., system], as exact as the step's (on the supported
    states, for slots, its adjoint too). For p qubits a slot at most 7 t + 2**(p+2) + 20 CX more than the step, and
    6 (t - n_idle) + 2 for the copies; a stencil's step 7 t + 14 more, any other one runs under one control. 2
    ancillas more, and those that return clean: the step's and t - n_idle for copies, or t - 1 where that is more.
    Raises: ConfigError where the blocks do not fit, or copies meet a step whose alpha is below 1.
    Source: Eq 6 of arXiv:2303.03428 with the idle rows of arXiv:1701.03684, as many as a comparison of leading
    bits marks. A start in block s leaves the blocks before it empty, so any number of steps fits.
    """
    _check(step, n_time, n_idle)
    n_projected = step.n_projected
    idle = n_idle is not None
    # With copies a mark is held while the step runs; the carries come after it.
    n_leading = 0 if n_idle is None else n_time - n_idle
    n_clean = max(step.restored + n_leading, n_time - 1)
    n_ancilla = 2 + n_projected + n_clean

    def build() -> Circuit:
        builder = CircuitBuilder("history", n_ancilla + n_time + step.n_system)
        label, overflow = 0, 1 + n_projected
        clean = range(overflow + 1, n_ancilla)
        own = [*range(1, overflow), *clean[: step.restored]]
        held = clean[step.restored : step.restored + n_leading]
        time = range(n_ancilla, n_ancilla + n_time)
        gate = held[0] if idle else label
        angle = 2.0 * math.atan(math.sqrt(step.alpha))
        builder.gate("ry", [label], [angle])
        if idle:
            mark, marked = mark_steps(n_time, n_leading), [label, *held, *time]
            builder.call(mark, marked)
            # A copy has weight 1 in the step's alpha: the rest is dumped on an ancilla, which then stays 1.
            lost = 2.0 * math.acos(min(1.0, 1.0 / step.alpha))
            ends = [label, gate]
            turn(builder, ends, own[0], [0.0, -lost, lost, 0.0], before=ends, after=ends)
        builder.call(step.gated(), [gate, *own, *range(time.stop, builder.n_qubits)])
        if idle:
            builder.call(mark, marked, adjoint=True)
        builder.call(increment(n_time), [label, overflow, *clean[: n_time - 1], *time])
        builder.gate("ry", [label], [angle])
        return builder.build()

    two_qubit, rotations = step.gated_cost()
    copies = 0 if n_idle is None else 6 * (n_time - n_idle) + 2
    return BlockEncoding(
        method="history",
        target=_target(step.target, n_time, n_idle),
        alpha=1.0 + step.alpha,
        n_system=n_time + step.n_system,
        n_ancilla=n_ancilla,
        eps=step.eps + 1e-15,
        two_qubit=two_qubit + 7 * n_time + copies,
        rotations=rotations + 12 * n_time + 2 * copies + 6,
        build=build,
        restored=n_clean,
        clean=n_clean - step.restored + step.clean,
        layout=None if step.layout is None else HistoryLayout(step.layout, n_time),
    )


@dataclass(frozen=True)
class HistoryLayout:
    """Blocks on [time..., register...], every one laid out as `block`."""

    block: Layout
    n_time: int

    @property
    def supported(self) -> RealArray:
        """1 on the basis states in use, 0 elsewhere."""
        return np.tile(self.block.supported, 2**self.n_time)


def _check(step: BlockEncoding, n_time: int, n_idle: int | None) -> None:
    if n_time < 1 or (n_idle is not None and not 0 <= n_idle < n_time):
        raise ConfigError(
            f"2**{n_idle} copies do not fit into a history of 2**{n_time} blocks.",
            value=n_time,
            remedy="Give the time register at least one qubit, and one more than the copies need.",
        )
    if n_idle is not None and step.alpha < 1.0 - _ROUNDING:
        raise ConfigError(
            f"Copies need a step encoded with alpha of at least 1, got {step.alpha}.",
            value=step.alpha,
            remedy="Adjoin the constant coordinate.",
        )


def mark_steps(n_time: int, n_leading: int) -> Circuit:
    """Set `act` where the label is 1 and a leading time bit is 0: on [label, act, marks..., time...].

    The marks, one less than the leading bits, are left on.
    """
    marks, time = range(2, n_leading + 1), range(n_leading + 1, n_leading + 1 + n_time)
    ops = Reversible()
    held = time[0]
    for bit, mark in zip(time[1:n_leading], marks, strict=True):
        ops.flip(mark, held, bit)
        held = mark
    ops.flip(held)
    ops.flip(1, 0, held)
    ops.flip(held)
    builder = CircuitBuilder("mark_steps", time.stop)
    ops.emit(builder, range(builder.n_qubits))
    return builder.build()


def increment(n_time: int) -> Circuit:
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


def _target(step: Action, n_time: int, n_idle: int | None) -> Action:
    """I - S (x) M, assembled where it is small enough."""
    blocks, size = 2**n_time, step.shape[0]
    active = blocks - 1 if n_idle is None else blocks - 2**n_idle
    if n_time + size.bit_length() - 1 <= _MOST_ASSEMBLED and not isinstance(step, LinearOperator):
        steps, copies = (
            sp.csr_array(sp.coo_array((np.ones(at.size), (at + 1, at)), shape=(blocks, blocks)))
            for at in (np.arange(active), np.arange(active, blocks - 1))
        )
        one = sp.csr_array(sp.eye_array(size))
        return sp.csr_array(sp.eye_array(blocks * size) - sp.kron(steps, step) - sp.kron(copies, one))
    ahead, back = strips(step), strips(transposed(step))

    def forward(x: RealArray, y: RealArray, factor: float) -> None:
        rows, out = np.reshape(x, (blocks, size)), np.reshape(y, (blocks, size))
        add_multiple(x, y, factor)
        for at, here, found in tiles(ahead, rows[:active]):
            found *= factor
            out[at.start + 1 : at.stop + 1, here] -= found
        for block in range(active, blocks - 1):
            add_multiple(rows[block], out[block + 1], -factor)

    def backward(x: RealArray, y: RealArray, factor: float) -> None:
        rows, out = np.reshape(x, (blocks, size)), np.reshape(y, (blocks, size))
        add_multiple(x, y, factor)
        for at, here, found in tiles(back, rows[1 : active + 1]):
            found *= factor
            out[at, here] -= found
        for block in range(active, blocks - 1):
            add_multiple(rows[block + 1], out[block], -factor)

    return Adding(blocks * size, forward, backward, step.dtype)
