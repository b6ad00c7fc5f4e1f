"""Masks of large sparse generators: the pairs of labels that hold entries alone, and a bound by their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit
from qgd_core.ode.base import Matrix
from qgd_core.ode.masks import Mask
from qgd_core.ode.nodes import Nodes
from qgd_core.ode.product import CommutatorBound


@dataclass(frozen=True, eq=False)
class Pairs(Mask):
    """A mask by its pairs: symmetric[i] and skew[i] stand at labels[i], below its partner, of 2^n_qubits."""

    labels: NDArray[np.int64]
    n_qubits: int

    def turn(self, states: ComplexArray, k: RealArray, time: float) -> ComplexArray:
        """As `Mask.turn`, in the place of the states: the symmetric turn commutes with half a turn there and back."""
        low, high = self.labels, self.labels ^ self.word
        loss = np.multiply.outer(k, self.symmetric * time)
        kept, lost = np.cos(loss), 1j * np.sin(loss)
        across = kept * np.sin(self.skew * time)
        kept *= np.cos(self.skew * time)
        first, second = states[..., low], states[..., high]
        states[..., low] = kept * first + (lost + across) * second
        states[..., high] = kept * second + (lost - across) * first
        return states

    def transpose(self) -> Mask:
        """The same entries of the transposed matrix."""
        return Pairs(self.word, self.symmetric, -self.skew, self.labels, self.n_qubits)

    def whole(self) -> Mask:
        """The same at every label."""
        symmetric, skew = np.zeros((2, 2**self.n_qubits))
        symmetric[self.labels] = symmetric[self.labels ^ self.word] = self.symmetric
        skew[self.labels], skew[self.labels ^ self.word] = self.skew, -self.skew
        return Mask(self.word, symmetric, skew)

    def circuit(self, nodes: Nodes, time: float) -> Circuit:
        """As `Mask.circuit`."""
        return self.whole().circuit(nodes, time)

    def two_qubit(self, m: int) -> int:
        """Upper bound on the CX of `circuit` for 2^m nodes."""
        half = 1 << (self.n_qubits - 1)
        turns = 2 * half * bool(np.any(self.skew)) + m * (half + 2) * bool(np.any(self.symmetric))
        return 2 * (self.word.bit_count() - 1) + turns


def split_pairs(matrix: Matrix) -> tuple[RealArray, tuple[Pairs, ...]]:
    """As `split_masks`, of memory in proportion to the entries."""
    n_qubits = matrix.shape[0].bit_length() - 1
    entries = matrix.tocoo()
    rows, columns = entries.coords
    words = rows ^ columns
    masks = []
    for word in np.flatnonzero(np.bincount(words)).tolist():
        if not word:
            continue
        here = np.flatnonzero(words == word)
        row, values = rows[here], entries.data[here]
        low = np.minimum(row, row ^ word)
        labels = np.unique(low)
        place, above = np.searchsorted(labels, low), row == low
        upper, lower = np.zeros((2, labels.size))
        np.add.at(upper, place[above], values[above])
        np.add.at(lower, place[~above], values[~above])
        masks.append(Pairs(word, (upper + lower) / 2, (upper - lower) / 2, labels, n_qubits))
    return np.asarray(matrix.diagonal()), tuple(masks)


def bound_by_sizes(diagonal: RealArray, masks: Sequence[Pairs]) -> CommutatorBound:
    """The error bound of one unit step of the second-order `PauliFormula` of these, from sizes of its terms alone.

    Arguments: diagonal and masks, in the order in which they act.
    Result: the bound as a polynomial of |k|. Peeled from outside, a term A around the sum B of those within it errs by
    |[B, [B, A]]| / 12 + |[A, [A, B]]| / 24, at most |B|^2 |A| / 3 + |A|^2 |B| / 6, B by its row sums and A, where it is
    diagonal, by half its spread; a mask's own two halves err by their pairs' commutators.
    Raises: nothing.
    Source: Childs, Su, Tran, Wiebe, Zhu, arXiv:1912.08854, proposition 10, each commutator by its factors.
    """
    sums = np.zeros((2, diagonal.size))
    total = np.zeros(4)
    for mask in reversed(masks):
        halves = np.abs([mask.skew, mask.symmetric])
        skew, symmetric = halves
        # A mask's halves: half a step twice, but for the innermost one, which acts once.
        share = 1.0 if mask is masks[-1] else 0.25
        total[2] += share * float((symmetric**2 * skew).max()) / 3.0
        total[1] += share * float((skew**2 * symmetric).max()) / 6.0
        total = total + _peeled(halves.max(axis=1), sums.max(axis=1))
        for rows, values in zip(sums, halves, strict=True):
            rows[mask.labels] += values
            rows[mask.labels ^ mask.word] += values
    spread = np.array([0.0, np.ptp(diagonal) / 2.0])
    return CommutatorBound(total + _peeled(spread, sums.max(axis=1)), 2)


def _peeled(outer: RealArray, inner: RealArray) -> RealArray:
    """The two commutators' bounds as a polynomial of |k|; outer and inner, sizes without and with k."""
    crossed = polynomial.polymul(outer, inner)
    found = np.zeros(4)
    for factor, weight in ((inner, 3.0), (outer, 6.0)):
        product = polynomial.polymul(crossed, factor) / weight
        found[: product.size] += product
    return found
