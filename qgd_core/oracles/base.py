"""A sparse matrix as the field asks for it: where its entries stand, and what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.errors import ConfigError
from qgd_core.oracles.colouring import colour_edges
from qgd_core.oracles.data import Table, load

Indices = NDArray[np.int64]
Values = NDArray[Any]  # float64 or complex128
_TABULATED = 16


@dataclass(frozen=True, eq=False)
class Computed:
    """Entries by arithmetic: a circuit |l, j>|0>|0> on `n_entry` qubits to project, and clean ones.

    Its amplitude is the entry over `scale`, every entry within `error`.
    """

    build: Callable[[], Table]
    n_entry: int
    scale: float
    error: float


@dataclass(frozen=True, eq=False)
class Formula:
    """Circuits of a matrix whose positions are computed, its entries depending on the label alone or computed too.

    place, a circuit |l, j>|0> -> |l, row(l, j)>|0>; values, one a label; test, None or a circuit on
    [label, column, flags, clean] that raises a flag where there is no entry, and the number of flags; computed, where
    entries depend on the column too.
    """

    place: Callable[[], Table]
    values: Values
    test: Callable[[], tuple[Table, int]] | None = None
    computed: Computed | None = None


@dataclass(frozen=True, eq=False)
class SparseOracle:
    """A matrix of size 2**n_system as partial permutations: column j's entry of label l stands in row(l, j).

    `row` and `value` take arrays of labels and columns (any shapes that broadcast) and return the row and the
    entry; for one label, rows are different for different columns wherever entries are not zero. `n_labels`
    bounds the labels: no row or column has more entries. With a `formula` no circuit needs a table.
    """

    n_system: int
    n_labels: int
    row: Callable[[Indices, Indices], Indices]
    value: Callable[[Indices, Indices], Values]
    formula: Formula | None = None

    @property
    def label_qubits(self) -> int:
        """Qubits that hold a label."""
        return (self.n_labels - 1).bit_length()

    @cached_property
    def tables(self) -> tuple[Indices, Values]:
        """Rows and values for every label and column, shape (2**label_qubits, 2**n_system).

        Raises ConfigError past 2**16 entries of a label, and where two columns share a row.
        """
        if self.n_system > _TABULATED:
            raise ConfigError(
                f"A table of 2**{self.n_system} columns is too large.",
                value=float(self.n_system),
                remedy="Use an encoding by structure.",
            )
        n = 2**self.n_system
        labels, columns = np.arange(self.n_labels)[:, np.newaxis], np.arange(n)[np.newaxis, :]
        shape = (2**self.label_qubits, n)
        rows = np.zeros(shape, dtype=np.int64)
        found = np.broadcast_to(np.asarray(self.value(labels, columns)), (self.n_labels, n))
        values = np.zeros(shape, dtype=np.complex128 if np.iscomplexobj(found) else np.float64)
        rows[: self.n_labels] = self.row(labels, columns)
        values[: self.n_labels] = found
        if not np.isfinite(values).all() or not np.any(values):
            raise ConfigError("The entries of a sparse oracle must be finite and not all zero.", subject=self)
        if rows.min() < 0 or rows.max() >= n:
            raise ConfigError(f"A row lies outside 0 .. {n - 1}.", subject=self)
        for label in range(self.n_labels):
            used = rows[label][values[label] != 0]
            if np.unique(used).size != used.size:
                raise ConfigError(
                    f"Two columns of label {label} share a row.", subject=self, value=float(label)
                )
        return rows, values

    @cached_property
    def matrix(self) -> sp.csr_array:
        """The matrix itself, for checks."""
        rows, values = self.tables
        columns = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
        kept = values != 0
        whole = sp.coo_array((values[kept], (rows[kept], columns[kept])), shape=(rows.shape[1],) * 2)
        return sp.csr_array(whole)

    @cached_property
    def largest(self) -> float:
        """The largest magnitude of an entry, or what computed ones are relative to."""
        if self.formula and self.formula.computed:
            return self.formula.computed.scale
        if self.formula:
            return float(np.abs(self.formula.values).max())
        return float(np.abs(self.tables[1]).max())

    @property
    def n_entry(self) -> int:
        """Qubits that `entry` projects."""
        return self.formula.computed.n_entry if self.formula and self.formula.computed else 1

    @property
    def error(self) -> float:
        """Bound on the error of an entry as `entry` gives it."""
        return self.formula.computed.error if self.formula and self.formula.computed else 0.0

    def jump(self, *, by_row: bool = False) -> Table:
        """Circuit |l, j>|z>|0> -> |l, j>|z XOR j XOR row(l, j)>|0>, or the same jump found from the row's side."""
        rows, values = self.tables
        columns = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
        kept = values != 0
        jumps = np.zeros_like(rows)
        labels = np.broadcast_to(np.arange(rows.shape[0])[:, np.newaxis], rows.shape)
        jumps[labels[kept], (rows if by_row else columns)[kept]] = (rows ^ columns)[kept]
        return load(jumps.reshape(-1).tolist(), self.n_system, "jump_by_row" if by_row else "jump")

    def entry(self) -> Table:
        """Circuit |l, j>|0>|0> -> |l, j>(value / largest |0> + ... |1>)|0>: one rotation an entry or label, or computed."""
        m = self.label_qubits + self.n_system
        if self.formula and self.formula.computed:
            return self.formula.computed.build()
        if self.formula:
            return self._entry_by_label(self.formula)
        values = self.tables[1].reshape(-1)
        builder = CircuitBuilder("entry", m + 1)
        if np.iscomplexobj(values):
            builder.gate("diagonal", range(m), np.angle(values))
        builder.gate("mux_ry", range(m + 1), self._angles(values))
        return Table(builder.build(), 0)

    def _entry_by_label(self, formula: Formula) -> Table:
        b, m = self.label_qubits, self.label_qubits + self.n_system
        values = np.zeros(2**b, formula.values.dtype)
        values[: self.n_labels] = formula.values
        table, n_flags = formula.test() if formula.test else (None, 0)
        n_clean = n_flags + (table.n_clean if table else 0)
        builder = CircuitBuilder("entry", m + 1 + n_clean)
        held, flags = [*range(m), *range(m + 1, builder.n_qubits)], range(m + 1, m + 1 + n_flags)
        if table:
            builder.call(table.circuit, held)
        if np.iscomplexobj(values):
            builder.gate("diagonal", range(b), np.angle(values))
        angles = np.full((2**b, 2**n_flags), np.pi)
        angles[:, 0] = self._angles(values)
        builder.gate("mux_ry", [*range(b), *flags, m], angles.reshape(-1))
        if table:
            builder.call(table.circuit, held, adjoint=True)
        return Table(builder.build(), n_clean)

    def rounded_entry(self, bits: int) -> tuple[Table, float]:
        """The circuit of `entry` for real values with angles of some bits, and the error of an entry.

        Arguments: bits, at least 2.
        Result: (circuit on |l, j>, the entry's qubit and clean qubits; bound of |entry's error|).
        Raises: ConfigError for complex values, values by formula, or fewer than 2 bits.
        Source: rotations by the bits of a loaded angle; an angle off by d moves the cosine by at most d / 2.
        """
        if bits < 2 or self.formula or np.iscomplexobj(self.tables[1]):
            raise ConfigError(
                f"Rounded entries need tabulated real values and at least 2 bits, got {bits}.",
                value=float(bits),
            )
        step = 2.0 * np.pi / (2**bits - 1)
        angles = self._angles(self.tables[1].reshape(-1))
        table = load(np.rint(angles / step).astype(int).tolist(), bits, "angles")
        m = self.label_qubits + self.n_system
        n_clean = bits + table.n_clean
        builder = CircuitBuilder("rounded_entry", m + 1 + n_clean)
        held = [*range(m), *range(m + 1, m + 1 + n_clean)]
        builder.call(table.circuit, held)
        for bit in range(bits):
            builder.gate("ry", [m], [step * 2 ** (bits - 1 - bit)], ((m + 1 + bit, 1),))
        builder.call(table.circuit, held, adjoint=True)
        return Table(builder.build(), n_clean), self.largest * step / 4.0

    def _angles(self, values: Values) -> RealArray:
        real = np.abs(values) if np.iscomplexobj(values) else values
        return np.asarray(2.0 * np.arccos(np.clip(real / self.largest, -1.0, 1.0)))


