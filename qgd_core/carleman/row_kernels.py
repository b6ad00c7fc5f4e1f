"""Rows of a Carleman matrix written one by one, compiled by numba; import this file only where it is installed.

Places count the constant as 0. table holds at c * lower + p the place of u_c times place p. Polynomials, one per
variable, come as starts, digits (degree, entries) times lower, degrees, rising within each, and values. Row r
is the sum, over entries q of the level's row tails[r], of polynomial owners[r] + level_owners[q] times level_values[q]
times place level_places[q], as far as level_rooms[q] degrees more; no values stand for ones.
"""

from __future__ import annotations

from typing import Any

from qgd_core.carleman.lane_kernels import compile_kernel
from qgd_core.carleman.lane_kernels import unsigned as _u

_ROWS = "i4[::1], i4[::1], i8[::1], i4[::1], i4[::1], i1[::1]"


@compile_kernel(f"UniTuple(i8, 2)({_ROWS}, i8[:,::1])")
def count_products(
    owners: Any,
    tails: Any,
    level_ptr: Any,
    level_owners: Any,
    level_places: Any,
    level_rooms: Any,
    counts: Any,
) -> Any:
    """How many products all rows, and the longest, are sums of; counts[d, a] entries of polynomial a are up to degree d."""
    total, longest = 0, 0
    for row in range(owners.size):
        before = total
        for q in range(level_ptr[tails[row]], level_ptr[tails[row] + 1]):
            total += counts[level_rooms[q], owners[row] + level_owners[q]]
        longest = max(longest, total - before)
    return total, longest


@compile_kernel(
    f"i8({_ROWS}, f8[::1], i8[::1], i8[:,::1], i8[::1], f8[::1], i4[::1],"
    " u1[::1], f8[:,::1], i8, i8[::1], i4[::1], i4[::1], f8[::1], i8)"
)
def write_rows(
    owners: Any, tails: Any, level_ptr: Any, level_owners: Any, level_places: Any, level_rooms: Any, level_values: Any,
    indptr: Any, digits: Any, degrees: Any, data: Any, table: Any,
    kinds: Any, ratios: Any, first: Any, marks: Any, starts: Any, columns: Any, values: Any, end: Any,
) -> Any:  # fmt: skip
    """Write all rows, of coordinates `first` on, from entry `end` on, equal columns added and zeros dropped; the new end."""
    wrap, serial = _u(marks.size - 1), 1
    for row in range(owners.size):
        begin, fresh, own, merged = end, serial, ratios[_u(kinds[_u(first + row)])], False
        for q in range(level_ptr[tails[row]], level_ptr[tails[row] + 1]):
            polynomial, place = owners[row] + level_owners[q], level_places[q]
            room, factor = level_rooms[q], level_values[q] if level_values.size else 1.0
            for entry in range(_u(indptr[polynomial]), _u(indptr[polynomial + 1])):
                if degrees[entry] > room:
                    break
                target = place
                for slot in range(degrees[entry] - 1, -1, -1):
                    target = table[_u(digits[slot, entry] + target)]
                if target == 0:
                    continue
                column = target - 1
                value = factor * data[entry] * own[_u(kinds[_u(column)])]
                # Marks are a hash table of the row's columns, emptied by counting on.
                at = (_u(target) * _u(0x9E3779B1) >> _u(12)) & wrap
                while marks[at] >= fresh and columns[_u(begin + marks[at] - fresh)] != column:
                    at = (at + _u(1)) & wrap
                if marks[at] >= fresh:
                    values[_u(begin + marks[at] - fresh)] += value
                    merged = True
                else:
                    marks[at] = serial
                    serial += 1
                    columns[_u(end)] = column
                    values[_u(end)] = value
                    end += 1
        if merged:
            kept = begin
            for position in range(begin, end):
                if values[position] != 0.0:
                    columns[kept], values[kept] = columns[position], values[position]
                    kept += 1
            end = kept
        starts[first + row + 1] = end
    return end


@compile_kernel("void(i8, i8[::1], i4[::1], i8[::1], i8[::1], i4[::1], i4[::1], i8[::1], i8[::1])")
def split_tuples(
    degree: Any, tails_from: Any, below_owners: Any, below_runs: Any, below_orderings: Any,
    owners: Any, tails: Any, runs: Any, orderings: Any,
) -> None:  # fmt: skip
    """Every sorted tuple of one more index: its first, the rank of the rest, how often the first stands, its orderings."""
    row = 0
    for variable in range(tails_from.size):
        for tail in range(tails_from[variable], below_owners.size):
            run = below_runs[tail] + 1 if below_owners[tail] == variable else 1
            owners[row], tails[row], runs[row] = variable, tail, run
            orderings[row] = below_orderings[tail] * degree // run
            row += 1


@compile_kernel("void(i4[::1], i8, i8, i4[::1], i4[::1], i4[:,::1], i4[:,::1], i4[:,::1], i4[:,::1])")
def replace_one(
    table: Any, lower: Any, start: Any, owners: Any, tails: Any,
    below_variables: Any, below_rests: Any, variables: Any, rests: Any,
) -> None:  # fmt: skip
    """The variables of every monomial (owner, tail), and the place of the rest without each, from those of the tail."""
    for row in range(owners.size):
        tail = tails[row]
        variables[row, 0] = owners[row]
        rests[row, 0] = start + tail
        for slot in range(below_variables.shape[1]):
            variables[row, slot + 1] = below_variables[tail, slot]
            rests[row, slot + 1] = table[owners[row] * lower + below_rests[tail, slot]]
