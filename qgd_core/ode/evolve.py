"""Hamiltonian simulation over any block encoding: exp(-i A t) by polynomials of A."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import ComplexArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.encodings.base import Action, BlockEncoding
from qgd_core.errors import ConfigError
from qgd_core.linear.transform import n_workspace, transform_pair, transform_pair_cost
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import cosine, sine

# Largest magnitude of the polynomials: phases need it below 1.
_PEAK = 1.0 - 1e-3
_HERMITIAN = 1e-12
_ASSEMBLED = 64


def encode_evolution(encoding: BlockEncoding, time: float, eps: float) -> BlockEncoding:
    """Encode exp(-i A t) from any block encoding of a Hermitian A, by Jacobi-Anger series of cosine and sine.

    Arguments: encoding of A = A^dagger, assembled; time t > 0; eps, error in the operator norm.
    Result: alpha just above 2, degree about alpha_A t + log(1/eps) calls shared by both series, two ancillas and the
    workspace of the phases more. The target is the polynomial itself, within eps of exp(-i A t); `eps` of the
    encoding is what the phases' residuals and the encoding of A add. CX of the one controlled call are counted.
    Raises: ConfigError when A is not Hermitian.
    Source: Gilyen, Su, Low, Wiebe, arXiv:1806.01838, theorem 58.
    """
    matrix: Action = encoding.target
    if (
        isinstance(matrix, LinearOperator)
        or abs(matrix - matrix.conj().T).max() > _HERMITIAN * encoding.alpha
    ):
        raise ConfigError("Only a Hermitian, assembled matrix evolves unitarily.", subject=encoding)
    even, odd = series(encoding.alpha * time, eps)
    phases = [qsvt_angles(one) for one in (even, odd)]
    degree = max(even.degree, odd.degree)
    last = cost(_controlled(encoding, odd.degree > even.degree))
    # Every other call is the adjoint, which may take a few gates more.
    back = cost(encoding.circuit().adjoint())
    both = replace(
        encoding,
        two_qubit=max(encoding.two_qubit, back.two_qubit),
        rotations=max(encoding.rotations, back.rotations),
    )
    two_qubit, rotations = transform_pair_cost(both, degree)
    n_work = n_workspace(encoding)
    residual = sum(one.residual for one in phases) / 2
    alpha = 2.0 * (1.0 + eps) / _PEAK
    return BlockEncoding(
        method="evolution",
        target=_action(encoding.target / encoding.alpha, even * (alpha / 2.0), odd * (alpha / 2.0)),
        alpha=alpha,
        n_system=encoding.n_system,
        n_ancilla=2 + n_work + encoding.n_ancilla,
        eps=alpha * residual + 2.0 * degree**2 * encoding.eps / encoding.alpha,
        two_qubit=two_qubit + last.two_qubit,
        rotations=rotations + last.rotations,
        build=lambda: _ordered(encoding, transform_pair(encoding, *(one.reflection for one in phases))),
        restored=n_work + encoding.restored,
    )


def evolution_degree(time: float, eps: float) -> int:
    """Calls that exp(-i x t), |x| <= 1, takes at error eps."""
    return max(one.degree for one in series(time, eps))


def evolved(matrix: Action, even: Chebyshev, odd: Chebyshev, states: ComplexArray) -> ComplexArray:
    """The polynomial even(A) - i odd(A) times states, by Chebyshev's recurrence; `matrix @` is all that is asked of A."""
    size = max(even.degree, odd.degree) + 1
    first, second = (np.pad(one.coefficients, (0, size - one.coefficients.size)) for one in (even, odd))
    mixed = first - 1j * second
    before, now = states, matrix @ states
    total = mixed[0] * before + mixed[1] * now
    for coefficient in mixed[2:]:
        after = matrix @ now
        after *= 2.0
        after -= before
        before, now = now, after
        total += coefficient * now
    return np.asarray(total)