def from_matrix(matrix: sp.csr_array, n_system: int) -> SparseOracle:
    """Oracle of a stored matrix, its labels being the colours of its entries.

    Arguments: matrix, real or complex CSR, shape (2**n_system, 2**n_system), not all zero.
    Result: as many labels as the largest number of entries in a row or column.
    Raises: ConfigError for a matrix without entries.
    Source: Konig's edge colouring.
    """
    coo = matrix.tocoo()
    if not coo.nnz:
        raise ConfigError("The matrix of a sparse oracle is all zero.", subject=matrix)
    colours = colour_edges(coo.row, coo.col)
    n_labels = int(colours.max()) + 1
    rows = np.zeros((n_labels, matrix.shape[1]), dtype=np.int64)
    values = np.zeros(rows.shape, dtype=coo.data.dtype)
    rows[colours, coo.col], values[colours, coo.col] = coo.row, coo.data
    return SparseOracle(
        n_system,
        n_labels,
        lambda label, column: rows[label, column],
        lambda label, column: values[label, column],
    )


def shifted(
    n_system: int, offsets: tuple[int, ...], value: Callable[[Indices, Indices], Values]
) -> SparseOracle:
    """Oracle of a band or stencil: label l's entry of column j stands in row j + offsets[l], modulo the size.

    Arguments: n_system; offsets, different modulo 2**n_system; value(l, j), entries by formula (zero them where
    the boundary should cut them off).
    Result: one label an offset; nothing is computed before it is needed.
    Raises: ConfigError when offsets coincide.
    Source: none.
    """
    n = 2**n_system
    if not offsets or len({offset % n for offset in offsets}) != len(offsets):
        raise ConfigError(f"Offsets {offsets} must differ modulo {n}.", subject=offsets)
    steps = np.array(offsets)
    return SparseOracle(n_system, len(offsets), lambda label, column: (column + steps[label]) % n, value)
