"""Labels for a matrix's coordinates under which its entries fall into few XOR masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from qgd_core.ode.base import Matrix


def choose_labels(matrix: Matrix, fixed: int, spare: range) -> tuple[list[int], int]:
    """Give every coordinate a basis state of the least register, one more being left for a constant.

    Arguments: matrix, sparse, (D, D); fixed, the first coordinates keep their own numbers; spare, the basis states
    of which one is left free for the constant.
    Result: (labels of the D coordinates, that of the constant). Coordinates of the largest entries choose first,
    each the state that adds the fewest masks, and of those the ones of fewest bits; 2^q work an entry.
    Raises: nothing.
    Source: greedy.
    """
    size = matrix.shape[0]
    free = np.arange(1 << size.bit_length())
    bits = np.array([label.bit_count() for label in free.tolist()])
    taken, known_words = free < fixed, free == 0
    in_spare = (free >= spare.start) & (free < spare.stop)
    labels = {i: i for i in range(fixed)}
    entries = sp.coo_array(matrix)
    near: dict[int, set[int]] = {i: set() for i in range(size)}
    weight = np.zeros(size)
    for row, column, value in zip(*entries.coords, np.abs(entries.data), strict=True):
        if row != column:
            near[int(row)].add(int(column))
            near[int(column)].add(int(row))
            weight[[row, column]] += value
    for coordinate in sorted(range(fixed, size), key=lambda i: -weight[i]):
        known = [labels[other] for other in near[coordinate] if other in labels]
        # The last spare state is the constant's.
        left = ~taken & in_spare
        open_labels = free[~taken & (~in_spare if left.sum() == 1 else True)]
        words = open_labels[:, np.newaxis] ^ np.array(known, dtype=np.int64)
        new = ~known_words[words]
        # New masks, then their bits: never as many as there are labels times bits.
        price = new.sum(axis=1) * (free.size * free.size) + (new * bits[words]).sum(axis=1)
        best = int(np.argmin(price))
        known_words[words[best]] = True
        labels[coordinate] = int(open_labels[best])
        taken[open_labels[best]] = True
    return [labels[i] for i in range(size)], int(free[~taken & in_spare][0])


def place(matrix: Matrix, labels: Sequence[int], size: int) -> Matrix:
    """The matrix on `size` basis states, coordinate i standing on labels[i]."""
    entries = sp.coo_array(matrix)
    at = np.asarray(labels)
    rows, columns = entries.coords
    return sp.csr_array((entries.data, (at[rows], at[columns])), shape=(size, size))
