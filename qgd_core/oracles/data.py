"""Tables of integers as circuits: unary iteration over an address, never a multi-controlled gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.errors import ConfigError


@dataclass(frozen=True)
class Table:
    """A circuit on address, output and clean qubits, in that order, and how many clean ones there are."""

    circuit: Circuit
    n_clean: int


def load(table: Sequence[int], n_bits: int, name: str = "table") -> Table:
    """Circuit |a>|z>|0> -> |a>|z XOR table[a]>|0>.

    Arguments: table, integers from 0 to 2**n_bits - 1, at most 2**m of them for an address of m qubits
    (missing ones are 0), m = ceil(log2 len(table)) and at least 1; n_bits of the output; name of the block.
    Result: an exact circuit without signs: at most 2**m - 2 ANDs computed and uncomputed (6 CX and at most
    8 T a pair), a CX per non-zero bit, m - 1 clean qubits; branches that hold only zeros are skipped.
    Raises: ConfigError when the table is empty or an entry does not fit.
    Source: Babbush et al., arXiv:1805.03662, section III.A.
    """
    try:
        entries = [index(word) for word in table]
    except TypeError as error:
        raise ConfigError(f"A table needs whole numbers: {error}.", subject=name) from error
    if not entries or any(not 0 <= word < 2**n_bits for word in entries):
        raise ConfigError(f"A table needs entries from 0 to 2**{n_bits} - 1.", subject=name)
    m = max(1, (len(entries) - 1).bit_length())
    entries += [0] * (2**m - len(entries))
    ops = Reversible()

    def visit(words: list[int], depth: int, held: int) -> None:
        """Write the words where `held` is 1, by the address bits from `depth` on."""
        if not any(words):
            return
        if depth == m:
            for bit in range(n_bits):
                if words[0] >> (n_bits - 1 - bit) & 1:
                    ops.flip(m + bit, held)
            return
        low, high = words[: len(words) // 2], words[len(words) // 2 :]
        if low == high:
            visit(low, depth + 1, held)
            return
        branch = m + n_bits + depth - 1
        ops.flip(depth)
        ops.flip(branch, held, depth)
        ops.flip(depth)
        visit(low, depth + 1, branch)
        ops.flip(branch, held)
        visit(high, depth + 1, branch)
        ops.flip(branch, held, depth)

    half = len(entries) // 2
    ops.flip(0)
    visit(entries[:half], 1, 0)
    ops.flip(0)
    visit(entries[half:], 1, 0)
    n_clean = m - 1
    builder = CircuitBuilder(name, m + n_bits + n_clean)
    ops.emit(builder, range(builder.n_qubits))
    return Table(builder.build(), n_clean)


def load_by_swaps(table: Sequence[int], n_bits: int, n_swapped: int, name: str = "table") -> Table:
    """The circuit of `load` with fewer ANDs on more qubits: rows of 2**n_swapped words, and swaps to the wanted one.

    Arguments: as `load`, and n_swapped, how many of the lowest address bits choose by swaps, from 0 to m - 1.
    Result: as `load`; with a = m - n_swapped, 2 (2 (2**a - 2) + n_bits (2**n_swapped - 1)) ANDs at most where `load`
    has 2 (2**m - 2), twice its CX for the words, and n_bits 2**n_swapped + a - 1 clean qubits.
    Raises: ConfigError as `load`, or when n_swapped is out of range.
    Source: select-swap of Low, Kliuchnikov, Schaeffer, arXiv:1812.00954, Fig. 1d; clean qubits, all undone.
    """
    m = max(1, (len(table) - 1).bit_length())
    if not 0 <= n_swapped < m:
        raise ConfigError(f"n_swapped is {n_swapped}, expected 0 to {m - 1}.", value=float(n_swapped))
    if n_swapped == 0:
        return load(table, n_bits, name)
    count, a = 2**n_swapped, m - n_swapped
    words = [*table, *[0] * (2**m - len(table))]
    if any(not 0 <= word < 2**n_bits for word in words):
        raise ConfigError(f"A table needs entries from 0 to 2**{n_bits} - 1.", subject=name)
    rows = [
        sum(int(word) << n_bits * (count - 1 - place) for place, word in enumerate(words[i : i + count]))
        for i in range(0, len(words), count)
    ]
    select = load(rows, n_bits * count, "rows")
    n_clean = n_bits * count + select.n_clean
    builder = CircuitBuilder(name, m + n_bits + n_clean)
    output, held = range(m, m + n_bits), range(m + n_bits, m + n_bits + n_bits * count)
    loaded = [*range(a), *held, *range(held.stop, builder.n_qubits)]
    swaps = CircuitBuilder("choose", builder.n_qubits)
    builder.call(select.circuit, loaded)
    chosen = Reversible()
    for level in range(n_swapped):
        half = count >> (level + 1)
        for near in range(half * n_bits):
            far = near + half * n_bits
            chosen.flip(held[near], held[far])
            chosen.flip(held[far], a + level, held[near])
            chosen.flip(held[near], held[far])
    chosen.emit(swaps, range(builder.n_qubits))
    choose = swaps.build()
    builder.call(choose, range(builder.n_qubits))
    for source, target in zip(held, output, strict=False):
        builder.gate("x", [target], controls=((source, 1),))
    builder.call(choose, range(builder.n_qubits), adjoint=True)
    builder.call(select.circuit, loaded, adjoint=True)
    return Table(builder.build(), n_clean)
