"""Polynomials of an encoded matrix by singular value transformation."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.encodings.action import Action, operator, transposed
from qgd_core.encodings.block import Block
from qgd_core.phases.angles import QsvtAngles, qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev

_ASSEMBLED = 8
B = TypeVar("B", bound=Block)


def transform(encoding: B, polynomial: Chebyshev, tolerance: float = 1e-12) -> B:
    """Encode P(A / alpha), for a matrix that is not Hermitian the transform of its singular values.

    Arguments: encoding of A = W S V^dagger; polynomial, real, even or odd, below 1 in magnitude on [-1, 1];
    tolerance of the phases.
    Result: alpha 1; W P(S / alpha) V^dagger for an odd polynomial, V P(S / alpha) V^dagger for an even one; degree
    uses of the encoding, degree + 1 phases of 6 (projected ancillas - 1) + 2 CX, one ancilla more. `eps` adds
    the phases' residual and, by Markov's inequality, degree**2 times the relative error of the encoding.
    Raises: as `qsvt_angles`.
    Source: Gilyen et al., arXiv:1806.01838, corollary 18: phases and their negatives under a Hadamard pair.
    """
    encoding, angles = encoding.both_ways(), qsvt_angles(polynomial, tolerance)
    circuit = _circuit(encoding, angles)
    counts = cost(circuit)
    return encoding.derived(
        method="polynomial",
        target=_action(encoding, polynomial),
        alpha=1.0,
        n_ancilla=encoding.n_ancilla + 1,
        eps=angles.residual + max(1, angles.degree) ** 2 * encoding.eps / encoding.alpha,
        two_qubit=counts.two_qubit,
        rotations=counts.rotations,
        build=lambda: circuit,
        layout=encoding.layout,
    )


def _circuit(encoding: Block, angles: QsvtAngles) -> Circuit:
    """Sign qubit, the encoding's ancillas, system; the phase is e^(i phi Z (2 P - 1)), P all projected ones in |0>."""
    n_qubits = 1 + encoding.n_ancilla + encoding.n_system
    projected = range(1, 1 + encoding.n_projected)
    inside = tuple((q, 0) for q in projected)
    block = encoding.circuit()
    builder = CircuitBuilder("polynomial", n_qubits)
    builder.gate("h", [0])
    phases = angles.reflection[::-1]
    for use, phase in enumerate(phases):
        builder.gate("rz", [0], [-4.0 * phase], inside)
        if use < angles.degree:
            builder.call(block, range(1, n_qubits), adjoint=bool(use % 2))
    builder.gate("rz", [0], [2.0 * float(phases.sum())])
    builder.gate("h", [0])
    return builder.build()


def _action(encoding: Block, polynomial: Chebyshev) -> Action:
    """The transform by Chebyshev's recurrence, A and its adjoint in turn."""
    forth, back = encoding.target, transposed(encoding.target)
    size = 2**encoding.n_system

    def apply(x: ComplexArray, first: Action, second: Action) -> ComplexArray:
        before, now = np.zeros_like(x), x
        total = polynomial.coefficients[0] * x
        for k, coefficient in enumerate(polynomial.coefficients[1:]):
            moved = ((first if k % 2 == 0 else second) @ now) / encoding.alpha
            before, now = now, moved if k == 0 else 2.0 * moved - before
            total = total + coefficient * now
        return np.asarray(total)

    if encoding.n_system <= _ASSEMBLED:
        return sp.csr_array(apply(np.eye(size, dtype=np.complex128), forth, back))
    last, other = (back, forth) if polynomial.parity else (forth, back)
    return operator(size, lambda x: apply(x, forth, back), lambda x: apply(x, last, other), np.complex128)
