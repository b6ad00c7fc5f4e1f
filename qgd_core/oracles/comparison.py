"""Computed values as amplitudes: a + b i + c i^2 in fixed point, compared with an even register; no table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.errors import ConfigError
from qgd_core.oracles.data import Table
from qgd_core.oracles.values import Arithmetic, carry_out, polynomial_value


@dataclass(frozen=True)
class Comparison:
    """(a + b i + c i^2) / scale as the amplitude of an even register that is |0> before and after.

    coefficients a, b, c; n_index of i; n_value, qubits of the value and of the even register; scale.
    """

    coefficients: tuple[float, float, float]
    n_index: int
    n_value: int
    scale: float

    @cached_property
    def values(self) -> Arithmetic:
        """The value on [index..., value..., clean...], lowest bits first, in units of its last bit."""
        unit = Fraction(self.scale) / 2 ** (self.n_value - 1)
        words = [round(Fraction(x) / unit) for x in self.coefficients]
        return polynomial_value(words, self.n_index, self.n_value)

    @property
    def n_clean(self) -> int:
        """Qubits that return clean: the value, and what computes and compares it."""
        return self.n_value + max(self.values.n_clean, self.n_value)

    @property
    def two_qubit(self) -> int:
        """Its CX count."""
        return 2 * (self.values.ops.two_qubit + _compare(self.n_value)[0].two_qubit)

    def table(self) -> Table:
        """The circuit |i>|0>|0> on [index..., even..., clean...]: the share of `even` below the value, as a sum of signs."""
        m, n = self.n_value, self.n_index
        builder = CircuitBuilder("computed", n + m + self.n_clean)
        even, clean = range(n, n + m), range(n + 2 * m, builder.n_qubits)
        value = range(n + m, n + 2 * m)
        own = CircuitBuilder("value", builder.n_qubits)
        self.values.ops.emit(own, [*range(n)[::-1], *value, *clean[: self.values.n_clean]])
        compare, carry = _compare(m)
        compare.emit(own, [*even, *value, *clean[:m]])
        both = own.build()
        for qubit in even:
            builder.gate("h", [qubit])
        builder.call(both, range(builder.n_qubits))
        # A carry keeps the sign: there are as many as the value counted from the least number.
        builder.gate("x", [clean[carry]])
        builder.gate("z", [clean[carry]])
        builder.gate("x", [clean[carry]])
        builder.call(both, range(builder.n_qubits), adjoint=True)
        for qubit in even:
            builder.gate("h", [qubit])
        return Table(builder.build(), self.n_clean)


def compare_values(formulas: Sequence[Sequence[float]], n_index: int, bits: int) -> list[Comparison]:
    """Comparisons of values by formula, all of one scale and one number of qubits.

    Arguments: formulas, each up to three coefficients a, b, c; n_index >= 1; bits >= 1.
    Result: the scale is the largest magnitude over 1 - 2**-bits, every value within scale * 2**-bits.
    Raises: ConfigError when coefficients are not finite, more than three, or all zero, or bits is below 1.
    Source: the inequality test of Sanders, Low, Scherer, Berry, arXiv:1807.03206, with the comparison as a sign.
    """
    given = [tuple(float(x) for x in one) + (0.0,) * (3 - len(one)) for one in formulas]
    if (
        bits < 1
        or n_index < 1
        or any(len(one) != 3 or not np.isfinite(one).all() for one in given)
        or not np.any(given)
    ):
        raise ConfigError(
            f"A computed entry needs up to three finite coefficients, one not zero, and a bit: got {list(formulas)}, "
            f"{bits} bits on {n_index} qubits.",
            value=bits,
        )
    last = 2**n_index - 1
    scale = max(_largest(one, last) for one in given) / (1.0 - 2.0**-bits)
    # What rounded coefficients can miss, in units of the last bit: half of 1 + i + i^2.
    used = [1, last * any(one[1] for one in given), last**2 * any(one[2] for one in given)]
    n_value = 1 + bits + (sum(used) - 1).bit_length()
    return [Comparison((one[0], one[1], one[2]), n_index, n_value, scale) for one in given]


def _compare(n_value: int) -> tuple[Reversible, int]:
    """The carry of an even register and the value, its sign bit turned round: on [even..., value..., carries...]."""
    ops = Reversible()
    even, value = range(n_value), range(n_value, 2 * n_value)
    ops.flip(value[-1])
    carry_out(ops, even, value, range(2 * n_value, 3 * n_value))
    return ops, n_value - 1


def _largest(coefficients: Sequence[float], last: int) -> float:
    """The largest magnitude of a + b i + c i^2 over the integers 0 .. last: at an end or beside the vertex."""
    a, b, c = coefficients
    places = {0, last}
    if c:
        vertex = min(max(-b / (2.0 * c), 0.0), float(last))
        places |= {math.floor(vertex), math.ceil(vertex)}
    return max(abs(a + b * i + c * i * i) for i in places)
