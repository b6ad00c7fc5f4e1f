"""Sparse matrices by formula: positions by adders, masks and products, values by rotations; nothing is tabulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.errors import ConfigError
from qgd_core.oracles.base import Formula, Indices, SparseOracle, Values
from qgd_core.oracles.data import Table, load
from qgd_core.oracles.shifts import Shift, shift_by_label


def stencil(diagonals: Mapping[int, complex], n_system: int, *, periodic: bool = False) -> SparseOracle:
    """Oracle of constant diagonals, as `encodings.toeplitz` encodes them.

    Arguments: diagonals, value by column less row, keys of magnitude below 2**n_system; periodic, to let them run
    round instead of ending at the boundary.
    Result: one label a diagonal; positions by an adder and values by one rotation a label, exact: about
    18 n_system CX for three diagonals, twice that at a boundary.
    Raises: ConfigError when a key is out of range, an entry is not finite or all are zero.
    Source: banded oracles of Camps et al., arXiv:2203.10236, section 4.
    """
    kept = {int(d): value for d, value in diagonals.items() if value}
    n = 2**n_system
    if not kept or not all(np.isfinite(value) for value in kept.values()):
        raise ConfigError(f"Diagonals {dict(diagonals)} need a finite entry other than zero.")
    if any(abs(d) >= n for d in kept) or (periodic and len({d % n for d in kept}) < len(kept)):
        raise ConfigError(f"Diagonals {sorted(kept)} do not fit {n} rows.", subject=diagonals)
    steps, values = np.array([-d for d in kept]), np.array(list(kept.values()))

    def value(label: Indices, column: Indices) -> Values:
        row = np.asarray(column) + steps[label]
        return np.asarray(np.where(periodic | ((row >= 0) & (row < n)), values[label], 0.0))

    moving = [int(step) for step in steps if step]

    def test() -> tuple[Table, int]:
        """Add, with flags where the sum lies outside: what is there has no entry."""
        shift = shift_by_label(moving, n_system, flagged=True)
        return _adder(steps, n_system, shift), shift.n_flags

    def place() -> Table:
        return _adder(steps, n_system, shift_by_label(moving, n_system, exact=True))

    return SparseOracle(
        n_system,
        len(kept),
        lambda label, column: (column + steps[label]) % n,
        value,
        Formula(place, values, None if periodic else test),
    )


def masked(masks: Sequence[int], values: ArrayLike, n_system: int) -> SparseOracle:
    """Oracle of entries values[l] at row (column XOR masks[l]): hashed patterns, hypercubes, Pauli X strings.

    Arguments: masks, different integers below 2**n_system; values, real or complex, one a mask.
    Result: positions by one table of the masks, CX from what addresses it to the column itself; exact.
    Raises: ConfigError when masks coincide or do not fit, or values are not as many, finite and not all zero.
    Source: unary iteration, arXiv:1805.03662, section III.A.
    """
    words, found = np.array(masks, dtype=object), np.asarray(values)
    if len({*masks}) != len(masks) or any(not 0 <= mask < 2**n_system for mask in masks):
        raise ConfigError(f"Masks {list(masks)} must differ and lie below 2**{n_system}.", subject=masks)
    _check(found, len(masks))
    return SparseOracle(
        n_system,
        len(masks),
        lambda label, column: column ^ words[label].astype(np.int64),
        lambda label, column: np.broadcast_to(found[label], np.broadcast(label, column).shape),
        Formula(lambda: _labelled(load([int(word) for word in masks], n_system, "masks"), len(masks)), found),
    )


def permuted(factors: Sequence[int], values: ArrayLike, n_system: int) -> SparseOracle:
    """Oracle of entries values[l] at row factors[l] * column modulo 2**n_system, every factor odd.

    Arguments: factors, odd, different modulo 2**n_system; values, real or complex, one a factor.
    Result: positions by additions in place, O(n_system**2) CX a factor; exact.
    Raises: ConfigError when a factor is even or two coincide, or values are not as many, finite and not all zero.
    Source: an odd factor is 1 + 2 h: from the highest bit down, each adds h times itself to what stands above it.
    """
    n, found = 2**n_system, np.asarray(values)
    own = [int(factor) % n for factor in factors]
    if len({*own}) != len(own) or any(factor % 2 == 0 for factor in own):
        raise ConfigError(f"Factors {list(factors)} must be odd and differ modulo {n}.", subject=factors)
    _check(found, len(own))
    words = np.array(own, dtype=object)
    return SparseOracle(
        n_system,
        len(own),
        lambda label, column: (words[label] * np.asarray(column, dtype=object) % n).astype(np.int64),
        lambda label, column: np.broadcast_to(found[label], np.broadcast(label, column).shape),
        Formula(lambda: _products(own, n_system), found),
    )


def _check(values: Values, count: int) -> None:
    if values.shape != (count,) or not np.isfinite(values).all() or not np.any(values):
        raise ConfigError(
            f"Values need shape ({count},), finite and not all zero, got shape {values.shape}.",
            subject=values,
        )


def _label_qubits(count: int) -> int:
    return (count - 1).bit_length()


def _labelled(table: Table, count: int) -> Table:
    """A table whose address is the label: a single label has no qubit, its address is a clean one."""
    if count > 1:
        return table
    circuit, n_clean = table.circuit, table.n_clean + 1
    builder = CircuitBuilder(circuit.name, circuit.n_qubits)
    width = circuit.n_qubits - n_clean
    builder.call(circuit, [width, *range(width), *range(width + 1, circuit.n_qubits)])
    return Table(builder.build(), n_clean)


def _adder(steps: Sequence[int] | Indices, n_system: int, shift: Shift) -> Table:
    """Circuit on [label..., column..., flags..., clean...] that adds steps[label] to the column."""
    hot = [label for label, step in enumerate(steps) if step]
    m, n_flags = _label_qubits(len(steps)), shift.n_flags
    decoder = _one_hot(hot, len(steps))
    if decoder is None:
        return Table(CircuitBuilder("add_step", m + n_system + n_flags).build(), 0)
    n_clean = len(hot) + max(shift.n_carries, decoder.n_clean)
    builder = CircuitBuilder("add_step", m + n_system + n_flags + n_clean)
    start = m + n_system + n_flags
    labels, spare = range(start, start + len(hot)), range(start + len(hot), builder.n_qubits)
    address = [*range(m), *labels, *spare[: decoder.n_clean]]
    builder.call(decoder.circuit, address)
    _emit(builder, shift, labels, range(m, start), spare)
    builder.call(decoder.circuit, address, adjoint=True)
    return Table(builder.build(), n_clean)


def _products(factors: list[int], n_system: int) -> Table:
    """Circuit on [label..., column..., clean...] that multiplies the column by factors[label]."""
    hot = [label for label, factor in enumerate(factors) if factor != 1]
    m = _label_qubits(len(factors))
    decoder = _one_hot(hot, len(factors))
    if decoder is None:
        return Table(CircuitBuilder("multiply", m + n_system).build(), 0)
    halves = [factors[label] >> 1 for label in hot]
    n_clean = 2 * len(hot) + max(n_system, decoder.n_clean)
    builder = CircuitBuilder("multiply", m + n_system + n_clean)
    start = m + n_system
    labels, both = range(start, start + len(hot)), range(start + len(hot), start + 2 * len(hot))
    spare = range(both.stop, builder.n_qubits)
    address = [*range(m), *labels, *spare[: decoder.n_clean]]
    builder.call(decoder.circuit, address)
    for above in range(1, n_system):
        bit, upper = m + above, range(m, m + above)
        used = [k for k, half in enumerate(halves) if half % 2**above]
        if used:
            joined = Reversible()
            for place in range(len(used)):
                joined.flip(1 + len(used) + place, 0, 1 + place)
            wires = [bit, *(labels[k] for k in used), *(both[k] for k in used)]
            joined.emit(builder, wires)
            shift = shift_by_label([halves[k] % 2**above for k in used], above, exact=True)
            _emit(builder, shift, [both[k] for k in used], upper, spare)
            joined.emit(builder, wires)
    builder.call(decoder.circuit, address, adjoint=True)
    return Table(builder.build(), n_clean)


def _one_hot(hot: list[int], count: int) -> Table | None:
    """Circuit on [label..., one qubit a label of `hot`, clean...] that marks the label."""
    words = [1 << (len(hot) - 1 - hot.index(label)) if label in hot else 0 for label in range(count)]
    return _labelled(load(words, len(hot), "one_hot"), count) if hot else None


def _emit(
    builder: CircuitBuilder, shift: Shift, labels: Sequence[int], rest: Sequence[int], spare: Sequence[int]
) -> None:
    """Add, and leave the labels one-hot; `rest` is the column and then the flags."""
    if shift.filled is not None:
        for other in range(len(labels)):
            if other != shift.filled:
                shift.ops.flip(shift.filled, other)
    shift.ops.emit(builder, [*labels, *rest, *spare[: shift.n_carries]])
