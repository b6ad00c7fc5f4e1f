"""Rows of a Carleman matrix written one by one, compiled by numba; import this file only where it is installed.

Places count the constant as 0. Rows come by owner, the first variable: those of owner o are heads[o] to heads[o + 1],
each the owner times a tail, a row of the degree below, from tails[o] on. table holds at o * lower + p the place of u_o
times place p. Of polynomials, one per variable, entry e is data[e] times degrees[e] variables, digits[:, e], each times
lower. The level below, in bare monomials, has per tail the entries ptr[tail] to ptr[tail + 1]: places, factors.
A coordinate of kind k over one of kind l has the weight ratios[k, l].

Nothing is in functions of its own: numba would count references to the arrays at every entry.
"""

from __future__ import annotations

from typing import Any

from qgd_core.carleman.lane_kernels import compile_kernel
from qgd_core.carleman.lane_kernels import unsigned as _u

_LEVEL = "i8[::1], i8[::1], i8[::1], i4[::1], f8[::1]"
_POLYNOMIALS = "i8[:,::1], i1[::1], f8[::1], i4[::1]"
_OUT = "u1[::1], f8[:,::1], i8, i4[::1], i4[::1], f8[::1], i8"


@compile_kernel("void(i8[::1], i8[:,::1], i4[:,::1], i8, i8)")
def fill_places(starts: Any, heads: Any, table: Any, first: Any, last: Any) -> None:
    """Rows first to last of the table, shape (n, lower); starts and heads by degree."""
    for variable in range(first, last):
        table[variable, 0] = variable + 1
        for degree in range(1, starts.size - 2):
            own, below = starts[degree], starts[degree - 1]
            gap = starts[degree + 1] - own
            for owner in range(variable):  # the variable goes into the tail
                shift = gap + heads[degree + 1, owner] - heads[degree, owner]
                at, tail = own + heads[degree, owner], below + heads[degree - 1, owner]
                for k in range(heads[degree, owner + 1] - heads[degree, owner]):
                    table[variable, at + k] = table[variable, tail + k] + shift
            shift = gap + heads[degree + 1, variable] - heads[degree, variable]
            for place in range(own + heads[degree, variable], starts[degree + 1]):
                table[variable, place] = place + shift


@compile_kernel("void(i8[::1], i8[:,::1], u1[:,:,::1], u1[::1], u1[::1])")
def fill_kinds(starts: Any, heads: Any, steps: Any, runs: Any, kinds: Any) -> None:
    """The kind of every place, steps[degree, kind, run] from that of the tail; runs, how often the owner comes first."""
    for degree in range(1, starts.size - 1):
        place, below = starts[degree], starts[degree - 1]
        for owner in range(heads.shape[1] - 1):
            for tail in range(heads[degree - 1, owner], starts[degree] - below):
                run = runs[below + tail] + 1 if tail < heads[degree - 1, owner + 1] else 1
                kinds[place] = steps[degree, kinds[below + tail], run]
                if place < runs.size:
                    runs[place] = run
                place += 1


