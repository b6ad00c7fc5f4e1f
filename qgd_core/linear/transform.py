"""Singular value transformation by a real polynomial: its circuit, and the same on a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.encodings.base import BlockEncoding
from qgd_core.phases.chebyshev import Chebyshev

Product = Callable[[RealArray], RealArray]


def transform(encoding: BlockEncoding, phases: RealArray, excluded: Circuit | None = None) -> Circuit:
    """Circuit of a polynomial of the singular values, real part taken on one qubit.

    Arguments: encoding of A; phases phi_0..phi_d of the reflection convention (`QsvtAngles.reflection`);
    excluded, prepares a state e of the system: the polynomial is then that of (1 - e e^T) A.
    Result: a circuit on [sign, workspace..., ancillas..., system...]: where all but the system start and are
    post-selected in |0>, it applies V P(sigma) W^T for odd d and A / alpha = V sigma W^T, W P W^T for even d.
    The two signs of the phases are the branches of the qubit `sign`; d calls, `transform_cost` gates.
    Raises: nothing.
    Source: Gilyen, Su, Low, Wiebe, arXiv:1806.01838, corollary 18 and figure 1; the rotation acts on the
    branch qubit itself, multiplexed by the flag of the ancillas, so neither needs a qubit of its own.
    """
    flag = _flag(encoding.n_ancilla - encoding.restored)
    n_work = n_workspace(encoding)
    work = range(1, 1 + n_work)
    ancillas = range(1 + n_work, 1 + n_work + encoding.n_ancilla)
    projected = ancillas[: encoding.n_ancilla - encoding.restored]
    builder = CircuitBuilder("transform", ancillas.stop + encoding.n_system)
    query, system = encoding.circuit(), range(ancillas.stop, builder.n_qubits)
    held = work[-1] if n_work else projected[0]
    builder.gate("h", [0])
    for k, phase in enumerate(reversed(phases.tolist())):
        if k:
            builder.call(query, [*ancillas, *system], adjoint=k % 2 == 0)
        # exp(i phase (2 Pi - 1)) where the branch is 0, its conjugate where it is 1.
        builder.call(flag, [*projected, *work])
        builder.gate("mux_rz", [held, 0], [2.0 * phase, -2.0 * phase])
        if excluded is not None and k % 2:
            # Take back the part of the output that holds e.
            builder.call(excluded, system, adjoint=True)
            builder.gate("rz", [0], [4.0 * phase], ((held, 1), *((q, 0) for q in system)))
            builder.call(excluded, system)
        builder.call(flag, [*projected, *work], adjoint=True)
    builder.gate("h", [0])
    return builder.build()


def n_workspace(encoding: BlockEncoding) -> int:
    """Clean qubits that hold the flag of the projected ancillas."""
    return max(0, encoding.n_ancilla - encoding.restored - 1)


def transform_cost(encoding: BlockEncoding, degree: int) -> tuple[int, int]:
    """Upper bounds on the CX and the rotations of `transform`."""
    reflection = 6 * n_workspace(encoding) + 2
    turns = 8 * n_workspace(encoding) + 1
    return (
        degree * encoding.two_qubit + (degree + 1) * reflection,
        degree * encoding.rotations + (degree + 1) * turns,
    )


def transform_vector(polynomial: Chebyshev, forward: Product, backward: Product, v: RealArray) -> RealArray:
    """What `transform` does to a vector, by the Chebyshev recurrence.

    Arguments: polynomial, odd or even, real; forward and backward, products with A / alpha and its transpose.
    Result: the transformed vector, exact to rounding, by `degree` products.
    Raises: nothing.
    Source: T_(k+1) = 2 x T_k - T_(k-1) on singular values, alternating between the two sides.
    """
    coefficients = polynomial.coefficients
    before, now = np.zeros_like(v), v
    total = coefficients[0] * v if polynomial.parity == 0 else np.zeros_like(v)
    for k in range(1, polynomial.degree + 1):
        product = forward(now) if k % 2 else backward(now)
        before, now = now, product if k == 1 else 2.0 * product - before
        if k % 2 == polynomial.parity:
            total = total + coefficients[k] * now
    return np.asarray(total)


def _flag(n_projected: int) -> Circuit:
    """Turn the last workspace qubit on where all projected qubits are 0 (the qubit itself where there is one)."""
    plan = Reversible()
    for qubit in range(n_projected):
        plan.flip(qubit)
    chain: Sequence[int] = range(n_projected, 2 * n_projected - 1)
    held = 0
    for qubit, target in enumerate(chain, start=1):
        plan.flip(target, held, qubit)
        held = target
    builder = CircuitBuilder("flag", 2 * n_projected - 1)
    plan.emit(builder, range(builder.n_qubits))
    return builder.build()
