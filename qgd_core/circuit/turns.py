"""Multiplexed Ry with open ends: one CZ fewer wherever a sign on the target does not matter."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import CircuitBuilder

_RELATIVE_ZERO = 1e-15


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
    words = _rotations(np.asarray(angles, dtype=np.float64).reshape((2,) * len(selects)))
    if not words:
        return
    # The Gray path ends on the word of the first select alone; run backwards it begins there.
    path = [*reversed(words)] if before else words
    mask = _bits(path[0][0], selects) & set(before)
    for word, angle in path:
        wanted = _bits(word, selects)
        _flip(builder, mask ^ wanted, target)
        mask = wanted
        builder.gate("ry", [target], [angle])
    _flip(builder, mask - set(after), target)


def _rotations(angles: RealArray) -> list[tuple[int, float]]:
    """Non-zero Walsh coefficients with their words, in Gray order: angles[i] = sum_w a_w (-1)^popcount(i & w)."""
    zero = _RELATIVE_ZERO * (1 + float(np.abs(angles).max()))
    for axis in range(angles.ndim):
        low, high = np.moveaxis(angles, axis, 0)
        angles = np.stack([low + high, low - high], axis) / 2
    turns = angles.reshape(-1)
    order = [i ^ (i >> 1) for i in range(turns.size)]
    return [(word, float(turns[word])) for word in order if abs(turns[word]) > zero]


def _bits(word: int, selects: Sequence[int]) -> set[int]:
    return {qubit for i, qubit in enumerate(reversed(selects)) if word >> i & 1}


def _flip(builder: CircuitBuilder, qubits: set[int], target: int) -> None:
    for qubit in sorted(qubits):
        builder.gate("z", [target], controls=((qubit, 1),))
