"""Multiplexed Ry between CZ, without the CZ whose sign does not matter or is wanted elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.multiplex import gray_turns

Steps = list[tuple[set[int], float]]


def turn(
    builder: CircuitBuilder,
    selects: Sequence[int],
    target: int,
    angles: ArrayLike,
    *,
    before: Collection[int] = (),
    after: Collection[int] = (),
) -> None:
    """Append Ry(angles[i]) on the target where the selects read i, up to CZ at its ends that need not run.

    Arguments: builder; selects, m qubits, first most significant; target; angles (2**m,); before and after, the
    selects whose CZ with the target may be missing at that end: all of them where the target is |0> before, or
    is projected on |0> after, since a sign on |1> is then not seen.
    Result: at most 2**m rotations and 2**m CZ, 2**m - 1 with an open end, exact but for the CZ of open ends.
    Raises: nothing.
    Source: Mottonen et al., arXiv:quant-ph/0404089, Fig. 2, with CZ in the place of CX.
    """
    steps = _steps(selects, angles)
    if not steps:
        return
    # The Gray path ends on the word of the first select alone; run backwards it begins there.
    path = steps[::-1] if before else steps
    _walk(builder, target, path, path[0][0] & set(before), path[-1][0] & set(after))


def open_turn(builder: CircuitBuilder, selects: Sequence[int], target: int, angles: ArrayLike) -> None:
    """Append a multiplexed Ry that always leaves a sign -1 where the target and selects[0] are 1.

    Arguments: as `turn`.
    Result: at most 2**m - 1 CZ, one for angles that are all zero.
    Raises: nothing.
    Source: as `turn`.
    """
    _walk(builder, target, _steps(selects, angles), (), selects[:1])


def chained_turn(
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
    Arguments: as `turn`, and previous, qubits of which at most one is 1 (none: the same as `open_turn`).
    Result: at most 2 (2**m - 1) + len(previous) CZ.
    Raises: nothing.
    Source: two halves that cancel across the CZ; the last CZ of each half meets the other's.
    """
    if not previous:
        open_turn(builder, selects, target, angles)
        return
    half = np.pi if fill else 0.0
    second = [(word | {*previous}, angle) for word, angle in _steps(selects, (angles + half) / 2)]
    _walk(builder, target, [*_steps(selects, (angles - half) / 2), *second[::-1]], (), previous)


def chain_angles(amplitudes: RealArray) -> RealArray:
    """Angles of a chain for amplitudes of shape (labels, ...), the all-zero label first and the only one signed freely."""
    angles = np.zeros_like(amplitudes[1:])
    rest = amplitudes[0].copy()
    for k in reversed(range(angles.shape[0])):
        angles[k] = 2.0 * np.arctan2(amplitudes[k + 1], rest)
        rest = np.hypot(rest, amplitudes[k + 1])
    return angles


def _steps(selects: Sequence[int], angles: ArrayLike) -> Steps:
    """Rotations with the selects whose parity gives their sign, in Gray order."""
    lowest_first = selects[::-1]
    return [
        ({qubit for i, qubit in enumerate(lowest_first) if word >> i & 1}, angle)
        for word, angle in gray_turns(np.asarray(angles, dtype=np.float64).reshape((2,) * len(selects)))
    ]


def _walk(
    builder: CircuitBuilder, target: int, steps: Steps, start: Iterable[int], stop: Iterable[int]
) -> None:
    """Append the rotations between CZ; those of `start` and `stop` are taken as done, and left undone."""
    mask = set(start)
    for wanted, angle in steps:
        _flip(builder, mask ^ wanted, target)
        mask = wanted
        builder.gate("ry", [target], [angle])
    _flip(builder, mask ^ {*stop}, target)


def _flip(builder: CircuitBuilder, qubits: set[int], target: int) -> None:
    for qubit in sorted(qubits):
        builder.gate("z", [target], controls=((qubit, 1),))
