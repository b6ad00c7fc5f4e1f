"""The exact Carleman step of order 3 of a cubic map by structure: three slots of log n qubits, never assembled.

Registers, most significant first: [third, C..., second, B..., first, A...], the flags being a thermometer of the degree.
"""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.cubic_action import act_by_cubes
from qgd_core.encodings.layouts import CubicLayout
from qgd_core.encodings.slot_checks import check_numbers, check_step
from qgd_core.encodings.slot_cubic_circuits import CubicPart, append_cubic, contract_cubic
from qgd_core.encodings.slot_degrees import weigh_degrees
from qgd_core.errors import ConfigError


def encode_cubic_slots(
    step: LowRankMap, cubic: RealArray, scale: float, balances: tuple[float, float] = (1.0, 1.0)
) -> BlockEncoding:
    """Encode the exact Carleman step of order 3 of u -> step(u) + sum_q cubic_q y_q (y_q . u)^3, by slot algebra.

    Arguments: step, in the Hessian eigenframe, y_q its directions, with an offset and a quadratic part; cubic, shape
    (R,), of either sign; scale g > 0, the encoded v is g u; balances, the weights of degrees 2 and 3 in the vector.
    Result: an encoding of the step of (1, v, b_2 v^(x)2, b_3 v^(x)3) on the supported states, truncated to degree 3,
    every product with the offset included, exact to rounding.
    Raises: ConfigError when offset, multipliers or quadratic part are zero, or as `encode_slots`.
    Source: block rows 2 and 3 of Eq 5 of arXiv:2303.03428; the construction is derived here.
    """
    check_step(step, scale, balances)
    given = np.asarray(cubic, dtype=np.float64)
    check_numbers("cubic weights", given)
    if given.shape != step.weights.shape:
        raise ConfigError(
            f"Cubic weights have shape {given.shape}, expected {step.weights.shape}.", subject=cubic
        )
    layout = CubicLayout.of(step.multipliers)
    p = layout.n_slot
    offset, multipliers = layout.place(step.offset) * scale, layout.place(step.multipliers)
    part = CubicPart(
        multipliers,
        step.weights / scale,
        given / scale**2,
        np.array([layout.place(y) for y in step.directions]).reshape(step.rank, 2**p),
    )
    sizes = (float(part.quadratic.sum()), float(np.abs(part.cubic).sum()))
    degrees = weigh_degrees(abs(float(multipliers[0])), *sizes, float(np.linalg.norm(offset)), balances)

    def build(gated: bool = False) -> Circuit:
        """A circuit on [gate?, into_a, into_b, into_c, those of `contract_cubic`..., system]."""
        inner, outer = contract_cubic(part, degrees, p, gated), append_cubic(offset, degrees, gated)
        start = int(gated)
        builder = CircuitBuilder("carleman_step", inner.n_qubits + 3)
        builder.call(inner, [*range(start), *range(start + 3, builder.n_qubits)])
        system = range(builder.n_qubits - layout.n_system, builder.n_qubits)
        builder.call(outer, [*range(start + 3), *system])
        return builder.build()

    plain, under = build(), build(gated=True)
    counts, gate_counts = cost(plain), cost(under)
    return BlockEncoding(
        method="slots_cubic",
        target=act_by_cubes(part, offset, balances, layout.n_system),
        alpha=degrees.alpha,
        n_system=layout.n_system,
        n_ancilla=plain.n_qubits - layout.n_system,
        eps=1e-13 * degrees.alpha,
        two_qubit=counts.two_qubit,
        rotations=counts.rotations,
        build=lambda: plain,
        layout=layout,
        build_gated=lambda: under,
        one_way=True,
        gate_extra=max(gate_counts.two_qubit - counts.two_qubit, gate_counts.rotations - counts.rotations),
    )
