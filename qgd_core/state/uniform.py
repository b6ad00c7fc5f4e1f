"""States with amplitudes by formula, whose cost grows with the number of qubits alone."""

from __future__ import annotations

import math

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.errors import ConfigError


def prepare_uniform(count: int, n_qubits: int) -> Circuit:
    """Circuit that takes |0...0> to the equal superposition of |0>, ..., |count - 1>.

    Arguments: count, 1 to 2**n_qubits; n_qubits, at least 1.
    Result: an exact circuit of O(n_qubits**2) CX, none where count is a power of two.
    Raises: ConfigError when count is out of range.
    Source: the recursion of Shukla, Vedula, arXiv:2306.11747, on the leading bit of count.
    """
    if not 1 <= count <= 2**n_qubits:
        raise ConfigError(f"count is {count}, it must be from 1 to 2**{n_qubits}.", value=float(count))
    builder = CircuitBuilder("uniform", n_qubits)
    m = (count - 1).bit_length()
    first = n_qubits - m
    if count == 2**m:
        for qubit in range(first, n_qubits):
            builder.gate("h", [qubit])
        return builder.build()
    half = 2 ** (m - 1)
    builder.gate("ry", [first], [2.0 * math.acos(math.sqrt(half / count))])
    lower = range(first + 1, n_qubits)
    for qubit in lower:
        builder.gate("h", [qubit], (), ((first, 0),))
    if lower:
        builder.call(prepare_uniform(count - half, m - 1), lower, controls=((first, 1),))
    return builder.build()


def prepare_geometric(ratio: float, n_qubits: int) -> Circuit:
    """Circuit that takes |0...0> to the normalised sum of ratio**j |j>, j = 0 .. 2**n_qubits - 1.

    Arguments: ratio, real and finite, any sign; n_qubits, at least 1.
    Result: an exact product state: one Ry a qubit, no CX.
    Raises: ConfigError when ratio is not finite.
    Source: ratio**j is a product over the bits of j.
    """
    if not math.isfinite(ratio):
        raise ConfigError(f"ratio is {ratio}, it must be finite.", value=ratio)
    builder = CircuitBuilder("geometric", n_qubits)
    for qubit in range(n_qubits):
        power = 2 ** (n_qubits - 1 - qubit)
        # (1, r) and (1/|r|, sign r) are one direction; the second form does not overflow.
        turned = -1.0 if ratio < 0 and power == 1 else 1.0
        low, high = (1.0, ratio**power) if abs(ratio) <= 1 else (abs(ratio) ** float(-power), turned)
        builder.gate("ry", [qubit], [2.0 * math.atan2(high, low)])
    return builder.build()
