"""One Taylor step of a linear flow, from an encoding of its generator: as many queries as the order, never assembled."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.turns import turn
from qgd_core.encodings.action import Action, operator, transposed
from qgd_core.encodings.base import BlockEncoding
from qgd_core.errors import ConfigError


def encode_taylor(generator: BlockEncoding, step: float, order: int) -> BlockEncoding:
    """Encode 1 + h A + ... + (h A)^m / m! on the supported states, by m labels in unary.

    Arguments: generator, encoding of A; step, h > 0; order, m >= 1.
    Result: an encoding with alpha = 1 + h alpha_A + ... + (h alpha_A)^m / m!; its adjoint keeps to the supported
    states as the generator's does. It calls the generator m times, each under one gate and on projected ancillas
    of its own; a gate of its own costs 2 CX.
    Raises: ConfigError where the step or the order is not positive.
    Source: Berry, Childs, Cleve, Kothari, Somma, arXiv:1412.4687, Eq 12.
    """
    if order < 1 or not (math.isfinite(step) and step > 0.0):
        raise ConfigError(f"A Taylor step of order {order} and length {step} is not one.", value=step)
    n_projected = generator.n_projected
    n_own = order * (1 + n_projected)
    n_ancilla = n_own + generator.restored
    sizes = np.array([(step * generator.alpha) ** k / math.factorial(k) for k in range(order + 1)])
    alpha = float(sizes.sum())

    def build(gated: bool = False) -> Circuit:
        """A circuit on [gate?, ancillas of each query..., orders..., restored..., system...]."""
        start = int(gated)
        orders = range(start + order * n_projected, start + n_own)
        builder = CircuitBuilder("taylor_step", start + n_ancilla + generator.n_system)
        prepared, query = _orders(sizes, gated), generator.gated()
        builder.call(prepared, [*range(start), *orders])
        for k, label in enumerate(orders):
            own = range(start + k * n_projected, start + (k + 1) * n_projected)
            builder.call(query, [label, *own, *range(orders.stop, builder.n_qubits)])
        builder.call(prepared, [*range(start), *orders], adjoint=True)
        return builder.build()

    two_qubit, rotations = generator.gated_cost()
    return BlockEncoding(
        method="taylor_step",
        target=_target(generator.target, step, order),
        alpha=alpha,
        n_system=generator.n_system,
        n_ancilla=n_ancilla,
        eps=step * generator.eps * float(sizes[:-1].sum()) + 1e-14 * alpha,
        two_qubit=order * two_qubit + 4 * order,
        rotations=order * rotations + 4 * order,
        build=build,
        restored=generator.restored,
        layout=generator.layout,
        build_gated=lambda: build(gated=True),
        gate_extra=2,
    )


def _orders(sizes: RealArray, gated: bool) -> Circuit:
    """The labels in unary, on [gate?, labels...]."""
    start = int(gated)
    builder = CircuitBuilder("orders", start + sizes.size - 1)
    for k, angle in enumerate(_unary_angles(sizes)):
        before = [start + k - 1] if start + k else []
        turn(builder, before, start + k, [0.0, angle] if before else [angle], before=before)
    return builder.build()


def _unary_angles(sizes: RealArray) -> list[float]:
    """Angles that take each label to 1 with the probability that the order goes past it."""
    rest = np.cumsum(sizes[::-1])[::-1]
    return [2.0 * math.atan2(math.sqrt(rest[k + 1]), math.sqrt(sizes[k])) for k in range(sizes.size - 1)]


def _target(generator: Action, step: float, order: int) -> Action:
    """The polynomial, assembled where the generator is."""
    size = generator.shape[0]
    if not isinstance(generator, LinearOperator):
        total = one = sp.csr_array(sp.eye_array(size))
        for k in reversed(range(1, order + 1)):
            total = sp.csr_array(one + step / k * (generator @ total))
        return total

    def apply(matrix: Action, x: RealArray) -> RealArray:
        total = x
        for k in reversed(range(1, order + 1)):
            total = x + step / k * (matrix @ total)
        return total

    back = transposed(generator)
    return operator(size, lambda x: apply(generator, x), lambda x: apply(back, x), generator.dtype)
