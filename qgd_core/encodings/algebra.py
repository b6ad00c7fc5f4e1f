"""Sums, products and tensor products of block encodings, with alpha, ancillas and error tracked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.encodings.base import Action, BlockEncoding
from qgd_core.errors import ConfigError
from qgd_core.state.prepare import prepare


def scaled(encoding: BlockEncoding, factor: complex) -> BlockEncoding:
    """`factor` times an encoded matrix: alpha takes the magnitude, a global phase the rest."""
    magnitude, turn = abs(factor), math.atan2(factor.imag, factor.real)
    if not (magnitude > 0 and math.isfinite(magnitude)):
        raise ConfigError(f"An encoding cannot be multiplied by {factor}.", value=magnitude)
    circuit = encoding.circuit()
    if turn:
        builder = CircuitBuilder("scaled", circuit.n_qubits)
        builder.call(circuit, range(circuit.n_qubits))
        builder.gate("gphase", [], [turn])
        circuit = builder.build()
    number = factor.real if factor.imag == 0 else factor
    target = number * encoding.target
    return _counted(encoding, "scaled", target, magnitude * encoding.alpha, magnitude * encoding.eps, circuit)


def combine(encodings: Sequence[BlockEncoding], factors: Sequence[complex]) -> BlockEncoding:
    """Encode sum_i factors[i] A_i by a linear combination of unitaries.

    Arguments: encodings of matrices of one size; factors, finite and not zero, one each.
    Result: alpha = sum_i |factors[i]| alpha_i, ceil(log2 k) ancillas more than the widest part, errors added
    with the same weights. Parts share their ancillas.
    Raises: ConfigError when sizes differ or a factor is zero or not finite.
    Source: Gilyen et al., arXiv:1806.01838, lemma 29.
    """
    sizes = {encoding.n_system for encoding in encodings}
    if len(sizes) != 1:
        raise ConfigError(f"Only matrices of one size add up, got {sorted(sizes)} qubits.")
    shares = np.array([abs(f) * e.alpha for f, e in zip(factors, encodings, strict=True)])
    if not (np.isfinite(shares).all() and np.all(shares > 0)):
        raise ConfigError(f"Factors {list(factors)} must be finite and not zero.")
    n_labels = max(1, (len(shares) - 1).bit_length())
    weights = np.zeros(2**n_labels)
    weights[: shares.size] = np.sqrt(shares)
    widest = max(encoding.n_ancilla for encoding in encodings)
    (n_system,) = sizes
    builder = CircuitBuilder("sum", n_labels + widest + n_system)
    labels, system = range(n_labels), range(n_labels + widest, n_labels + widest + n_system)
    preparation = prepare(weights, "labels")
    builder.call(preparation, labels)
    for i, (factor, part) in enumerate(zip(factors, encodings, strict=True)):
        chosen = tuple((q, i >> (n_labels - 1 - q) & 1) for q in labels)
        own = range(n_labels, n_labels + part.n_ancilla)
        builder.call(part.circuit(), [*own, *system], controls=chosen)
        turn = math.atan2(complex(factor).imag, complex(factor).real)
        if turn:
            builder.gate("gphase", [], [turn], chosen)
    builder.call(preparation, labels, adjoint=True)
    target = _sum([_times(f, e.target) for f, e in zip(factors, encodings, strict=True)])
    eps = sum(abs(f) * e.eps for f, e in zip(factors, encodings, strict=True))
    projected = n_labels + max(e.n_ancilla - e.restored for e in encodings)
    alpha = float(shares.sum())
    return _made(
        "sum", target, alpha, n_system, n_labels + widest, eps + 1e-15 * alpha, builder.build(), projected
    )


def product(left: BlockEncoding, right: BlockEncoding) -> BlockEncoding:
    """Encode A B from encodings of A and B: alphas multiply, ancillas add; arXiv:1806.01838, lemma 30."""
    if left.n_system != right.n_system:
        raise ConfigError(f"Matrices on {left.n_system} and {right.n_system} qubits cannot be multiplied.")
    shape = _Joined(left, right)
    n_ancilla = left.n_ancilla + right.n_ancilla
    system = range(n_ancilla, n_ancilla + left.n_system)
    builder = CircuitBuilder("product", n_ancilla + left.n_system)
    builder.call(right.circuit(), [*shape.right, *system])
    builder.call(left.circuit(), [*shape.left, *system])
    target = left.target @ right.target
    eps = left.alpha * right.eps + right.alpha * left.eps + left.eps * right.eps
    return _made(
        "product",
        target,
        left.alpha * right.alpha,
        left.n_system,
        n_ancilla,
        eps,
        builder.build(),
        shape.projected,
    )


def kron(left: BlockEncoding, right: BlockEncoding) -> BlockEncoding:
    """Encode the Kronecker product of two encoded matrices, the left one's register first."""
    shape = _Joined(left, right)
    n_ancilla = left.n_ancilla + right.n_ancilla
    n_system = left.n_system + right.n_system
    builder = CircuitBuilder("kron", n_ancilla + n_system)
    middle = n_ancilla + left.n_system
    builder.call(left.circuit(), [*shape.left, *range(n_ancilla, middle)])
    builder.call(right.circuit(), [*shape.right, *range(middle, n_ancilla + n_system)])
    target = sp.csr_array(sp.kron(_assembled(left), _assembled(right)))
    eps = left.alpha * right.eps + right.alpha * left.eps + left.eps * right.eps
    alpha = left.alpha * right.alpha
    return _made("kron", target, alpha, n_system, n_ancilla, eps, builder.build(), shape.projected)


