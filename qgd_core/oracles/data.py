"""Tables of integers as circuits: unary iteration over an address, never a multi-controlled gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    entries = [int(word) for word in table]
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
