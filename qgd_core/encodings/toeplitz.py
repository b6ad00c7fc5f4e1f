"""Constant diagonals: cost grows with the logarithm of the size, and nothing is ever assembled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import chain_angles, chained_turn
from qgd_core.encodings.base import Action, BlockEncoding, Entries, Matrix, row_strips, used_diagonals
from qgd_core.errors import ConfigError
from qgd_core.oracles.shifts import shift_by_label

_ASSEMBLED = 20
_LARGEST = 1e290
Number = TypeVar("Number", float, complex)


def encode_toeplitz(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a matrix whose diagonals are constant, as it is or periodically.

    Arguments: matrix, CSR, real or complex, shape (2**n_system, 2**n_system), not all zero.
    Result: as `toeplitz`, which does the work.
    Raises: ConfigError when a diagonal is not constant.
    Source: as `toeplitz`.
    """
    found = constant_diagonals(matrix)
    if found is None:
        raise ConfigError("The matrix has a diagonal that is not constant.", remedy="Use the method 'band'.")
    diagonals, periodic = found
    return toeplitz(diagonals, n_system, periodic=periodic)


def toeplitz(diagonals: Mapping[int, complex], n_system: int, *, periodic: bool = False) -> BlockEncoding:
    """Encode sum_d diagonals[d] * (ones on diagonal d), d the column less the row, of size 2**n_system.

    Arguments: diagonals, real or complex, keys of magnitude below 2**n_system; periodic, to let diagonals run round.
    Result: an exact encoding with alpha = sum |diagonals|; a tridiagonal one costs 9 n_system + O(1) CX, with
    n_system - 1 carries restored. `target` is a LinearOperator above 2**20 rows.
    Raises: ConfigError when a key is out of range, an entry is not finite or all are zero.
    Source: linear combination of shifts; boundary by an overflow flag as in Camps et al., arXiv:2203.10236.
    """
    kept = checked_diagonals(diagonals, n_system)
    labels = [0, *(d for d in kept if d)]
    entries = np.array([kept.get(d, 0.0) for d in labels])
    shift = shift_by_label([-d for d in labels[1:]], n_system, flagged=not periodic, exact=periodic)
    alpha = float(np.abs(entries).sum())
    weights = np.sqrt(np.abs(entries) / alpha)
    # A phase a label costs no CX.
    phases = np.angle(entries) * (entries != 0)
    n_labels = len(labels) - 1
    n_projected = n_labels + shift.n_flags
    n_ancilla = n_projected + shift.n_carries
    order = [k for k in range(n_labels) if k != shift.filled]
    order += [] if shift.filled is None else [shift.filled]

    def prepare(builder: CircuitBuilder, filled: int | None) -> None:
        angles = chain_angles(weights[[0, *(k + 1 for k in order)], np.newaxis])
        for position, k in enumerate(order):
            chained_turn(builder, [], k, angles[position], order[:position], fill=k == filled)

    def build() -> Circuit:
        builder = CircuitBuilder("toeplitz", n_ancilla + n_system)
        prepare(builder, None)
        for k, phase in enumerate(phases[1:] - phases[0]):
            if phase:
                builder.gate("phase", [k], [phase])
        flags, carries = range(n_labels, n_projected), range(n_projected, n_ancilla)
        system = range(n_ancilla, n_ancilla + n_system)
        shift.ops.emit(builder, [*range(n_labels), *system, *flags, *carries])
        unprepare = CircuitBuilder("labels", n_ancilla + n_system)
        prepare(unprepare, shift.filled)
        builder.call(unprepare.build(), range(n_ancilla + n_system), adjoint=True)
        if phases[0]:
            builder.gate("gphase", [], [float(phases[0])])
        return builder.build()

    return BlockEncoding(
        method="toeplitz",
        target=act_by_diagonals(kept, n_system, periodic=periodic),
        alpha=alpha,
        n_system=n_system,
        n_ancilla=n_ancilla,
        eps=1e-13 * alpha,
        two_qubit=shift.ops.two_qubit + n_labels * (n_labels - 1),
        rotations=5 * n_labels,
        build=build,
        restored=shift.n_carries,
        clean=shift.n_carries,
    )