def kron_sum(left: BlockEncoding, right: BlockEncoding) -> BlockEncoding:
    """Encode A (x) I + I (x) B with alpha = alpha_A + alpha_B and shared ancillas."""
    return combine(
        [_extended(left, right.n_system, first=True), _extended(right, left.n_system, first=False)],
        [1.0, 1.0],
    )


def _extended(encoding: BlockEncoding, n_idle: int, *, first: bool) -> BlockEncoding:
    """The same matrix on a larger register: A (x) I where it comes `first`, else I (x) A."""
    n_system = encoding.n_system + n_idle
    builder = CircuitBuilder("extended", encoding.n_ancilla + n_system)
    start = encoding.n_ancilla + (0 if first else n_idle)
    builder.call(encoding.circuit(), [*range(encoding.n_ancilla), *range(start, start + encoding.n_system)])
    idle, own = sp.eye_array(2**n_idle, format="csr"), _assembled(encoding)
    target = sp.csr_array(sp.kron(own, idle) if first else sp.kron(idle, own))
    projected = encoding.n_ancilla - encoding.restored
    return _made(
        "extended",
        target,
        encoding.alpha,
        n_system,
        encoding.n_ancilla,
        encoding.eps,
        builder.build(),
        projected,
    )


class _Joined:
    """Ancillas of two encodings side by side: projected ones of both first, restored ones last."""

    def __init__(self, left: BlockEncoding, right: BlockEncoding) -> None:
        a, b = left.n_ancilla - left.restored, right.n_ancilla - right.restored
        self.projected = a + b
        self.left = [*range(a), *range(a + b, a + b + left.restored)]
        self.right = [*range(a, a + b), *range(a + b + left.restored, left.n_ancilla + right.n_ancilla)]


def _counted(
    like: BlockEncoding, method: str, target: Action, alpha: float, eps: float, circuit: Circuit
) -> BlockEncoding:
    projected = like.n_ancilla - like.restored
    return _made(method, target, alpha, like.n_system, like.n_ancilla, eps, circuit, projected)


def _made(
    method: str,
    target: Action,
    alpha: float,
    n_system: int,
    n_ancilla: int,
    eps: float,
    circuit: Circuit,
    projected: int,
) -> BlockEncoding:
    """An encoding whose cost is counted from its tree."""
    counts = cost(circuit)
    return BlockEncoding(
        method=method,
        target=target if isinstance(target, LinearOperator) else sp.csr_array(target),
        alpha=alpha,
        n_system=n_system,
        n_ancilla=n_ancilla,
        eps=eps,
        two_qubit=counts.two_qubit,
        rotations=counts.rotations,
        build=lambda: circuit,
        restored=n_ancilla - projected,
    )


def _times(factor: complex, target: Action) -> Action:
    return (factor.real if complex(factor).imag == 0 else factor) * target


def _sum(targets: Sequence[Action]) -> Action:
    if any(isinstance(target, LinearOperator) for target in targets):
        targets = [aslinearoperator(target) for target in targets]
    total = targets[0]
    for target in targets[1:]:
        total = total + target
    return total


def _assembled(encoding: BlockEncoding) -> Action:
    if isinstance(encoding.target, LinearOperator):
        raise ConfigError(
            "A Kronecker product needs assembled matrices.",
            subject=encoding,
            remedy="Use sizes up to 2**20, or multiply encodings that act on the whole register.",
        )
    return encoding.target
