"""Singular value transformation by a real polynomial: its circuit, and the same on a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.gather import FEWEST, Gathered, gather, n_clean
from qgd_core.circuit.ops import Controls
from qgd_core.encodings.action import Action, Values, add_multiple, adding, transposed
from qgd_core.encodings.base import BlockEncoding
from qgd_core.phases.chebyshev import Chebyshev

# Takes a part out of a vector, in its place.
Projection = Callable[[Values], object]


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
    n_excluded = 0 if excluded is None else excluded.n_qubits
    n_work = n_workspace(encoding, n_excluded)
    first = 1 + n_work
    builder = CircuitBuilder("transform", first + encoding.n_ancilla + encoding.n_system)
    query, own = encoding.circuit(), range(first, builder.n_qubits)
    inside, apart, shared = _conditions(encoding, n_excluded, range(1, first), first)
    flag, kept = _block(inside, builder.n_qubits), _block(apart, builder.n_qubits)
    everything, last = range(builder.n_qubits), range(builder.n_qubits - n_excluded, builder.n_qubits)
    selects = [q for q, _ in inside.flags]
    signs = _signs(inside.flags)
    builder.gate("h", [0])
    for k, phase in enumerate(reversed(phases.tolist())):
        if k:
            builder.call(query, own, adjoint=k % 2 == 0)
        builder.call(flag, everything)
        builder.gate("mux_rz", [*selects, 0], 2.0 * phase * signs)
        if excluded is None or k % 2 == 0:
            builder.call(flag, everything, adjoint=True)
            continue
        # Take back the part of the output that holds e.
        if not shared:
            builder.call(flag, everything, adjoint=True)
        builder.call(excluded, last, adjoint=True)
        builder.call(kept, everything)
        flags = (*inside.flags, *apart.flags) if shared else apart.flags
        builder.gate("mux_rz", [*(q for q, _ in flags), 0], 2.0 * phase * (1.0 - _signs(flags)))
        builder.call(kept, everything, adjoint=True)
        builder.call(excluded, last)
        if shared:
            builder.call(flag, everything, adjoint=True)
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
    first = 2 + n_workspace(encoding)
    builder = CircuitBuilder("transform_pair", first + encoding.n_ancilla + encoding.n_system)
    query, own = encoding.circuit(), range(first, builder.n_qubits)
    inside, _, _ = _conditions(encoding, 0, range(2, first), first)
    flag, everything = _block(inside, builder.n_qubits), range(builder.n_qubits)
    signs = _signs(inside.flags)
    longer = int(odd.size > even.size)
    for name, qubit in (("h", 0), ("sdg", 0), ("h", 1)):
        builder.gate(name, [qubit])
    for k in range(max(even.size, odd.size)):
        pair = [phases[::-1][k] if k < phases.size else 0.0 for phases in (even, odd)]
        last = ((0, longer),) if k == max(even.size, odd.size) - 1 else ()
        if k:
            builder.call(query, own, adjoint=k % 2 == 0, controls=last)
        builder.call(flag, everything)
        angles = np.outer(pair, 2.0 * signs).reshape(-1)
        builder.gate("mux_rz", [0, *(q for q, _ in inside.flags), 1], angles)
        builder.call(flag, everything, adjoint=True)
    builder.gate("h", [1])
    builder.gate("h", [0])
    return builder.build()


def transform_pair_cost(encoding: BlockEncoding, degree: int) -> tuple[int, int]:
    """Upper bounds on the CX and rotations of `transform_pair` without its controlled call; degree, the larger one."""
    ands, turns = _n_ands(encoding), 2 ** (n_selects(encoding) + 1)
    return (
        (degree - 1) * encoding.two_qubit + (degree + 1) * (6 * ands + turns),
        (degree - 1) * encoding.rotations + (degree + 1) * (8 * ands + turns),
    )


def n_workspace(encoding: BlockEncoding, n_excluded: int = 0) -> int:
    """Clean qubits that the phases take besides those of the encoding; n_excluded, of a state that is taken out."""
    return max(0, n_clean(encoding.n_projected + n_excluded) - encoding.clean)


def n_selects(encoding: BlockEncoding) -> int:
    """Qubits that tell whether every projected ancilla is 0, once ANDs of them are taken."""
    return min(encoding.n_projected, FEWEST)


def transform_cost(encoding: BlockEncoding, degree: int, excluded: int | None = None) -> tuple[int, int]:
    """Upper bounds on the CX and the rotations of `transform`; excluded, qubits of e, its own circuit not counted."""
    ands, turns = _n_ands(encoding), 2 ** n_selects(encoding)
    two_qubit = degree * encoding.two_qubit + (degree + 1) * (6 * ands + turns)
    rotations = degree * encoding.rotations + (degree + 1) * (8 * ands + turns)
    if excluded is None:
        return two_qubit, rotations
    inside, apart, shared = _conditions(encoding, excluded, range(-n_workspace(encoding, excluded), 0), 0)
    selects = 2 ** (len(apart.flags) + shared * len(inside.flags))
    each = (2 * apart.ops.two_qubit + selects, 8 * apart.ops.two_qubit // 3 + selects)
    odd = (degree + 1) // 2
    return two_qubit + odd * each[0], rotations + odd * each[1]


def transform_vector(
    polynomial: Chebyshev, action: Action, alpha: float, v: Values, project: Projection | None = None
) -> Values:
    """What `transform` does to a vector, by the Chebyshev recurrence.

    Arguments: polynomial, odd or even, real; action, A; alpha; v, shape (n,) or (n, m), which is written to; project,
    takes e out of a vector in its place, where the polynomial is that of (1 - e e^T) A.
    Result: the transformed vector, exact to rounding, by `degree` products and three vectors, v among them.
    Raises: nothing.
    Source: T_(k+1) = 2 x T_k - T_(k-1) on singular values, alternating between the two sides. With signs + + - -
    in turn every product is added to the vector before the last.
    """
    coefficients, parity = polynomial.coefficients, polynomial.parity
    sides = adding(transposed(action)), adding(action)
    before = np.zeros(v.shape, np.result_type(v, action.dtype))
    now = v.astype(before.dtype, copy=False)
    total = coefficients[0] * now if parity == 0 else np.zeros_like(before)
    for k in range(1, polynomial.degree + 1):
        factor = (1.0 if k == 1 else 2.0 if k % 2 else -2.0) / alpha
        sides[k % 2](now, before, factor)
        if project is not None and k % 2:
            project(before)
        before, now = now, before
        if k % 2 == parity:
            add_multiple(now, total, coefficients[k] * (-1.0 if k % 4 >= 2 else 1.0))
    return np.asarray(total)


def _n_ands(encoding: BlockEncoding) -> int:
    return encoding.n_projected - n_selects(encoding)


def _conditions(
    encoding: BlockEncoding, n_excluded: int, work: Sequence[int], first: int
) -> tuple[Gathered, Gathered, bool]:
    """What tests the projected ancillas, what tests them and the last qubits, and whether it builds on the first.

    Arguments: encoding, its ancillas from qubit `first` on; n_excluded, of the last qubits; work, clean qubits besides.
    """
    end = first + encoding.n_ancilla
    clean = [*work, *range(end - encoding.clean, end)]
    projected = tuple((q, 0) for q in range(first, first + encoding.n_projected))
    last = tuple((q, 0) for q in range(end + encoding.n_system - n_excluded, end + encoding.n_system))
    inside = gather(projected, clean)
    alone = gather((*projected, *last), clean)
    behind = gather(last, inside.clean, 1, inside.ones)

    def price(one: Gathered, selects: int) -> int:
        return 2 * one.ops.two_qubit + (1 << (len(one.flags) + selects))

    if price(behind, len(inside.flags)) < price(alone, 0):
        return inside, behind, True
    return inside, alone, False


def _signs(flags: Controls) -> RealArray:
    """Signs of a phase's angle: exp(i phase (2 Pi - 1)) where the branch is 0, its conjugate where it is 1."""
    signs = np.ones(2 ** len(flags))
    signs[sum(value << k for k, (_, value) in enumerate(reversed(flags)))] = -1.0
    return signs


def _block(gathered: Gathered, n_qubits: int) -> Circuit:
    """The ANDs as a block on all qubits."""
    builder = CircuitBuilder("flag", n_qubits)
    gathered.ops.emit(builder, range(n_qubits))
    return builder.build()
