"""One Taylor step of a linear flow, from an encoding of its generator: as many queries as the order, never assembled."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.turns import turn
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.slot_flow import FlowEncoding
from qgd_core.errors import ConfigError


def encode_taylor(generator: FlowEncoding, step: float, order: int) -> FlowEncoding:
    """Encode 1 + h A + ... + (h A)^m / m! on the supported states, by m labels in unary.

    Arguments: generator, encoding of A; step, h > 0; order, m >= 1.
    Result: an encoding with alpha = 1 + h alpha_A + ... + (h alpha_A)^m / m!; its adjoint keeps to the supported
    states as the generator's does. It calls the generator m times, each under one control and on projected ancillas
    of its own.
    Raises: ConfigError where the step or the order is not positive.
    Source: Berry, Childs, Cleve, Kothari, Somma, arXiv:1412.4687, Eq 12.
    """
    if order < 1 or not (math.isfinite(step) and step > 0.0):
        raise ConfigError(f"A Taylor step of order {order} and length {step} is not one.", value=step)
    n_projected = generator.n_ancilla - generator.restored
    n_own = order * (1 + n_projected)
    n_ancilla = n_own + generator.restored
    sizes = np.array([(step * generator.alpha) ** k / math.factorial(k) for k in range(order + 1)])
    alpha, gated = float(sizes.sum()), generator.controlled()

    def build() -> Circuit:
        labels = CircuitBuilder("orders", order)
        for k, angle in enumerate(_unary_angles(sizes)):
            before = [k - 1] if k else []
            turn(labels, before, k, [0.0, angle] if k else [angle], before=before)
        prepared = labels.build()
        builder = CircuitBuilder("taylor_step", n_ancilla + generator.n_system)
        shared = range(n_own, builder.n_qubits)
        builder.call(prepared, range(order))
        for k in range(order):
            start = order + k * n_projected
            builder.call(gated, [k, *range(start, start + n_projected), *shared])
        builder.call(prepared, range(order), adjoint=True)
        return builder.build()

    counts = cost(gated)
    return FlowEncoding(
        method="taylor_step",
        target=_target(generator, step, order),
        alpha=alpha,
        n_system=generator.n_system,
        n_ancilla=n_ancilla,
        eps=step * generator.eps * float(sizes[:-1].sum()) + 1e-14 * alpha,
        two_qubit=order * counts.two_qubit + 4 * order,
        rotations=order * counts.rotations + 4 * order,
        build=build,
        restored=generator.restored,
        supported=generator.supported,
    )


def _unary_angles(sizes: RealArray) -> list[float]:
    """Angles that take each label to 1 with the probability that the order goes past it."""
    rest = np.cumsum(sizes[::-1])[::-1]
    return [2.0 * math.atan2(math.sqrt(rest[k + 1]), math.sqrt(sizes[k])) for k in range(sizes.size - 1)]


def _target(generator: BlockEncoding, step: float, order: int) -> sp.csr_array:
    total = one = sp.csr_array(sp.eye_array(2**generator.n_system))
    for k in reversed(range(1, order + 1)):
        total = sp.csr_array(one + step / k * (generator.target @ total))
    return total