@compile_kernel(
    f"i8(i8, i8, {_LEVEL}, u1[::1], i8[:,::1], i8[:,::1], {_POLYNOMIALS},"
    " i4[:,::1], i8, i4[::1], i4[::1], i4[::1], i4[::1], i4[::1], i4[::1],"
    f" {_OUT})"
)
def write_map_rows(
    first: Any, last: Any, heads: Any, tails: Any, ptr: Any, places: Any, factors: Any,
    rooms: Any, begins: Any, ends: Any, digits: Any, degrees: Any, data: Any, table: Any,
    members: Any, least: Any, used_ptr: Any, used: Any, users_ptr: Any, users: Any, common: Any, marks: Any,
    kinds: Any, ratios: Any, place_of_rows: Any, starts: Any, columns: Any, values: Any, end: Any,
) -> Any:  # fmt: skip
    """Write rows first to last from entry `end` on, equal columns added and zeros dropped; returns the new end.

    A row is the owner's polynomial times the row of the tail. An entry q goes with entries begins[rooms[q], owner] to
    ends[rooms[q], owner] of the polynomial. Two products are looked for only where the owner shares `least` used
    variables or more with the members of the tail; users are the polynomials that use a variable. common holds zeros,
    and marks, by place, -1.
    """
    for owner in range(heads.size - 1):
        low, high = max(first, heads[owner]), min(last, heads[owner + 1])
        if low >= high:
            continue
        for k in range(used_ptr[owner], used_ptr[owner + 1]):
            for m in range(users_ptr[used[k]], users_ptr[used[k] + 1]):
                common[users[m]] += 1
        for row in range(low, high):
            tail, begin, merged, shared = row - heads[owner] + tails[owner], end, False, 0
            own = ratios[kinds[_u(place_of_rows + row)]]
            for slot in range(members.shape[1]):
                shared += common[members[tail, slot]]
            for q in range(_u(ptr[tail]), _u(ptr[tail + 1])):
                place, factor, room = places[q], factors[q], rooms[q]
                for entry in range(_u(begins[room, owner]), _u(ends[room, owner])):
                    target = place
                    if degrees[entry] == 1:
                        target = table[_u(digits[0, entry] + place)]
                    else:
                        for slot in range(degrees[entry]):
                            target = table[_u(digits[slot, entry] + target)]
                    value = factor * data[entry] * own[_u(kinds[_u(target)])]
                    if shared >= least:
                        at = marks[_u(target)]
                        if at >= begin:
                            values[_u(at)] += value
                            merged = True
                            continue
                        marks[_u(target)] = end
                    columns[_u(end)] = target - 1
                    values[_u(end)] = value
                    end += 1
            if merged:
                kept = begin
                for position in range(begin, end):
                    marks[columns[position] + 1] = -1
                    if values[position] != 0.0:
                        columns[kept], values[kept] = columns[position], values[position]
                        kept += 1
                end = kept
            starts[place_of_rows + row] = end
        for k in range(used_ptr[owner], used_ptr[owner + 1]):
            for m in range(users_ptr[used[k]], users_ptr[used[k] + 1]):
                common[users[m]] -= 1
    return end


@compile_kernel(f"i8(i8, i8, {_LEVEL}, i8[::1], i8[:,::1], {_POLYNOMIALS}, i8, i8, i4[::1], {_OUT})")
def write_flow_rows(
    first: Any, last: Any, heads: Any, tails: Any, ptr: Any, places: Any, factors: Any,
    level_owns: Any, spans: Any, digits: Any, degrees: Any, data: Any, table: Any,
    lower: Any, place_of_tails: Any, owns: Any,
    kinds: Any, ratios: Any, place_of_rows: Any, starts: Any, columns: Any, values: Any, end: Any,
) -> Any:  # fmt: skip
    """Write rows first to last from entry `end` on, equal columns added and zeros dropped; returns the new end.

    A row is the owner's polynomial times the tail, and the owner times the row of the tail. The owns[row] entries that
    the row's own monomial divides come first, in the level too; so do spans[owner, :2] of the polynomial, those that
    the owner divides, before spans[owner, 2:]. Only the former can meet entries of another slot, unless
    the owner divides the tail.
    """
    for owner in range(heads.size - 1):
        for row in range(max(first, heads[owner]), min(last, heads[owner + 1])):
            tail, begin, split, merged = row - heads[owner] + tails[owner], end, end, False
            own, place = ratios[kinds[_u(place_of_rows + row)]], place_of_tails + tail
            middle = ptr[tail] + level_owns[tail]
            for part in range(2):
                split = end
                low, high = (middle, ptr[tail + 1]) if part else (ptr[tail], middle)
                for q in range(_u(low), _u(high)):
                    target = table[_u(owner * lower + places[q])]
                    columns[_u(end)] = target - 1
                    values[_u(end)] = factors[q] * own[_u(kinds[_u(target)])]
                    end += 1
                known = end
                search = part == 0 or tail < tails[owner + 1]
                for entry in range(_u(spans[owner, 2 * part]), _u(spans[owner, 2 * part + 1])):
                    target = place
                    if degrees[entry] == 1:
                        target = table[_u(digits[0, entry] + place)]
                    else:
                        for slot in range(degrees[entry]):
                            target = table[_u(digits[slot, entry] + target)]
                    value = data[entry] * own[_u(kinds[_u(target)])]
                    at = -1
                    if search:
                        for position in range(split, known):
                            at = max(at, position if columns[position] == target - 1 else -1)
                    if at >= 0:
                        values[_u(at)] += value
                        merged = True
                    else:
                        columns[_u(end)] = target - 1
                        values[_u(end)] = value
                        end += 1
            owns[place_of_rows + row] = split - begin
            if merged:
                kept = begin
                for position in range(begin, end):
                    if values[position] != 0.0:
                        columns[kept], values[kept] = columns[position], values[position]
                        kept += 1
                    elif position < split:
                        owns[place_of_rows + row] -= 1
                end = kept
            starts[place_of_rows + row] = end
    return end
