"""States with amplitudes by formula, whose cost grows with the number of qubits alone."""

from __future__ import annotations

import cmath
import math

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import turn
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


def prepare_linear(first: float, slope: float, n_qubits: int) -> Circuit:
    """Circuit that takes |0...0> to the normalised sum of (first + slope * j) |j>, j = 0 .. 2**n_qubits - 1.

    Arguments: first and slope, real and finite, not both zero; n_qubits, at least 1.
    Result: an exact circuit of 2 n_qubits - 2 CX, none where slope is zero.
    Raises: ConfigError when a number is not finite or both are zero, or there is no qubit.
    Source: j = (2**n - 1) / 2 - sum_k 2**(k - 1) (-1)**(bit k): under Hadamards one amplitude for the mean and one
    a qubit, prepared by passing on a token.
    """
    _check_register(n_qubits)
    if not (math.isfinite(first) and math.isfinite(slope)) or not (first or slope):
        raise ConfigError(f"first is {first} and slope {slope}: they must be finite and not both zero.")
    size = max(abs(first), abs(slope))
    first, slope = first / size, slope / size
    ends = first / 2.0**n_qubits, slope * (0.5 - 0.5 ** (n_qubits + 1))
    # Amplitudes over 2**n: the mean, then each qubit's, the highest first.
    amplitudes = [math.fsum(ends), *(-slope * 0.5 ** (qubit + 2) for qubit in range(n_qubits))]
    builder = CircuitBuilder("linear", n_qubits)
    for qubit, held in enumerate(amplitudes[:-1]):
        rest = math.hypot(*amplitudes[qubit + 1 :])
        if qubit == n_qubits - 1:
            rest = amplitudes[-1]
        angle = 2.0 * math.atan2(rest, held)
        if qubit == 0:
            builder.gate("ry", [0], [angle])
        elif slope:
            turn(builder, [qubit - 1], qubit, [0.0, angle], before=[qubit - 1])
            builder.gate("x", [qubit - 1], controls=((qubit, 1),))
    for qubit in range(n_qubits):
        builder.gate("h", [qubit])
    return builder.build()


def prepare_geometric(ratio: complex, n_qubits: int) -> Circuit:
    """Circuit that takes |0...0> to the normalised sum of ratio**j |j>, j = 0 .. 2**n_qubits - 1.

    Arguments: ratio, real or complex, finite (exp(i k) makes a plane wave); n_qubits, at least 1.
    Result: an exact product state: one Ry and one phase a qubit, no CX.
    Raises: ConfigError when ratio is not finite, or there is no qubit.
    Source: ratio**j is a product over the bits of j.
    """
    _check_register(n_qubits)
    if not cmath.isfinite(ratio):
        raise ConfigError(f"ratio is {ratio}, it must be finite.", value=abs(ratio))
    builder = CircuitBuilder("geometric", n_qubits)
    size, phase = abs(ratio), cmath.phase(ratio)
    for qubit in range(n_qubits):
        power = 2 ** (n_qubits - 1 - qubit)
        # (1, r) and (1/r, 1) are one direction; the second form does not overflow.
        low, high = (1.0, size**power) if size <= 1 else (size ** float(-power), 1.0)
        builder.gate("ry", [qubit], [2.0 * math.atan2(high, low)])
        if phase:
            builder.gate("phase", [qubit], [math.remainder(phase * power, 2 * math.pi)])
    return builder.build()


def _check_register(n_qubits: int) -> None:
    if n_qubits < 1:
        raise ConfigError(f"{n_qubits} qubits hold no state, at least 1 is needed.", value=float(n_qubits))
