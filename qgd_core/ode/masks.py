"""Product formulas of 1-sparse parts: a generator's entries sorted by the XOR of their row and column labels.

A generator A on 2^q labels is its diagonal and one part per mask w, which couples every label a to a ^ w. A part is a
turn of each pair, so on qubits it is a multiplexed rotation of one bit, and with nodes in binary, k = -(h/2) sum 2^b
Z_b, the whole sum of unitary flows costs m of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.sparse as sp
from scipy.special import roots_legendre

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.ode.base import Matrix
from qgd_core.ode.nodes import Nodes
from qgd_core.ode.product import CommutatorBound, Letter, bound_commutators, durations, symmetric_stages

_gauss = cache(roots_legendre)


@dataclass(frozen=True, eq=False)
class Mask:
    """Entries of a matrix between a and a ^ word: halves of their sum and of their difference, at every label a."""

    word: int
    symmetric: RealArray
    skew: RealArray

    def turn(self, states: ComplexArray, k: RealArray, time: float) -> ComplexArray:
        """exp(time (i k symmetric + skew)) of states (..., nodes, 2^q), split as half skew, symmetric, half skew."""
        partner = np.arange(self.skew.size) ^ self.word
        loss, turned = np.multiply.outer(k, self.symmetric * time), self.skew * time
        own, other = np.cos(loss) * np.cos(turned), np.cos(loss) * np.sin(turned) + 1j * np.sin(loss)
        return np.asarray(own * states + other * states[..., partner])

    def transpose(self) -> Mask:
        """The same entries of the transposed matrix."""
        return Mask(self.word, self.symmetric, -self.skew)

    def circuit(self, nodes: Nodes, time: float) -> Circuit:
        """The turn for all nodes at once on [nodes, labels]: `two_qubit` CX at most, as many rotations and four more."""
        q, m = self.skew.size.bit_length() - 1, nodes.n_qubits
        pivot = self.word.bit_length() - 1
        target, others = m + q - 1 - pivot, [m + q - 1 - bit for bit in reversed(range(q)) if bit != pivot]
        labels = np.arange(2**q).reshape((2,) * q)
        pairs = np.take(labels, 0, axis=q - 1 - pivot).reshape(-1)
        carried = [m + q - 1 - bit for bit in range(pivot) if self.word >> bit & 1]
        builder = CircuitBuilder("mask", m + q)

        def carry() -> None:
            for qubit in carried:
                builder.gate("x", [qubit], controls=((target, 1),))

        def rotate() -> None:
            if np.any(self.skew):
                builder.gate("mux_ry", [*others, target], -self.skew[pairs] * time)

        carry()
        rotate()
        if np.any(self.symmetric):
            angles = np.concatenate([-self.symmetric[pairs], self.symmetric[pairs]]) * time
            builder.gate("h", [target])
            for bit in range(m):
                builder.gate("mux_rz", [target, *others, m - 1 - bit], -nodes.spacing * 2**bit * angles)
            builder.gate("h", [target])
        rotate()
        carry()
        return builder.build()

    def two_qubit(self, m: int) -> int:
        """Upper bound on the CX of `circuit` for 2^m nodes."""
        half = self.skew.size // 2
        turns = 2 * half * bool(np.any(self.skew)) + m * (half + 2) * bool(np.any(self.symmetric))
        return 2 * (self.word.bit_count() - 1) + turns


def split_masks(matrix: Matrix) -> tuple[RealArray, tuple[Mask, ...]]:
    """Sort a square matrix of 2^q labels into its diagonal and its masks.

    Arguments: matrix, sparse, real, (2^q, 2^q).
    Result: (diagonal (2^q,), one `Mask` per XOR of row and column that occurs, ascending); they add up to the matrix.
    Raises: nothing.
    Source: a 1-sparse decomposition by XOR; the strings of Pauli operators with one X part.
    """
    size = matrix.shape[0]
    entries = sp.coo_array(matrix)
    rows, columns = (np.asarray(index, dtype=np.int64) for index in entries.coords)
    words = rows ^ columns
    masks = []
    for word in np.unique(words[words > 0]):
        here = words == word
        row = np.zeros(size)
        np.add.at(row, rows[here], entries.data[here])
        column = row[np.arange(size) ^ word]
        masks.append(Mask(int(word), (row + column) / 2, (row - column) / 2))
    return np.asarray(matrix.diagonal()), tuple(masks)


@dataclass(frozen=True, eq=False)
class MaskFormula:
    """A product formula for exp(T (i k S + K)), S + K = A: the diagonal flows, masks act at the Gauss points of [0, T].

    Masks that act once each at r Gauss points integrate what is linear in them to order 2 r; r = 1 is Strang's formula.
    Source: McLachlan, BIT 35, 258 (1995), for a dominant part that is solved exactly.
    """

    diagonal: RealArray
    masks: tuple[Mask, ...]
    time: float
    stages: int

    @property
    def n_qubits(self) -> int:
        """q."""
        return self.diagonal.size.bit_length() - 1

    def parts(self) -> list[tuple[Mask | None, float]]:
        """What acts, in order: a mask or (None) the diagonal, and for how long."""
        points, weights = _gauss(self.stages)
        at = (points + 1) / 2 * self.time
        gaps = np.diff(np.concatenate([[0.0], at, [self.time]])).tolist()
        found: list[tuple[Mask | None, float]] = [(None, gaps[0])]
        for stage, (weight, gap) in enumerate(zip(weights.tolist(), gaps[1:], strict=True)):
            order: Sequence[Mask] = self.masks[::-1] if stage % 2 else self.masks
            found += [(mask, weight * self.time / 2) for mask in order]
            found.append((None, gap))
        return found

    def evolve(self, states: ComplexArray, k: RealArray) -> ComplexArray:
        """The formula applied to states (..., nodes, 2^q), one node k each."""
        for mask, time in self.parts():
            if mask is None:
                states = states * np.exp(1j * np.multiply.outer(k, self.diagonal * time))
            else:
                states = mask.turn(states, k, time)
        return states

    def rows(self, labels: Sequence[int], nodes: Nodes) -> ComplexArray:
        """Rows of the combination sum_j weights_j exp(-i k_j (L + tilt)), shape (len(labels), 2^q)."""
        k, weights = nodes.k, nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)
        mirrored = np.allclose(k, -k[::-1]) and np.allclose(weights, np.conj(weights[::-1]))
        if mirrored:
            # Nodes that mirror each other give conjugate rows.
            k, weights = k[k.size // 2 :], 2.0 * weights[k.size // 2 :]
        unit = np.zeros((len(labels), 1, self.diagonal.size), dtype=np.complex128)
        unit[np.arange(len(labels)), 0, list(labels)] = 1.0
        states = np.repeat(unit, k.size, axis=1)
        for mask, time in reversed(self.parts()):
            if mask is None:
                states = states * np.exp(1j * np.multiply.outer(k, self.diagonal * time))
            else:
                states = mask.transpose().turn(states, k, time)
        summed = np.asarray(np.tensordot(weights, states, (0, 1)))
        return summed.real.astype(np.complex128) if mirrored else summed

    def circuit(self, nodes: Nodes) -> Circuit:
        """The formula for all nodes at once, on [nodes, labels]."""
        q, m = self.n_qubits, nodes.n_qubits
        builder = CircuitBuilder("masks", m + q)
        for mask, time in self.parts():
            if mask is not None:
                builder.call(mask.circuit(nodes, time), range(m + q))
                continue
            for bit in range(m):
                angles = nodes.spacing * 2**bit * self.diagonal * time
                builder.gate("mux_rz", [*range(m, m + q), m - 1 - bit], angles)
        return builder.build()

    def two_qubit(self, m: int) -> int:
        """Upper bound on the CX of `circuit` for 2^m nodes."""
        uses = Counter(0 if mask is None else mask.word for mask, _ in self.parts())
        return uses[0] * m * self.diagonal.size + sum(
            uses[mask.word] * mask.two_qubit(m) for mask in self.masks
        )

    def rotations(self, m: int) -> int:
        """Upper bound on the rotations of `circuit` for 2^m nodes."""
        return self.two_qubit(m) + 4 * sum(mask is not None for mask, _ in self.parts())


@dataclass(frozen=True, eq=False)
class PauliFormula(MaskFormula):
    """A product formula of `stages` equal steps whose terms are the diagonal and, for each mask, its two halves.

    The strings of Pauli operators in one half of a mask commute, so that one term holds them all; order, 2 or 4.
    Source: Suzuki, Phys. Lett. A 146, 319 (1990); Childs et al., arXiv:1912.08854, for `bound`.
    """

    order: int = 2

    def parts(self) -> list[tuple[Mask | None, float]]:
        """What acts, in order, neighbours merged."""
        terms: list[Mask | None] = [None, *self.masks]
        found: list[tuple[Mask | None, float]] = []
        for step in durations(self.time, self.stages, self.order):
            for term in [*terms, *terms[::-1]]:
                if found and found[-1][0] is term:
                    found[-1] = (term, found[-1][1] + step / 2)
                else:
                    found.append((term, step / 2))
        return found

    def bound(self) -> CommutatorBound:
        """The error bound of one unit step by nested commutators of its terms: letters^(order + 1) of them at most."""
        size = self.diagonal.size
        labels = np.arange(size)
        parts: dict[Letter, RealArray] = {"diagonal": np.diag(self.diagonal)}
        half: list[tuple[Letter, float]] = [("diagonal", 0.5)]
        for mask in self.masks:
            for kind, values in (("symmetric", mask.symmetric), ("skew", mask.skew)):
                parts[kind, mask.word] = np.zeros((size, size))
                parts[kind, mask.word][labels, labels ^ mask.word] = values
            loss, turn = ("symmetric", mask.word), ("skew", mask.word)
            last = mask is self.masks[-1]
            half += [(turn, 0.5), (loss, 0.5)] if last else [(turn, 0.25), (loss, 0.5), (turn, 0.25)]
        turns = {("skew", mask.word) for mask in self.masks}
        stages = symmetric_stages(half, self.order)
        return bound_commutators(stages, self.order, parts, frozenset(parts) - turns)
