"""Sparse matrices by formula: positions by adders, masks and products, values by rotations; nothing is tabulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.errors import ConfigError
from qgd_core.oracles.base import Computed, Formula, Indices, SparseOracle, Values
from qgd_core.oracles.comparison import compare_values
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


def banded(
    diagonals: Mapping[int, Sequence[float]], n_system: int, bits: int, *, periodic: bool = False
) -> SparseOracle:
    """Oracle of diagonals that vary by a formula: a + b j + c j^2 in column j.

    Arguments: diagonals, up to three real coefficients by column less row, keys as for `stencil`; n_system; bits >= 1;
    periodic, to let them run round instead of ending at the boundary.
    Result: one label a diagonal; positions by an adder, values by arithmetic and a comparison, each within 2**-bits of the
    largest over 1 - 2**-bits: O(bits^2 + n_system^2) CX a diagonal. Classical access gives the entries asked for.
    Raises: ConfigError when a key is out of range, a coefficient is not finite or all are zero, or bits is below 1.
    Source: as `stencil`, and the inequality test of Sanders, Low, Scherer, Berry, arXiv:1807.03206.
    """
    kept = {int(d): tuple(formula) for d, formula in diagonals.items() if np.any(formula)}
    comparisons = compare_values(list(kept.values()), n_system, bits)
    # Which diagonals there are, and where they end, does not depend on their entries.
    pattern = stencil(dict.fromkeys(kept, 1.0), n_system, periodic=periodic)
    assert pattern.formula is not None
    test = pattern.formula.test
    coefficients = np.array([one.coefficients for one in comparisons])
    n_value, scale, m = comparisons[0].n_value, comparisons[0].scale, pattern.label_qubits + n_system
    n_flags = test()[1] if test else 0

    def value(label: Indices, column: Indices) -> Values:
        j = np.asarray(column, dtype=np.float64)
        a, b, c = (coefficients[label, k] for k in range(3))
        return np.asarray(pattern.value(label, column) * (a + b * j + c * j**2))

    def build() -> Table:
        """Each label's comparison under that label, then an entry qubit a flag."""
        tables = [one.table() for one in comparisons]
        outside = test()[0] if test else None
        n_clean = max(*(table.n_clean for table in tables), n_flags + (outside.n_clean if outside else 0))
        n_entry = n_value + n_flags
        builder = CircuitBuilder("computed_entry", m + n_entry + n_clean)
        address, clean = range(m), range(m + n_entry, builder.n_qubits)
        labels, column = address[: pattern.label_qubits], address[pattern.label_qubits :]
        for label, table in enumerate(tables):
            chosen = tuple((q, label >> (len(labels) - 1 - k) & 1) for k, q in enumerate(labels))
            wires = [*column, *range(m, m + n_value), *clean[: table.n_clean]]
            builder.call(table.circuit, wires, controls=chosen)
        if outside:
            held = [*address, *clean[: n_flags + outside.n_clean]]
            builder.call(outside.circuit, held)
            for flag, entry in zip(clean[:n_flags], range(m + n_value, m + n_entry), strict=True):
                builder.gate("x", [entry], controls=((flag, 1),))
            builder.call(outside.circuit, held, adjoint=True)
        return Table(builder.build(), n_clean)

    formula = Formula(
        pattern.formula.place,
        coefficients[:, 0],
        test,
        Computed(build, n_value + n_flags, scale, scale * 2.0**-bits),
    )
    return SparseOracle(n_system, len(kept), pattern.row, value, formula)


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


def permuted(
    factors: Sequence[int], values: ArrayLike, n_system: int, offsets: Sequence[int] | None = None
) -> SparseOracle:
    """Oracle of entries values[l] at row factors[l] * column + offsets[l] modulo 2**n_system, every factor odd.

    Arguments: factors, odd; values, real or complex, one a factor; offsets, one a factor or None for zeros; no two
    factors with the same offset may agree modulo 2**n_system.
    Result: positions by additions in place, O(n_system**2) CX a factor and 9 n_system for the offsets; exact. Entries
    that meet in one place add up.
    Raises: ConfigError when a factor is even or two rows coincide, or values are not as many, finite and not all zero.
    Source: an odd factor is 1 + 2 h: from the highest bit down, each adds h times itself to what stands above it.
    """
    n, found = 2**n_system, np.asarray(values)
    own = [int(factor) % n for factor in factors]
    moves = [0] * len(own) if offsets is None else [int(offset) % n for offset in offsets]
    if len(moves) != len(own) or len({*zip(own, moves, strict=True)}) != len(own):
        raise ConfigError(
            f"Factors {list(factors)} and their offsets must differ modulo {n}.", subject=factors
        )
    if any(factor % 2 == 0 for factor in own):
        raise ConfigError(f"Factors {list(factors)} must be odd.", subject=factors)
    _check(found, len(own))
    words, steps = np.array(own, dtype=object), np.array(moves, dtype=object)

    def place() -> Table:
        multiply = _products(own, n_system)
        used = [move for move in moves if move]
        if not used:
            return multiply
        add = _adder(moves, n_system, shift_by_label(used, n_system, exact=True))
        n_clean = max(multiply.n_clean, add.n_clean)
        builder = CircuitBuilder("multiply_and_add", multiply.circuit.n_qubits - multiply.n_clean + n_clean)
        for table in (multiply, add):
            builder.call(table.circuit, range(table.circuit.n_qubits))
        return Table(builder.build(), n_clean)

    return SparseOracle(
        n_system,
        len(own),
        lambda label, column: ((words[label] * np.asarray(column, dtype=object) + steps[label]) % n).astype(
            np.int64
        ),
        lambda label, column: np.broadcast_to(found[label], np.broadcast(label, column).shape),
        Formula(place, found),
    )


def hashed(values: ArrayLike, n_system: int, seed: int) -> SparseOracle:
    """Oracle of a mask drawn by hashing: values[l] at row (a_l column + b_l) modulo 2**n_system, a_l odd.

    Arguments: values, real or complex, one a label; n_system; seed of the hash functions.
    Result: as `permuted`, with factors and offsets from the seed: a sparse pattern of any size that nothing stores.
    Raises: ConfigError when values are not finite and not all zero, or more than 2**(2 n_system - 1).
    Source: multiplicative hashing, Dietzfelbinger et al., J. Algorithms 25, 19 (1997).
    """
    found, rng, n = np.asarray(values), np.random.default_rng(seed), 2**n_system
    if 2 * found.size > n * n:
        raise ConfigError(
            f"{found.size} hash functions do not differ on {n} columns.", value=float(found.size)
        )
    drawn: dict[tuple[int, int], None] = {}
    while len(drawn) < found.size:
        words = [int.from_bytes(rng.bytes(n_system // 8 + 1), "big") % n for _ in range(2)]
        drawn[words[0] | 1, words[1]] = None
    return permuted([a for a, _ in drawn], found, n_system, [b for _, b in drawn])


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
