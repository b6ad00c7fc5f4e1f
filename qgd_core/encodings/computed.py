"""Diagonal matrices whose entries are computed: a + b i + c i^2 by reversible arithmetic, and a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.action import Action, operator
from qgd_core.encodings.base import BlockEncoding
from qgd_core.oracles.comparison import Comparison, compare_values

_ASSEMBLED = 16


def encode_computed(coefficients: Sequence[float], n_system: int, bits: int) -> BlockEncoding:
    """Encode diag(a + b i + c i^2), i = 0 .. 2**n_system - 1, without a table.

    Arguments: coefficients a, b, c (later ones may be left out), real; n_system >= 1; bits >= 1.
    Result: alpha = the largest magnitude over 1 - 2**-bits, every entry within eps = alpha 2**-bits; `target` holds the
    entries asked for. O(bits^2 + n_system^2) CX, value and clean qubits restored. `oracles.arithmetic.banded` puts such
    entries on several diagonals.
    Raises: ConfigError when coefficients are not finite, all zero or more than three, or bits is below 1.
    Source: the inequality test of Sanders, Low, Scherer, Berry, arXiv:1807.03206, with the comparison as a sign.
    """
    (one,) = compare_values([coefficients], n_system, bits)
    n_ancilla = one.n_value + one.n_clean
    return BlockEncoding(
        method="computed",
        target=_target(one.coefficients, n_system),
        alpha=one.scale,
        n_system=n_system,
        n_ancilla=n_ancilla,
        eps=one.scale * 2.0**-bits,
        two_qubit=one.two_qubit,
        rotations=4 * one.two_qubit + 4 * one.n_value,
        build=lambda: _circuit(one),
        restored=one.n_clean,
    )


def _circuit(one: Comparison) -> Circuit:
    """The comparison on [even..., clean..., index...]."""
    n_ancilla = one.n_value + one.n_clean
    builder = CircuitBuilder("computed_diagonal", n_ancilla + one.n_index)
    builder.call(one.table().circuit, [*range(n_ancilla, builder.n_qubits), *range(n_ancilla)])
    return builder.build()


def _target(coefficients: Sequence[float], n_system: int) -> Action:
    a, b, c = coefficients
    i = np.arange(2**n_system if n_system <= _ASSEMBLED else 0, dtype=np.float64)
    if i.size:
        return sp.csr_array(sp.diags_array(a + b * i + c * i**2))

    def apply(x: RealArray) -> RealArray:
        j = np.arange(2**n_system, dtype=np.float64)
        return np.asarray((a + b * j + c * j**2) * x)

    return operator(2**n_system, apply, apply)
