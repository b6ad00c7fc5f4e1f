"""Matrices with few diagonals: a one-hot label per diagonal, and one adder for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import chain_angles, chained_turn, open_turn
from qgd_core.encodings.base import BlockEncoding, Matrix, used_diagonals
from qgd_core.encodings.diagonals import Diagonals, split_diagonals
from qgd_core.encodings.perron import perron_weights
from qgd_core.encodings.weights import CHAIN, PRODUCT, least_alpha
from qgd_core.oracles.shifts import Shift, shift_by_label

_FULL = 1e-14


def n_diagonals(matrix: Matrix) -> int:
    """How many diagonals modulo the size hold an entry."""
    return used_diagonals(matrix).size


def encode_band(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a matrix with few diagonals (modulo its size) by labels and an adder.

    Five variants are costed and the best by alpha * (CX + 6 (ancillas - 1) + 2) is kept: "product", one
    rotation per diagonal, independent of the others; "one_sided", exact label states with fixed weights on the
    row side; the same two with rows and columns exchanged; "two_sided", exact label states on both sides with
    Perron weights, where alpha = || |A| ||_2.
    Arguments: matrix, CSR, real or complex, shape (2**n_system, 2**n_system), not all zero.
    Result: an exact encoding (eps is rounding); about (diagonals) * 2**n_system CX for "product",
    twice that for "one_sided", four times for "two_sided", once more for complex
    entries, and 9 n_system per adder pass. The carries are restored.
    Raises: nothing beyond `padded`, which checks the matrix.
    Source: square-root weights as in arXiv:0810.0312; labels and adder as in Camps et al., arXiv:2203.10236,
    here with one-hot labels so that the multiplexers' last gates and all signs are absorbed by the entries.
    """
    plain, flipped = (_one_sided_variants(matrix, n_system, transposed=turned) for turned in (False, True))
    candidates = [*plain, *flipped, _two_sided(matrix, split_diagonals(matrix, n_system))]
    return min(candidates, key=lambda encoding: encoding.merit)


def _one_sided_variants(matrix: Matrix, n_system: int, *, transposed: bool = False) -> list[BlockEncoding]:
    parts = split_diagonals(matrix, n_system, transposed=transposed)

    def logs() -> Iterator[RealArray]:
        with np.errstate(divide="ignore"):
            yield from (np.log(np.abs(strip.values)) for strip in parts.strips())

    chain, product = least_alpha(logs, CHAIN), least_alpha(logs, PRODUCT)
    found = [_one_sided(matrix, parts, *chain, product=False, transposed=transposed)]
    if product[0] < np.inf:
        found.append(_one_sided(matrix, parts, *product, product=True, transposed=transposed))
    return found


def _one_sided(
    matrix: Matrix, parts: Diagonals, alpha: float, weights: RealArray, *, product: bool, transposed: bool
) -> BlockEncoding:
    def sides(parts: Diagonals) -> tuple[_Side, _Side]:
        # A weight of zero belongs to a diagonal without entries.
        amplitudes = parts.values / (alpha * np.where(weights > 0, weights, 1.0)[:, np.newaxis])
        return _Side(amplitudes, product=product), _Side(weights[:, np.newaxis], product=False)

    return _assemble("product" if product else "one_sided", matrix, parts, alpha, sides, transposed)


def _two_sided(matrix: Matrix, parts: Diagonals) -> BlockEncoding:
    alpha, u, v = perron_weights(matrix)

    def sides(parts: Diagonals) -> tuple[_Side, _Side]:
        values, span = parts.values, parts.span
        right = np.sqrt(np.abs(values) / alpha) * np.sqrt(u[parts.rows] / v[span])
        left = np.sqrt(np.abs(parts.by_row) / alpha) / np.sqrt(u[span] / v[parts.columns])
        signs = np.where(values < 0, -1.0, 1.0)
        return _Side(right * signs, product=False), _Side(left, product=False)

    return _assemble("two_sided", matrix, parts, alpha, sides, False)


@dataclass(frozen=True)
class _Shape:
    """A side's figures: labels beside the first, qubits that select its states, whether labels are independent."""

    labels: int
    n_selects: int
    product: bool
    dumps: bool

    @property
    def two_qubit(self) -> int:
        """CX."""
        each, labels = (1 << self.n_selects) - 1, self.labels
        if self.product or labels == 0:
            return (labels + self.dumps) * each
        return (2 * labels - 1 + self.dumps) * each + labels * (labels - 1) // 2

    @property
    def rotations(self) -> int:
        """Turns at most."""
        return (2 * self.labels + 1) << self.n_selects