def _action(matrix: Action, even: Chebyshev, odd: Chebyshev) -> Action:
    """The polynomial as a matrix where that is small, else as an operator."""
    size = matrix.shape[0]
    if size <= _ASSEMBLED:
        return sp.csr_array(evolved(matrix, even, odd, np.eye(size, dtype=np.complex128)))
    return LinearOperator(
        (size, size),
        matvec=lambda x: evolved(matrix, even, odd, x),
        rmatvec=lambda x: evolved(matrix, even, odd * -1.0, x),
        dtype=np.complex128,
    )


def series(time: float, eps: float) -> tuple[Chebyshev, Chebyshev]:
    """Cosine and sine below 1, their degrees one apart, together within eps of exp(-i x t), times 0.999 / (1 + eps)."""
    even, odd = cosine(time, eps / 2).polynomial, sine(time, eps / 2).polynomial
    rows = [np.trim_zeros(one.coefficients, "b") for one in (even, odd)]
    size = max(row.size for row in rows)
    # The shorter one takes its next term too: a zero, one degree below the longer.
    even_size = size if size % 2 else size - 1
    odd_size = size if size % 2 == 0 else size - 1
    peak = _PEAK / (1.0 + eps)
    return (
        Chebyshev(np.pad(rows[0], (0, even_size - rows[0].size)) * peak),
        Chebyshev(np.pad(rows[1], (0, odd_size - rows[1].size)) * peak),
    )


@dataclass(frozen=True)
class Bounds:
    """Figures of an evolution: alpha, ancillas, and upper bounds on its gates and on clean qubits besides."""

    alpha: float
    n_ancilla: int
    two_qubit: int
    rotations: int
    spare: int


def bound_evolution(encoding: BlockEncoding, time: float, eps: float) -> Bounds:
    """The figures of `encode_evolution` and `workspace` without a circuit: every call is taken as the controlled one.

    Arguments: as for `encode_evolution`, A by its encoding's figures alone.
    Result: gates at most; clean qubits at most one for each control that a gate may have.
    Raises: nothing.
    Source: as `encode_evolution`.
    """
    gated, turned = encoding.gated_cost()
    degree = max(one.degree for one in series(encoding.alpha * time, eps))
    two_qubit, rotations = transform_pair_cost(encoding, degree)
    n_work = n_workspace(encoding)
    return Bounds(
        alpha=2.0 * (1.0 + eps) / _PEAK,
        n_ancilla=2 + n_work + encoding.n_ancilla,
        two_qubit=two_qubit + gated,
        rotations=rotations + turned,
        spare=encoding.n_projected + encoding.n_system,
    )


def workspace(encoding: BlockEncoding) -> int:
    """Clean qubits that lowering `encode_evolution` adds: those of a call, of its adjoint, of the controlled one."""
    circuit = encoding.circuit()
    uses = (circuit, circuit.adjoint(), _controlled(encoding, True), _controlled(encoding, False))
    return max(lower(use).n_qubits - use.n_qubits for use in uses)


def _controlled(encoding: BlockEncoding, plain: bool) -> Circuit:
    """One controlled call, or its adjoint."""
    builder = CircuitBuilder("last", 1 + encoding.n_ancilla + encoding.n_system)
    builder.call(encoding.circuit(), range(1, builder.n_qubits), controls=((0, 1),), adjoint=not plain)
    return builder.build()


def _ordered(encoding: BlockEncoding, circuit: Circuit) -> Circuit:
    """The same circuit with its projected ancillas first and the restored ones behind."""
    n_work = n_workspace(encoding)
    projected = encoding.n_ancilla - encoding.restored
    n_ancilla = 2 + n_work + encoding.n_ancilla
    builder = CircuitBuilder("evolution", circuit.n_qubits)
    work = range(2 + projected, 2 + projected + n_work)
    rest = range(work.stop, n_ancilla)
    system = range(n_ancilla, circuit.n_qubits)
    builder.call(circuit, [0, 1, *work, *range(2, 2 + projected), *rest, *system])
    return builder.build()
