"""Uniform singular value amplification: an encoding whose alpha is far above the norm, made one whose alpha is near it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator
from scipy.special import erf, erfcinv

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counter import count_cost, with_success_counter
from qgd_core.circuit.ops import PostSelect
from qgd_core.encodings.action import operator
from qgd_core.encodings.base import Action, BlockEncoding, transposed
from qgd_core.errors import ConfigError
from qgd_core.linear.transform import n_workspace, transform, transform_cost, transform_vector
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev, interpolate
from qgd_core.phases.minimax import fit
from qgd_core.phases.targets import Target

# Largest magnitude of the polynomial: phases need it below 1.
_PEAK = 0.999
# Largest degree that is fitted, and least error: what linear programming resolves. How much longer the other one is.
_FITTED, _RESOLVED, _LONGER = 101, 3e-7, 6.0
# The error of the best polynomial is about _TOP exp(-_RATE degree slack / gain).
_RATE, _TOP = 3.3, 0.02
# Rows up to which the classical action is assembled.
_ASSEMBLED = 256


def amplify_values(encoding: BlockEncoding, gain: float, slack: float, eps: float) -> BlockEncoding:
    """Encode the same matrix with an alpha about `gain` times smaller, by a polynomial of its encoding.

    Arguments: encoding of a real A with |A| <= alpha (1 - slack) / gain; gain, above 1; slack in (0, 1); eps, 2-norm
    error of A relative to alpha / gain.
    Result: an encoding whose target is the polynomial itself, within that error of A where the singular values are
    where they should be; the degree of `amplifier` is the number of queries, `transform_cost` has the gates. Ancillas:
    one and the workspace more.
    Raises: ConfigError for a gain or a slack out of range.
    Source: Gilyen, Su, Low, Wiebe, arXiv:1806.01838, theorem 30, with the best polynomial in the place of its product
    with a smoothed step.
    """
    if not (0.0 < slack < 1.0 < gain < math.inf):
        raise ConfigError(
            f"Singular values cannot be amplified by {gain:.4g} with slack {slack:.2g}.",
            value=gain,
            remedy="Give a gain above 1 and a slack between 0 and 1.",
        )
    target = amplifier(gain, slack, eps)
    polynomial, degree = target.polynomial, target.polynomial.degree
    alpha = encoding.alpha / (gain * target.factor)
    n_work = n_workspace(encoding)
    two_qubit, rotations = transform_cost(encoding, degree)
    return BlockEncoding(
        method=f"amplified {encoding.method}",
        target=_action(encoding, polynomial, alpha),
        alpha=alpha,
        n_system=encoding.n_system,
        n_ancilla=1 + n_work + encoding.n_ancilla,
        eps=1e-12 * alpha + degree**2 * encoding.eps * alpha / encoding.alpha,
        two_qubit=two_qubit,
        rotations=rotations,
        build=lambda: _circuit(encoding, polynomial),
        restored=n_work + encoding.restored,
    )


def likely_queries(gain: float, slack: float, eps: float) -> float:
    """About the degree of `amplifier`, without working it out."""
    degree = max(3.0, _likely_degree(gain, slack, eps))
    return degree if degree < _FITTED and eps >= _RESOLVED else _LONGER * degree


def chain(encodings: Sequence[BlockEncoding]) -> BlockEncoding:
    """Encode the product of some matrices, the first one acting first, by one counter of their successes.

    Arguments: encodings on one register, one or more.
    Result: alpha is the product of theirs; they share their ancillas, and ceil(log2 of their number) qubits count, at
    `count_cost` CX a time.
    Raises: nothing.
    Source: the compression gadget of Low and Wiebe, arXiv:1805.00675.
    """
    if len(encodings) == 1:
        return encodings[0]
    first, most = encodings[0], max(e.n_ancilla for e in encodings)
    restored, bits = min(e.restored for e in encodings), (len(encodings) - 1).bit_length()
    alpha = math.prod(e.alpha for e in encodings)
    counting = sum(count_cost(e.n_ancilla - restored, bits) for e in encodings[:-1])
    return BlockEncoding(
        method=first.method,
        target=_product([e.target for e in encodings]),
        alpha=alpha,
        n_system=first.n_system,
        n_ancilla=bits + most,
        eps=alpha * sum(e.eps / e.alpha for e in encodings) * 1.01,
        two_qubit=sum(e.two_qubit for e in encodings) + counting,
        rotations=sum(e.rotations for e in encodings),
        build=lambda: _counted(encodings, most, restored),
        restored=restored,
    )


def chain_spare(encodings: Sequence[BlockEncoding]) -> int:
    """Clean qubits that lowering the circuit of `chain` adds at most."""
    if len(encodings) == 1:
        return 0
    bits = (len(encodings) - 1).bit_length()
    return max(e.n_ancilla for e in encodings) - min(e.restored for e in encodings) - 1 + max(0, bits - 2)


@lru_cache(maxsize=256)
def amplifier(gain: float, slack: float, eps: float) -> Target:
    """The odd polynomial near gain * x on [0, (1 - slack) / gain], at most 0.999 on [-1, 1].

    Arguments: gain, at least 1; slack in (0, 1); eps, absolute error.
    Result: a Target of least degree, up to degree 101 and down to an error of 3e-7 by linear programming, checked on a
    finer grid; beyond, gain * x times a smoothed window, of about six times the degree and proven.
    Raises: nothing.
    Source: Gilyen, Su, Low, Wiebe, arXiv:1806.01838, lemma 29 and theorem 30.
    """
    edge = (1.0 - slack) / gain
    if eps >= _RESOLVED:
        first = max(3, math.floor(_likely_degree(gain, slack, eps) / 2.0) | 1)
        for degree in range(first, _FITTED + 1, 2):
            found = fit(lambda x: gain * x, degree, [(0.0, edge)], parity=1)
            if found.error <= eps:
                return found.scaled(_PEAK)
    # The window falls from 1 to 0 between the edge and 1 / gain, so its product with gain * x stays below 1.
    middle, width = (1.0 - slack / 2.0) / gain, slack / (2.0 * gain)
    k = float(erfcinv(eps / (4.0 * gain))) / width

    def windowed(x: RealArray) -> RealArray:
        return np.asarray(gain * x * 0.5 * (erf(k * (x + middle)) - erf(k * (x - middle))))

    # Resolved from the start: on few points a narrow window is not seen at all.
    coefficients = interpolate(windowed, 64 + 16 * math.ceil(k)).coefficients
    coefficients[::2] = 0.0
    left_out = np.cumsum(np.abs(coefficients[::-1]))[::-1]
    return Target(Chebyshev(coefficients[: np.count_nonzero(left_out > eps / 2.0)]), eps).scaled(_PEAK)


def _likely_degree(gain: float, slack: float, eps: float) -> float:
    return gain / (_RATE * slack) * math.log(max(1.5, _TOP / eps))


def _circuit(encoding: BlockEncoding, polynomial: Chebyshev) -> Circuit:
    """The transform, its projected ancillas first and the restored ones behind."""
    core = transform(encoding, qsvt_angles(polynomial).reflection)
    n_work, projected = n_workspace(encoding), encoding.n_ancilla - encoding.restored
    first = 1 + projected
    builder = CircuitBuilder("amplified_step", core.n_qubits)
    work = range(first, first + n_work)
    builder.call(core, [0, *work, *range(1, first), *range(work.stop, core.n_qubits)])
    return builder.build()


def _counted(encodings: Sequence[BlockEncoding], most: int, restored: int) -> Circuit:
    """One encoding after the other on [counter..., ancillas..., system...], without the last post-selection."""
    n_qubits = most + encodings[0].n_system
    builder = CircuitBuilder("steps", n_qubits)
    for encoding in encodings:
        own = range(most - encoding.n_ancilla, most)
        builder.call(encoding.circuit(), [*own, *range(most, n_qubits)])
        builder.postselect(own[: len(own) - restored])
    counted = with_success_counter(builder.build())
    kept = tuple(op for op in counted.ops if not isinstance(op, PostSelect))
    whole, bits = replace(counted, ops=kept), counted.n_qubits - n_qubits
    moved = CircuitBuilder("steps", whole.n_qubits)
    moved.call(whole, [*range(bits, whole.n_qubits), *range(bits)])
    return moved.build()


def _product(targets: Sequence[Action]) -> Action:
    """The product of matrices, the first one acting first: assembled where small, else applied one by one."""
    size = targets[0].shape[0]
    if size <= _ASSEMBLED and all(isinstance(one, sp.csr_array) for one in targets):
        total = sp.csr_array(sp.eye_array(size))
        for one in targets:
            total = sp.csr_array(one @ total)
        return total

    def forward(x: RealArray) -> RealArray:
        for one in targets:
            x = np.asarray(one @ x)
        return x

    def backward(x: RealArray) -> RealArray:
        for one in reversed(targets):
            x = np.asarray(transposed(one) @ x)
        return x

    return LinearOperator((size, size), matvec=forward, rmatvec=backward, dtype=np.float64)


def _action(encoding: BlockEncoding, polynomial: Chebyshev, alpha: float) -> Action:
    """alpha times the polynomial of the singular values: assembled where small, else by Chebyshev's recurrence."""
    forth, size = encoding.target, 2**encoding.n_system

    def apply(action: Action, x: RealArray) -> RealArray:
        return alpha * transform_vector(polynomial, action, encoding.alpha, x.copy())

    if size <= _ASSEMBLED:
        return sp.csr_array(apply(forth, np.eye(size)))
    back = transposed(forth)
    return operator(size, lambda x: apply(forth, x), lambda x: apply(back, x))