def checked_diagonals(diagonals: Mapping[int, Number], n_system: int) -> dict[int, Number]:
    """The diagonals that are not zero; ConfigError when one does not fit, is not finite, or none is left."""
    kept = {int(d): value for d, value in diagonals.items() if value}
    try:
        total = math.fsum(abs(value) for value in kept.values())
    except (TypeError, OverflowError):
        total = math.inf
    if not 0.0 < total < _LARGEST:
        raise ConfigError(
            f"Diagonals {dict(diagonals)} need finite entries, one other than zero, whose sum fits float64.",
            subject=diagonals,
            value=total,
        )
    if n_system < 1:
        raise ConfigError(f"{n_system} qubits hold no matrix.", value=n_system)
    if any(abs(d) >= 2**n_system for d in kept):
        raise ConfigError(
            f"Diagonals {sorted(kept)} do not fit {2**n_system} rows.", value=float(max(map(abs, kept)))
        )
    return kept


def constant_diagonals(matrix: Matrix) -> tuple[dict[int, complex], bool] | None:
    """(value by diagonal, whether they run round) of a matrix with constant diagonals, else None."""
    n = matrix.shape[0]
    around = used_diagonals(matrix)
    if matrix.nnz == n * around.size and (found := _constants(matrix, n)) is not None:
        return found, True
    # A diagonal that ends is as long as the matrix less its offset.
    found = _constants(matrix, 0)
    if found is None or sum(n - abs(d) for d in found) != matrix.nnz:
        return None
    return found, False


def _constants(matrix: Matrix, modulus: int) -> dict[int, complex] | None:
    """The one value on every diagonal, column less row, None where there are two on one; modulus, 0 for none."""
    known: dict[int, complex] = {}
    for rows, columns, data in row_strips(matrix):
        offsets = (columns - rows) % modulus if modulus else columns - rows
        used, place = np.unique(offsets, return_inverse=True)
        first = np.zeros(used.size, data.dtype)
        first[place] = data
        if not np.array_equal(first[place], data):
            return None
        here = dict(zip(used.tolist(), first.tolist(), strict=True))
        if any(known.setdefault(d, value) != value for d, value in here.items()):
            return None
    return dict(sorted(known.items()))


def act_by_diagonals(diagonals: Mapping[int, complex], n_system: int, *, periodic: bool = False) -> Action:
    """The matrix of constant diagonals: CSR up to 2**20 rows, a LinearOperator above."""
    n = 2**n_system
    if n_system <= _ASSEMBLED:
        wrapped = (
            {d - n if d > 0 else d + n: value for d, value in diagonals.items() if d} if periodic else {}
        )
        parts = {d: diagonals.get(d, 0.0) + wrapped.get(d, 0.0) for d in {*diagonals, *wrapped}}
        total = sp.csr_array((n, n))
        for d, value in parts.items():
            total = sp.csr_array(total + sp.diags_array(np.full(n - abs(d), value), offsets=d, shape=(n, n)))
        return total

    dtype = np.result_type(np.float64, *diagonals.values())

    def apply(x: Entries, sign: int) -> Entries:
        total = np.zeros(x.shape, np.result_type(x, dtype))
        for d, value in diagonals.items():
            factor = value if sign > 0 else np.conj(value)
            total += factor * _moved(x, sign * d, periodic=periodic)
        return total

    return LinearOperator((n, n), matvec=lambda x: apply(x, 1), rmatvec=lambda x: apply(x, -1), dtype=dtype)


def _moved(x: Entries, d: int, *, periodic: bool) -> Entries:
    moved = np.roll(x, -d, axis=0)
    if not periodic and d:
        moved[slice(-d, None) if d > 0 else slice(None, -d)] = 0.0
    return moved
