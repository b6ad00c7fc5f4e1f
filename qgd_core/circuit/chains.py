"""One-hot label states: rotations multiplexed over a register, without the gates that only change signs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import CircuitBuilder


def open_ry(builder: CircuitBuilder, selects: Sequence[int], target: int, angles: RealArray) -> None:
    """Append a multiplexed Ry less its last CZ: exact up to a sign -1 where target and selects[0] are 1.

    Arguments: selects, m qubits; angles, shape (2**m,) (or one angle for no selects).
    Result: 2**m - 1 CZ.
    Raises: nothing.
    Source: Mottonen et al., arXiv:quant-ph/0404089, figure 2, with CZ for CX.
    """
    for op in _gray(selects, angles):
        _append(builder, op, target)


def chained_ry(
    builder: CircuitBuilder,
    selects: Sequence[int],
    target: int,
    angles: RealArray,
    previous: Sequence[int],
    *,
    fill: bool = False,
) -> None:
    """Append a multiplexed Ry on |0> for the case that no qubit of `previous` is 1.

    Where exactly one of `previous` is 1 the target stays |0>, or with `fill` becomes |1>; no sign is left.
    Arguments: as `open_ry`, and previous, qubits of which at most one is 1 (none: the same as `open_ry`).
    Result: 2 (2**m - 1) + len(previous) CZ.
    Raises: nothing.
    Source: two halves that cancel across the CZ; the last CZ of each half meets the other's.
    """
    if not previous:
        open_ry(builder, selects, target, angles)
        return
    turn = np.pi if fill else 0.0
    for op in _gray(selects, (angles - turn) / 2):
        _append(builder, op, target)
    for qubit in previous:
        builder.gate("z", [target], (), ((qubit, 1),))
    for op in reversed(_gray(selects, (angles + turn) / 2)):
        _append(builder, op, target)


def chain_angles(amplitudes: RealArray) -> RealArray:
    """Angles of a chain for amplitudes of shape (labels, ...), the all-zero label first and the only one signed freely."""
    angles = np.zeros_like(amplitudes[1:])
    rest = amplitudes[0].copy()
    for k in reversed(range(angles.shape[0])):
        angles[k] = 2.0 * np.arctan2(amplitudes[k + 1], rest)
        rest = np.hypot(rest, amplitudes[k + 1])
    return angles


def _gray(selects: Sequence[int], angles: RealArray) -> list[int | float]:
    """Angles (float) and selects to apply a CZ from (int), in order."""
    m = len(selects)
    turns = angles.reshape((2,) * m)
    for axis in range(m):
        low, high = np.moveaxis(turns, axis, 0)
        turns = np.stack([low + high, low - high], axis) / 2
    flat = turns.reshape(-1)
    ops: list[int | float] = [float(flat[0])]
    for step in range(1, 2**m):
        changed = (step & -step).bit_length() - 1
        ops += [selects[m - 1 - changed], float(flat[step ^ (step >> 1)])]
    return ops


def _append(builder: CircuitBuilder, op: int | float, target: int) -> None:
    if isinstance(op, int):
        builder.gate("z", [target], (), ((op, 1),))
    elif op:
        builder.gate("ry", [target], [op])
