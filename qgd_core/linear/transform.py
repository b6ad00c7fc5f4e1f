"""Singular value transformation by a real polynomial: its circuit, and the same on a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.ops import Controls
from qgd_core.circuit.reversible import Reversible
from qgd_core.encodings.base import BlockEncoding
from qgd_core.phases.chebyshev import Chebyshev

Product = Callable[[RealArray], RealArray]


def transform(encoding: BlockEncoding, phases: RealArray, excluded: Circuit | None = None) -> Circuit:
    """Circuit of a polynomial of the singular values, real part taken on one qubit.

    Arguments: encoding of A; phases phi_0..phi_d of the reflection convention (`QsvtAngles.reflection`);
    excluded, prepares a state e of the system's last qubits: the polynomial is then that of (1 - e e^T) A.
    Result: a circuit on [sign, workspace..., ancillas..., system...]: where all but the system start and are
    post-selected in |0>, it applies V P(sigma) W^T for odd d and A / alpha = V sigma W^T, W P W^T for even d.
    The two signs of the phases are the branches of the qubit `sign`; d calls, `transform_cost` gates.
    Raises: nothing.
    Source: Gilyen, Su, Low, Wiebe, arXiv:1806.01838, corollary 18 and figure 1; the rotation acts on the
    branch qubit itself, multiplexed by the ancillas or by ANDs of them, so no qubit holds the phase.
    """
    n_work = n_workspace(encoding)
    work = range(1, 1 + n_work)
    ancillas = range(1 + n_work, 1 + n_work + encoding.n_ancilla)
    projected = ancillas[: encoding.n_ancilla - encoding.restored]
    builder = CircuitBuilder("transform", ancillas.stop + encoding.n_system)
    query, system = encoding.circuit(), range(ancillas.stop, builder.n_qubits)
    flag, joined = _flag(n_work), [*projected[: n_work + 1], *work]
    inside = _inside(projected, work)
    selects = [q for q, _ in inside]
    signs = _signs(inside)
    builder.gate("h", [0])
    for k, phase in enumerate(reversed(phases.tolist())):
        if k:
            builder.call(query, [*ancillas, *system], adjoint=k % 2 == 0)
        builder.call(flag, joined)
        builder.gate("mux_rz", [*selects, 0], 2.0 * phase * signs)
        if excluded is not None and k % 2:
            # Take back the part of the output that holds e.
            lowest = system[-excluded.n_qubits :]
            builder.call(excluded, lowest, adjoint=True)
            builder.gate("rz", [0], [4.0 * phase], (*inside, *((q, 0) for q in lowest)))
            builder.call(excluded, lowest)
        builder.call(flag, joined, adjoint=True)
    builder.gate("h", [0])
    return builder.build()


def transform_pair(encoding: BlockEncoding, even: RealArray, odd: RealArray) -> Circuit:
    """Circuit of the sum of an even and an odd polynomial of a Hermitian matrix, the odd one times -i.

    Arguments: encoding of A = A^dagger; phases of both, as for `transform`, their degrees one apart.
    Result: a circuit on [pair, sign, workspace..., ancillas..., system...] that applies (P(A/alpha) - i Q(A/alpha)) / 2
    where all but the system start and are post-selected in |0>. Both share every call but the last, which is
    controlled; `transform_pair_cost` bounds the rest.
    Raises: nothing.
    Source: as `transform`; cos - i sin for Hamiltonian simulation in its theorem 58.
    """
    n_work = n_workspace(encoding)
    work = range(2, 2 + n_work)
    ancillas = range(2 + n_work, 2 + n_work + encoding.n_ancilla)
    projected = ancillas[: encoding.n_ancilla - encoding.restored]
    builder = CircuitBuilder("transform_pair", ancillas.stop + encoding.n_system)
    query, system = encoding.circuit(), range(ancillas.stop, builder.n_qubits)
    flag, joined = _flag(n_work), [*projected[: n_work + 1], *work]
    inside = _inside(projected, work)
    signs = _signs(inside)
    longer = int(odd.size > even.size)
    for name, qubit in (("h", 0), ("sdg", 0), ("h", 1)):
        builder.gate(name, [qubit])
    for k in range(max(even.size, odd.size)):
        pair = [phases[::-1][k] if k < phases.size else 0.0 for phases in (even, odd)]
        last = ((0, longer),) if k == max(even.size, odd.size) - 1 else ()
        if k:
            builder.call(query, [*ancillas, *system], adjoint=k % 2 == 0, controls=last)
        builder.call(flag, joined)
        builder.gate("mux_rz", [0, *(q for q, _ in inside), 1], np.outer(pair, 2.0 * signs).reshape(-1))
        builder.call(flag, joined, adjoint=True)
    builder.gate("h", [1])
    builder.gate("h", [0])
    return builder.build()


def transform_pair_cost(encoding: BlockEncoding, degree: int) -> tuple[int, int]:
    """Upper bounds on the CX and rotations of `transform_pair` without its controlled call; degree, the larger one."""
    ands, turns = n_workspace(encoding), 2 ** (n_selects(encoding) + 1)
    return (
        (degree - 1) * encoding.two_qubit + (degree + 1) * (6 * ands + turns),
        (degree - 1) * encoding.rotations + (degree + 1) * (8 * ands + turns),
    )


def n_workspace(encoding: BlockEncoding) -> int:
    """Clean qubits that hold ANDs of projected ancillas: as many as make a phase cheapest.

    Each takes 6 CX, and halves the 2**s CX of a rotation selected by the s qubits that are left.
    """
    projected = encoding.n_ancilla - encoding.restored
    return min(range(projected), key=lambda ands: 6 * ands + 2 ** (projected - ands))


def n_selects(encoding: BlockEncoding) -> int:
    """Qubits that tell whether every projected ancilla is 0."""
    return encoding.n_ancilla - encoding.restored - n_workspace(encoding)


def transform_cost(encoding: BlockEncoding, degree: int) -> tuple[int, int]:
    """Upper bounds on the CX and the rotations of `transform`, no state excluded."""
    ands, turns = n_workspace(encoding), 2 ** n_selects(encoding)
    return (
        degree * encoding.two_qubit + (degree + 1) * (6 * ands + turns),
        degree * encoding.rotations + (degree + 1) * (8 * ands + turns),
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


def _inside(projected: Sequence[int], work: Sequence[int]) -> Controls:
    """What holds exactly where every projected ancilla is 0, once `_flag` has run."""
    rest = tuple((q, 0) for q in projected[len(work) + 1 :])
    return ((work[-1], 1), *rest) if work else ((projected[0], 0), *rest)


def _signs(inside: Controls) -> RealArray:
    """Signs of a phase's angle: exp(i phase (2 Pi - 1)) where the branch is 0, its conjugate where it is 1."""
    signs = np.ones(2 ** len(inside))
    signs[sum(value << k for k, (_, value) in enumerate(reversed(inside)))] = -1.0
    return signs


def _flag(n_work: int) -> Circuit:
    """Turn the last workspace qubit on where the first n_work + 1 qubits are all 0."""
    plan = Reversible()
    held, first = 0, n_work + 1
    for qubit in range(first if n_work else 0):
        plan.flip(qubit)
    for k in range(n_work):
        plan.flip(first + k, held, k + 1)
        held = first + k
    builder = CircuitBuilder("flag", 2 * n_work + 1)
    plan.emit(builder, range(builder.n_qubits))
    return builder.build()
