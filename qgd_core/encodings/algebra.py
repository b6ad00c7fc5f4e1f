"""Sums, products and tensor products of block encodings, with alpha, ancillas and error tracked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.encodings.action import Action, kron_action
from qgd_core.encodings.block import Block
from qgd_core.errors import ConfigError
from qgd_core.state.prepare import prepare

B = TypeVar("B", bound=Block)


def scaled(encoding: B, factor: complex) -> B:
    """`factor` times an encoded matrix: alpha takes the magnitude, a global phase the rest."""
    encoding = encoding.both_ways()
    magnitude, turn = abs(factor), math.atan2(factor.imag, factor.real)
    if not (magnitude > 0 and math.isfinite(magnitude)):
        raise ConfigError(f"An encoding cannot be multiplied by {factor}.", value=magnitude)
    circuit = encoding.circuit()
    if turn:
        builder = CircuitBuilder("scaled", circuit.n_qubits)
        builder.call(circuit, range(circuit.n_qubits))
        builder.gate("gphase", [], [turn])
        circuit = builder.build()
    return _made(
        encoding,
        circuit,
        method="scaled",
        target=_times(factor, encoding.target),
        alpha=magnitude * encoding.alpha,
        eps=magnitude * encoding.eps,
    )


def combine(encodings: Sequence[B], factors: Sequence[complex]) -> B:
    """Encode sum_i factors[i] A_i by a linear combination of unitaries.

    Arguments: encodings of matrices of one size; factors, finite and not zero, one each.
    Result: alpha = sum_i |factors[i]| alpha_i, ceil(log2 k) ancillas more than the widest part, errors added
    with the same weights. Parts share their ancillas.
    Raises: ConfigError when sizes differ, there are none, or a factor is zero or not finite.
    Source: Gilyen et al., arXiv:1806.01838, lemma 29.
    """
    if not encodings or len(encodings) != len(factors):
        raise ConfigError(f"{len(encodings)} encodings need as many factors, got {len(factors)}.")
    encodings = [encoding.both_ways() for encoding in encodings]
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
    alpha = float(shares.sum())
    eps = sum(abs(f) * e.eps for f, e in zip(factors, encodings, strict=True))
    return _made(
        encodings[0],
        builder.build(),
        method="sum",
        target=_sum([_times(f, e.target) for f, e in zip(factors, encodings, strict=True)]),
        alpha=alpha,
        n_ancilla=n_labels + widest,
        eps=eps + 1e-15 * alpha,
        restored=widest - max(e.n_projected for e in encodings),
    )


def product(left: B, right: B) -> B:
    """Encode A B from encodings of A and B: alphas multiply, ancillas add; arXiv:1806.01838, lemma 30."""
    if left.n_system != right.n_system:
        raise ConfigError(f"Matrices on {left.n_system} and {right.n_system} qubits cannot be multiplied.")
    left, right = left.both_ways(), right.both_ways()
    joined = _Joined(left, right)
    builder = CircuitBuilder("product", joined.n_ancilla + left.n_system)
    system = range(joined.n_ancilla, builder.n_qubits)
    builder.call(right.circuit(), [*joined.right, *system])
    builder.call(left.circuit(), [*joined.left, *system])
    target = left.target @ right.target
    return _made(left, builder.build(), method="product", target=target, **joined.figures())


def kron(left: B, right: B) -> B:
    """Encode the Kronecker product of two encoded matrices, the left one's register first."""
    left, right = left.both_ways(), right.both_ways()
    joined = _Joined(left, right)
    n_system = left.n_system + right.n_system
    builder = CircuitBuilder("kron", joined.n_ancilla + n_system)
    middle = joined.n_ancilla + left.n_system
    builder.call(left.circuit(), [*joined.left, *range(joined.n_ancilla, middle)])
    builder.call(right.circuit(), [*joined.right, *range(middle, builder.n_qubits)])
    target = kron_action(left.target, right.target)
    figures = joined.figures()
    return _made(left, builder.build(), method="kron", target=target, n_system=n_system, **figures)


def kron_sum(left: B, right: B) -> B:
    """Encode A (x) I + I (x) B with alpha = alpha_A + alpha_B and shared ancillas."""
    return combine(
        [_extended(left, right.n_system, first=True), _extended(right, left.n_system, first=False)],
        [1.0, 1.0],
    )


def _extended(encoding: B, n_idle: int, *, first: bool) -> B:
    """The same matrix on a larger register: A (x) I where it comes `first`, else I (x) A."""
    encoding = encoding.both_ways()
    n_system = encoding.n_system + n_idle
    builder = CircuitBuilder("extended", encoding.n_ancilla + n_system)
    start = encoding.n_ancilla + (0 if first else n_idle)
    builder.call(encoding.circuit(), [*range(encoding.n_ancilla), *range(start, start + encoding.n_system)])
    own = encoding.target
    target = kron_action(own, 2**n_idle) if first else kron_action(2**n_idle, own)
    return _made(encoding, builder.build(), method="extended", target=target, n_system=n_system)


class _Joined:
    """Two encodings side by side: projected ancillas of both first, restored ones last."""

    def __init__(self, left: Block, right: Block) -> None:
        a, b = left.n_projected, right.n_projected
        self.parts = left, right
        self.n_ancilla = left.n_ancilla + right.n_ancilla
        self.left = [*range(a), *range(a + b, a + b + left.restored)]
        self.right = [*range(a, a + b), *range(a + b + left.restored, self.n_ancilla)]

    def figures(self) -> dict[str, Any]:
        """alpha, error and ancillas of what multiplies the two."""
        left, right = self.parts
        return {
            "alpha": left.alpha * right.alpha,
            "eps": left.alpha * right.eps + right.alpha * left.eps + left.eps * right.eps,
            "n_ancilla": self.n_ancilla,
            "restored": left.restored + right.restored,
        }


def _made(like: B, circuit: Circuit, **changes: Any) -> B:
    """An encoding whose cost is counted from its tree."""
    counts = cost(circuit)
    return like.derived(
        two_qubit=counts.two_qubit, rotations=counts.rotations, build=lambda: circuit, **changes
    )


def _times(factor: complex, target: Action) -> Action:
    found = (factor.real if complex(factor).imag == 0 else factor) * target
    return found if isinstance(found, LinearOperator) else sp.csr_array(found)


def _sum(targets: Sequence[Action]) -> Action:
    if any(isinstance(target, LinearOperator) for target in targets):
        targets = [aslinearoperator(target) for target in targets]
    total = targets[0]
    for target in targets[1:]:
        total = total + target
    return total
