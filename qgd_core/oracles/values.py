"""Values computed by reversible arithmetic: a + b i + c i^2 in fixed point, by adders and a square; no table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qgd_core.circuit.reversible import Reversible


@dataclass(frozen=True)
class Arithmetic:
    """Reversible steps on [index..., value..., clean...], registers with their lowest bit first."""

    ops: Reversible
    n_index: int
    n_value: int
    n_clean: int


def polynomial_value(coefficients: Sequence[int], n_index: int, n_value: int) -> Arithmetic:
    """Plan |i>|0>|0> -> |i>|a + b i + c i^2 mod 2**n_value>|0>.

    Arguments: coefficients a, b, c, integers of any sign; n_index of i and n_value of the value, qubits.
    Result: exact, signs none; O(n_value^2 + n_index^2) gates: an addition a digit of b and of c (non-adjacent form),
    n_index additions for the square and as many to undo it.
    Raises: nothing.
    Source: ripple-carry addition with carries in clean qubits, Gidney, arXiv:1709.06648, and the schoolbook square.
    """
    constant, linear, quadratic = coefficients
    ops = Reversible()
    index = range(n_index)
    value = range(n_index, n_index + n_value)
    squared = 2 * n_index if quadratic else 0
    square = range(value.stop, value.stop + squared)
    row = range(square.stop, square.stop + (n_index if quadratic else 0))
    carries = range(row.stop, row.stop + max(n_value, squared))
    for k, bit in enumerate(value):
        if constant % 2**n_value >> k & 1:
            ops.flip(bit)
    _add_multiple(ops, linear, index, value, carries)
    if quadratic:
        start = len(ops)
        for k in index:
            _mask(ops, index, k, row)
            add(ops, row, square[k:], carries)
            _mask(ops, index, k, row)
        stop = len(ops)
        _add_multiple(ops, quadratic, square, value, carries)
        ops.undo(start, stop)
    return Arithmetic(ops, n_index, n_value, carries.stop - value.stop)


def add(ops: Reversible, source: Sequence[int], target: Sequence[int], carries: Sequence[int]) -> None:
    """Append target += source modulo the target's size; lowest bits first, carries clean before and after."""
    top = len(target) - 1
    spans = []
    for k in range(top):
        start = len(ops)
        _carry(ops, source, target, carries, k)
        spans.append((start, len(ops)))
    _sum(ops, source, target, carries, top)
    for k in reversed(range(top)):
        ops.undo(*spans[k])
        _sum(ops, source, target, carries, k)


def carry_out(ops: Reversible, source: Sequence[int], target: Sequence[int], carries: Sequence[int]) -> None:
    """Append the carries of source + target, carries[k] being that out of bit k; both registers are kept."""
    for k in range(len(target)):
        _carry(ops, source, target, carries, k)


def _carry(
    ops: Reversible, source: Sequence[int], target: Sequence[int], carries: Sequence[int], k: int
) -> None:
    """The carry out of bit k, both registers kept: the majority of two bits and the carry in."""
    if k >= len(source):
        ops.flip(carries[k], target[k], carries[k - 1])
        return
    both = (source[k], target[k])
    for bit in both if k else ():
        ops.flip(bit, carries[k - 1])
    ops.flip(carries[k], *both)
    for bit in (*both, carries[k]) if k else ():
        ops.flip(bit, carries[k - 1])


def _sum(
    ops: Reversible, source: Sequence[int], target: Sequence[int], carries: Sequence[int], k: int
) -> None:
    if k:
        ops.flip(target[k], carries[k - 1])
    if k < len(source):
        ops.flip(target[k], source[k])


def _add_multiple(
    ops: Reversible, factor: int, source: Sequence[int], target: Sequence[int], carries: Sequence[int]
) -> None:
    """Append target += factor * source, an addition or a subtraction a digit."""
    power = 0
    while factor and power < len(target):
        if factor & 1:
            sign = 2 - (factor & 3)
            own = target[power:]
            # Subtracting is adding to the complement.
            if sign < 0:
                _complement(ops, own)
            add(ops, source[: len(own)], own, carries)
            if sign < 0:
                _complement(ops, own)
            factor -= sign
        factor >>= 1
        power += 1


def _complement(ops: Reversible, register: Sequence[int]) -> None:
    for bit in register:
        ops.flip(bit)


def _mask(ops: Reversible, index: Sequence[int], k: int, row: Sequence[int]) -> None:
    """Write the index into the row where its bit k is 1; its own inverse."""
    for bit, held in zip(index, row, strict=True):
        if bit == index[k]:
            ops.flip(held, bit)
        else:
            ops.flip(held, index[k], bit)
