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
    each the state that adds the fewest masks, and of those the ones of fewest bits; D 2^q work.
    Raises: nothing.
    Source: greedy.
    """
    size = matrix.shape[0]
    free = [label for label in range(1 << size.bit_length()) if label >= fixed]
    labels = {i: i for i in range(fixed)}
    entries = sp.coo_array(matrix)
    near: dict[int, set[int]] = {i: set() for i in range(size)}
    weight = np.zeros(size)
    for row, column, value in zip(*entries.coords, np.abs(entries.data), strict=True):
        if row != column:
            near[int(row)].add(int(column))
            near[int(column)].add(int(row))
            weight[[row, column]] += value
    words: set[int] = set()
    for coordinate in sorted(range(fixed, size), key=lambda i: -weight[i]):
        known = [labels[other] for other in near[coordinate] if other in labels]
        last = [label for label in free if label in spare]
        open_labels = [label for label in free if label not in spare or len(last) > 1]
        label = min(open_labels, key=lambda label: _price({label ^ other for other in known} - words))
        words |= {label ^ other for other in known}
        labels[coordinate] = label
        free.remove(label)
    return [labels[i] for i in range(size)], next(label for label in free if label in spare)


def _price(new: set[int]) -> tuple[int, int]:
    """New masks, and their bits."""
    return len(new), sum(word.bit_count() for word in new)


def place(matrix: Matrix, labels: Sequence[int], size: int) -> Matrix:
    """The matrix on `size` basis states, coordinate i standing on labels[i]."""
    entries = sp.coo_array(matrix)
    at = np.asarray(labels)
    rows, columns = entries.coords
    return sp.csr_array((entries.data, (at[rows], at[columns])), shape=(size, size))
