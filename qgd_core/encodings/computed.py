"""Diagonal matrices whose entries are computed: a + b i + c i^2 by reversible arithmetic, and a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.encodings.base import Action, BlockEncoding
from qgd_core.errors import ConfigError
from qgd_core.oracles.values import Arithmetic, carry_out, polynomial_value

_ASSEMBLED = 16


def encode_computed(coefficients: Sequence[float], n_system: int, bits: int) -> BlockEncoding:
    """Encode diag(a + b i + c i^2), i = 0 .. 2**n_system - 1, without a table.

    Arguments: coefficients a, b, c (later ones may be left out), real; n_system >= 1; bits >= 1.
    Result: alpha = the largest magnitude over 1 - 2**-bits, every entry within eps = alpha 2**-bits; `target` holds the
    entries asked for. O(bits^2 + n_system^2) CX, value and clean qubits restored. Times a stencil it is a band whose
    entries vary by the formula.
    Raises: ConfigError when coefficients are not finite, all zero or more than three, or bits is below 1.
    Source: the inequality test of Sanders, Low, Scherer, Berry, arXiv:1807.03206, with the comparison as a sign.
    """
    given = [float(x) for x in coefficients] + [0.0] * (3 - len(coefficients))
    if len(given) != 3 or not np.isfinite(given).all() or not any(given) or bits < 1 or n_system < 1:
        raise ConfigError(
            f"A computed entry needs up to three finite coefficients, one not zero, and a bit: got {coefficients}, "
            f"{bits} bits on {n_system} qubits.",
            value=bits,
        )
    last = 2**n_system - 1
    alpha = _largest(given, last) / (1.0 - 2.0**-bits)
    # What rounded coefficients can miss, in units of the last bit: half of 1 + i + i^2.
    used = [1, last * bool(given[1]), last**2 * bool(given[2])]
    n_value = 1 + bits + (sum(used) - 1).bit_length()
    unit = Fraction(alpha) / 2 ** (n_value - 1)
    words = [round(Fraction(x) / unit) for x in given]
    plan = polynomial_value(words, n_system, n_value)
    n_ancilla = 2 * n_value + max(plan.n_clean, n_value)
    values, compare = plan.ops.two_qubit, _compare(n_value)[0].two_qubit
    return BlockEncoding(
        method="computed",
        target=_target(given, n_system),
        alpha=alpha,
        n_system=n_system,
        n_ancilla=n_ancilla,
        eps=alpha * 2.0**-bits,
        two_qubit=2 * (values + compare),
        rotations=8 * (values + compare) + 4 * n_value,
        build=lambda: _circuit(plan, n_ancilla),
        restored=n_ancilla - n_value,
    )


def _circuit(plan: Arithmetic, n_ancilla: int) -> Circuit:
    """A circuit on [even..., value..., clean..., index...]: the share of `even` below the value, as a sum of signs."""
    m = plan.n_value
    builder = CircuitBuilder("computed", n_ancilla + plan.n_index)
    index = range(n_ancilla, builder.n_qubits)[::-1]
    clean = range(2 * m, n_ancilla)
    wires = [*index, *range(m, 2 * m), *clean[: plan.n_clean]]
    own = CircuitBuilder("value", builder.n_qubits)
    plan.ops.emit(own, wires)
    compare, carry = _compare(m)
    compare.emit(own, [*range(2 * m), *clean[:m]])
    both = own.build()
    for qubit in range(m):
        builder.gate("h", [qubit])
    builder.call(both, range(builder.n_qubits))
    # A carry keeps the sign: there are as many as the value counted from the least number.
    builder.gate("x", [2 * m + carry])
    builder.gate("z", [2 * m + carry])
    builder.gate("x", [2 * m + carry])
    builder.call(both, range(builder.n_qubits), adjoint=True)
    for qubit in range(m):
        builder.gate("h", [qubit])
    return builder.build()


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


def _target(coefficients: Sequence[float], n_system: int) -> Action:
    a, b, c = coefficients
    i = np.arange(2**n_system if n_system <= _ASSEMBLED else 0, dtype=np.float64)
    if i.size:
        return sp.csr_array(sp.diags_array(a + b * i + c * i**2))

    def apply(x: RealArray) -> RealArray:
        j = np.arange(2**n_system, dtype=np.float64)
        return np.asarray((a + b * j + c * j**2) * x.reshape(-1))

    return LinearOperator((2**n_system,) * 2, matvec=apply, rmatvec=apply, dtype=np.float64)
