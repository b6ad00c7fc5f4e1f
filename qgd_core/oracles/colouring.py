"""Edge colouring of a bipartite graph: a sparse matrix as few partial permutations as a row has entries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.integer[Any]]


def colour_edges(rows: Indices, columns: Indices) -> NDArray[np.int64]:
    """Colour edges so that no two at one row or one column agree, with as few colours as the largest degree.

    Arguments: rows and columns, integers of shape (edges,), no pair twice.
    Result: colours from 0, shape (edges,); time is edges times the length of alternating paths.
    Raises: nothing.
    Source: Konig's theorem; a colour free at one end is freed at the other along an alternating path.
    """
    at_row: dict[int, dict[int, int]] = {}
    at_column: dict[int, dict[int, int]] = {}
    for edge, (i, j) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        here, there = at_row.setdefault(i, {}), at_column.setdefault(j, {})
        free_here, free_there = _free(here), _free(there)
        if free_here != free_there and free_here in there:
            _exchange(at_row, at_column, j, (free_here, free_there), (rows, columns))
        here[free_here] = there[free_here] = edge
    colours = np.zeros(rows.size, dtype=np.int64)
    for used in at_row.values():
        for colour, edge in used.items():
            colours[edge] = colour
    return colours


def _free(used: dict[int, int]) -> int:
    return next(colour for colour in range(len(used) + 1) if colour not in used)


def _exchange(
    at_row: dict[int, dict[int, int]],
    at_column: dict[int, dict[int, int]],
    column: int,
    pair: tuple[int, int],
    ends: tuple[Indices, Indices],
) -> None:
    """Swap two colours along the path that leaves a column by the first of them."""
    path = []
    node, colour, side = column, 0, at_column
    while (edge := side[node].get(pair[colour])) is not None:
        path.append((edge, colour))
        side, node = (at_row, int(ends[0][edge])) if side is at_column else (at_column, int(ends[1][edge]))
        colour = 1 - colour
    for edge, colour in path:
        for tables, end in ((at_row, ends[0]), (at_column, ends[1])):
            tables[int(end[edge])].pop(pair[colour])
    for edge, colour in path:
        for tables, end in ((at_row, ends[0]), (at_column, ends[1])):
            tables[int(end[edge])][pair[1 - colour]] = edge