class _Side:
    """A label state per column (or per row, or one for all), with a dump qubit where its norm is short of 1."""

    def __init__(self, amplitudes: RealArray, *, product: bool) -> None:
        self.amplitudes, self.product = amplitudes, product
        self.n_selects: int = amplitudes.shape[1].bit_length() - 1
        short = bool(np.any(np.abs(self._kept(amplitudes)) < 1.0 - _FULL))
        # Only the chain's last label lets the all-zero state carry a sign.
        self.dumps = short or ((product or len(amplitudes) == 1) and bool(np.any(amplitudes[0] < 0)))

    def emit(
        self,
        builder: CircuitBuilder,
        selects: list[int],
        labels: list[int],
        dump: int,
        signs: RealArray,
        filled: int | None,
    ) -> None:
        """Append the state of amplitudes * signs; with `filled`, that label also reads 1 for every other label."""
        wanted = self.amplitudes * signs
        order = [label for label in range(len(labels)) if label != filled]
        order += [] if filled is None else [filled]
        # The qubit rotated without a CZ in the end keeps the sign (-1)^(its bit and the top select's).
        if self.n_selects:
            top = np.arange(wanted.shape[1]) >= wanted.shape[1] // 2
            bare = [label + 1 for label in (order if self.product else order[:1])]
            wanted[bare] *= np.where(top, -1.0, 1.0)
        kept = self._kept(wanted)
        if self.dumps:
            open_turn(builder, selects, dump, 2.0 * np.arccos(np.clip(kept, -1.0, 1.0)))
        if self.product:
            base = np.where(wanted[0] < 0, -1.0, 1.0)
            for label in order:
                angles = 2.0 * np.arctan2(wanted[label + 1] * base, np.abs(wanted[0]))
                open_turn(builder, selects, labels[label], angles)
            return
        angles = chain_angles(wanted[[0, *(label + 1 for label in order)]])
        for k, label in enumerate(order):
            before = [labels[other] for other in order[:k]]
            chained_turn(builder, selects, labels[label], angles[k], before, fill=label == filled)

    def _kept(self, wanted: RealArray) -> RealArray:
        """Amplitude that stays out of the dump, with the sign the rotations cannot give."""
        if self.product:
            base = np.abs(wanted[0])
            with np.errstate(divide="ignore", invalid="ignore"):
                kept = base * np.prod(np.hypot(1.0, wanted[1:] / base), axis=0)
            kept = np.where(base > 0, kept, np.abs(wanted[1:]).max(axis=0, initial=0.0))
            return np.asarray(np.where(wanted[0] < 0, -kept, kept))
        if len(wanted) == 1:
            return np.asarray(wanted[0])
        return np.asarray(np.linalg.norm(wanted, axis=0))


def _assemble(
    variant: str,
    matrix: Matrix,
    parts: Diagonals,
    alpha: float,
    sides: Callable[[Diagonals], tuple[_Side, _Side]],
    transposed: bool,
) -> BlockEncoding:
    """The encoding with its costs, of the adjoint of what stands in `parts` where that is transposed.

    Tables of amplitudes are seen strip by strip, made again when the circuit is built, and not kept.
    """
    q, n_labels = parts.n_system, len(parts.shifts) - 1
    shift = shift_by_label(parts.shifts[1:], q)
    right, left = _shapes(sides, parts)
    n_dumps = right.dumps + left.dumps
    n_ancilla = n_dumps + n_labels + shift.n_carries
    n_phases = len(parts.shifts) << q if np.iscomplexobj(parts.entries) else 0
    two_qubit, rotations = right.two_qubit + left.two_qubit, right.rotations + left.rotations

    def build() -> Circuit:
        parts = split_diagonals(matrix, q, transposed=transposed)
        right, left = sides(parts)
        builder = CircuitBuilder(f"band_{variant}", n_ancilla + q)
        labels = list(range(n_dumps, n_dumps + n_labels))
        carries = list(range(n_dumps + n_labels, n_ancilla))
        system = list(range(n_ancilla, n_ancilla + q))
        plain = np.ones_like(left.amplitudes)
        right.emit(builder, system[: right.n_selects], labels, 0, _signs(shift, parts), None)
        if parts.phases is not None:
            _turn_phases(builder, system, labels, parts.phases)
        shift.ops.emit(builder, [*labels, *system, *carries])
        unprepare = CircuitBuilder("row_labels", n_ancilla + q)
        left.emit(unprepare, system[: left.n_selects], labels, n_dumps - 1, plain, shift.filled)
        builder.call(unprepare.build(), range(n_ancilla + q), adjoint=True)
        return builder.build().adjoint() if transposed else builder.build()

    return BlockEncoding(
        method="band",
        target=matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=n_ancilla,
        eps=1e-13 * alpha,
        two_qubit=two_qubit + shift.ops.two_qubit + n_phases,
        rotations=rotations + n_phases,
        build=build,
        restored=shift.n_carries,
        clean=shift.n_carries,
    )


def _shapes(sides: Callable[[Diagonals], tuple[_Side, _Side]], parts: Diagonals) -> tuple[_Shape, _Shape]:
    """The figures of both sides, from strips of them."""
    dumps = [False, False]
    for strip in parts.strips():
        found = sides(strip)
        dumps = [known or side.dumps for known, side in zip(dumps, found, strict=True)]
    labels, q = len(parts.shifts) - 1, parts.n_system
    # One state for all columns is selected by none.
    right, left = (
        _Shape(labels, q if side.amplitudes.shape[1] > 1 else 0, side.product, short)
        for side, short in zip(found, dumps, strict=True)
    )
    return right, left


def _turn_phases(builder: CircuitBuilder, system: list[int], labels: list[int], phases: RealArray) -> None:
    """Give the one-hot label l and column j the phase phases[l, j]."""
    turns = phases[1:] - phases[0]
    for label, turn in zip(labels, turns, strict=True):
        builder.gate("mux_rz", [*system, label], turn)
    builder.gate("diagonal", system, phases[0] + turns.sum(axis=0) / 2.0)


def _signs(shift: Shift, parts: Diagonals) -> RealArray:
    """Signs of the adder on label l and column j."""
    q, n_labels = parts.n_system, len(parts.shifts) - 1
    shape = (n_labels + 1, 2**q)
    j = np.arange(2**q)
    hot = np.eye(n_labels + 1, dtype=np.int8)[1:, :, np.newaxis]
    bits = {n_labels + k: (j >> (q - 1 - k)) & 1 for k in range(q)} | dict(enumerate(hot))
    return shift.ops.act(bits, shape)[1]
