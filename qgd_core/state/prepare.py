"""Preparation of dense vectors, one or many at once, by a tree of multiplexed Ry."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.errors import ConfigError


def prepare(vector: RealArray | ComplexArray, name: str = "prepare") -> Circuit:
    """Circuit that takes |0...0> to vector / |vector|.

    Arguments: vector, real or complex, shape (2**q,), not all zero; name of the block.
    Result: a circuit on q qubits, exact to rounding, global phase included; at most 2**q - 2 CX, twice that
    for a complex vector.
    Raises: ConfigError when the length is not a power of two, or the vector is zero or not finite.
    Source: Mottonen, Vartiainen, Bergholm, Salomaa, arXiv:quant-ph/0407010.
    """
    given = np.asarray(vector)
    if given.ndim != 1 or given.dtype.kind not in "biufc":
        raise ConfigError(f"A state is a list of numbers, got shape {given.shape}.", subject=vector)
    if not np.isfinite(given).all():
        raise ConfigError("The state to prepare has NaN or infinite entries.", subject=vector)
    row = given[np.newaxis, :]
    if np.iscomplexobj(row):
        return prepare_rows(np.asarray(row, dtype=np.complex128), name)
    return prepare_rows(np.asarray(row, dtype=np.float64), name)


def prepare_rows(rows: RealArray | ComplexArray, name: str = "prepare_rows") -> Circuit:
    """Circuit that takes |j>|0...0> to |j> rows[j] / |rows[j]|, for every j at once.

    Arguments: rows, real or complex, shape (2**m, 2**q); a row that is zero leaves its label at |0...0>; name.
    Result: a circuit on m + q qubits (the selecting register first), exact to rounding; the q levels cost
    2**m (2**q - 1) CX, less where angles do not depend on a select, and complex rows 2**(m + q) - 2 more.
    Raises: ConfigError when a side is not a power of two, an entry is not finite, or an only row is zero.
    Source: as `prepare`, with the register |j> as further selects.
    """
    if not np.isfinite(rows).all():
        raise ConfigError("The states to prepare have NaN or infinite entries.", subject=rows)
    n_rows, size = rows.shape
    m, q = n_rows.bit_length() - 1, size.bit_length() - 1
    if n_rows != 2**m or size != 2**q:
        raise ConfigError(
            f"Amplitudes have shape {rows.shape}; each side must be a power of two.", subject=rows
        )
    if n_rows == 1 and not np.any(rows):
        raise ConfigError("The state to prepare is the zero vector.", subject=rows)
    if np.iscomplexobj(rows):
        return _with_phases(prepare_rows(np.abs(rows), "magnitudes"), np.angle(rows), name)
    builder = CircuitBuilder(name, m + q)
    for level in range(q):
        # Below the last level only the weights matter; the last one carries the signs.
        halves = rows.reshape(n_rows, 2**level, 2, -1)
        parts = halves[..., 0] if level == q - 1 else np.linalg.norm(halves, axis=-1)
        angles = 2.0 * np.arctan2(parts[:, :, 1], parts[:, :, 0])
        builder.gate("mux_ry", range(m + level + 1), angles.reshape(-1))
    return builder.build()


def _with_phases(magnitudes: Circuit, phases: RealArray, name: str) -> Circuit:
    builder = CircuitBuilder(name, magnitudes.n_qubits)
    builder.call(magnitudes, range(builder.n_qubits))
    builder.gate("diagonal", range(builder.n_qubits), phases.reshape(-1))
    return builder.build()
