"""The exact quadratic Carleman step by structure: two slots of log n qubits each, never assembled.

Registers as in `SlotLayout`; degree 0 is the constant 1, degree 1 the vector v in slot A, degree 2 a tensor in A and B
whose symmetric part is b v (x) v, b being the balance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.action import Action, operator
from qgd_core.encodings.base import BlockEncoding, Matrix
from qgd_core.encodings.layouts import SlotLayout
from qgd_core.encodings.slot_checks import check_rotation, check_step
from qgd_core.encodings.slot_circuits import (
    Contraction,
    append,
    contract,
    dump_constant,
    rotate_cost,
    rotate_slots,
)
from qgd_core.encodings.slot_levels import weigh

# Rows up to which the step is assembled.
_ASSEMBLED = 1 << 12


def encode_slots(
    step: LowRankMap, scale: float, balance: float = 1.0, rotation: RealArray | None = None
) -> BlockEncoding:
    """Encode the exact Carleman step of order 2 of a quadratic map, by slot algebra (see `SlotLayout`).

    Arguments: step, the map of u in the Hessian eigenframe; scale g > 0, the encoded v is g u; balance b > 0, the
    weight of degree 2: the vector is (1, v, b v (x) v); rotation, orthogonal (n, n), turns v after the step.
    Result: an encoding of that vector's step on the supported states, truncated to degree 2, exact to rounding,
    every product with the offset included. About 12 R n CX with R the rank (and near 3 n^2 for a rotation), alpha
    near the norm of the matrix of the blocks' weights; classical cost R n. `target` is assembled up to 32 variables,
    else an operator of R n^2 operations.
    Raises: ConfigError where a number is not finite, a weight negative, a scale not positive, or the rotation not
    orthogonal; PrecisionUnreachable when the offset or the cubic part is too large.
    Source: block row 2 of Eq 5 of arXiv:2303.03428; the construction is derived here.
    """
    check_step(step, scale, (balance,))
    if rotation is not None:
        check_rotation(rotation, step.n)
    layout = SlotLayout.of(step.multipliers)
    p = layout.n_slot
    offset = layout.place(step.offset) * scale
    multipliers = layout.place(step.multipliers)
    directions = np.array([layout.place(y) for y in step.directions]).reshape(step.rank, 2**p)
    images = np.array([layout.place(x) for x in step.images]).reshape(step.rank, 2**p)
    weights = step.weights / (scale * balance)
    levels = weigh(abs(float(multipliers[0])), float(weights.sum()), float(np.linalg.norm(offset)), balance)
    inner = Contraction(
        multipliers, weights, directions, levels, None if step.given_images is None else images
    )
    n_outer = 2 if levels.first_in > 0.0 else int(levels.alpha > 1.0)
    n_ancilla = inner.n_ancilla(p) + n_outer
    frame = None if rotation is None else layout.place_matrix(rotation)

    def build(gated: bool = False) -> Circuit:
        gate, n_own = range(int(gated)), int(gated) + n_ancilla
        builder = CircuitBuilder("carleman_step", n_own + layout.n_system)
        system = range(n_own, builder.n_qubits)
        core = contract(inner, p, gated, sealed=gated and n_outer == 2)
        builder.call(core, [*gate, *range(len(gate) + n_outer, n_own), *system])
        outer = [*gate, *range(len(gate), len(gate) + n_outer), *system]
        if n_outer == 2:
            builder.call(append(offset, levels, gated), outer)
        elif n_outer == 1:
            builder.call(dump_constant(levels.alpha, p, gated), outer)
        if frame is not None:
            controls = tuple((g, 1) for g in gate)
            builder.call(rotate_slots(frame), system, controls=controls)
        return builder.build()

    turned, turns = (0, 0) if frame is None else rotate_cost(frame)
    cost = inner.two_qubit(p) + (4 * 2**p - 2 * p + 8 if n_outer == 2 else n_outer)
    return BlockEncoding(
        method="slots",
        target=_target(layout, offset, inner, balance, frame),
        alpha=levels.alpha,
        n_system=layout.n_system,
        n_ancilla=n_ancilla,
        eps=1e-13 * levels.alpha,
        two_qubit=cost + turned,
        rotations=cost + turns + 6 * p + 6,
        build=build,
        layout=layout,
        build_gated=lambda: build(gated=True),
        gate_extra=2 ** (p + 2) + 20,
        one_way=True,
    )


def _target(
    layout: SlotLayout,
    offset: RealArray,
    inner: Contraction,
    balance: float,
    frame: RealArray | None,
) -> Action:
    """The step on the supported states."""
    if 2**layout.n_system <= _ASSEMBLED:
        return _assembled(layout, offset, inner, balance, frame)
    size, w, y = offset.size, inner.multipliers, inner.directions
    x = y if inner.images is None else inner.images
    turned = np.eye(size) if frame is None else frame

    def forward(z: RealArray) -> RealArray:
        lifted, out = z.reshape(2, size, 2, size), np.zeros((2, size, 2, size), z.dtype)
        one, v, both = lifted[0, 0, 0, 0], lifted[0, 0, 1], lifted[1, :, 1]
        squares = inner.weights * np.einsum("qb,ba,qa->q", y, both, y, optimize=True)
        v, both = w * v + squares @ x, w[:, np.newaxis] * both * w
        both = both + balance * np.outer(offset, 2.0 * v + one * offset)
        out[0, 0, 0, 0], out[0, 0, 1] = one, turned @ (v + one * offset)
        out[1, :, 1] = turned @ both @ turned.T
        return out.reshape(-1)

    def backward(z: RealArray) -> RealArray:
        lifted, out = z.reshape(2, size, 2, size), np.zeros((2, size, 2, size), z.dtype)
        one, v, both = lifted[0, 0, 0, 0], turned.T @ lifted[0, 0, 1], turned.T @ lifted[1, :, 1] @ turned
        row = offset @ both
        out[0, 0, 0, 0] = one + offset @ v + balance * (row @ offset)
        v = v + 2.0 * balance * row
        out[0, 0, 1] = w * v
        out[1, :, 1] = w[:, np.newaxis] * both * w + np.einsum("q,qb,qa->ba", inner.weights * (x @ v), y, y)
        return out.reshape(-1)

    return operator(2**layout.n_system, forward, backward)


def _assembled(
    layout: SlotLayout,
    offset: RealArray,
    inner: Contraction,
    balance: float,
    frame: RealArray | None,
) -> Matrix:
    """Append after contract, then a rotation, as sparse matrices."""
    size, y = inner.multipliers.size, inner.directions
    images = y if inner.images is None else inner.images
    quadratic = np.einsum("q,qi,qb,qa->iba", inner.weights, images, y, y).reshape(size, size**2)
    linear: Matrix = sp.csr_array(sp.diags_array(inner.multipliers))
    one, column = sp.csr_array(np.ones((1, 1))), sp.csr_array(offset[:, np.newaxis])
    first, second = sp.csr_array(sp.eye_array(size)), sp.csr_array(sp.eye_array(size**2))
    # The second slot takes the factor f: f (x) v for both orders at once, since only symmetric parts are read.
    doubled = sp.csr_array(sp.kron(2.0 * balance * column, first))
    squared = sp.csr_array(sp.kron(balance * column, column))
    contracted = _blocks(
        [[one, None, None], [None, linear, sp.csr_array(quadratic)], [None, None, sp.kron(linear, linear)]]
    )
    appended = _blocks([[one, None, None], [column, first, None], [squared, doubled, second]])
    whole_step = appended @ contracted
    if frame is not None:
        turned = sp.csr_array(frame)
        both = sp.kron(turned, turned)
        whole_step = _blocks([[one, None, None], [None, turned, None], [None, None, both]]) @ whole_step
    compact = sp.coo_array(whole_step)
    places = _places(layout.n_slot)
    rows, columns = compact.coords
    dimension = 2**layout.n_system
    whole = sp.csr_array((compact.data, (places[rows], places[columns])), shape=(dimension, dimension))
    whole.eliminate_zeros()
    return whole


def _blocks(blocks: list[list[Any]]) -> Matrix:
    return sp.csr_array(sp.block_array(blocks))


def _places(n_slot: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Basis states of the constant, of slot A's indices, and of pairs (B, A), in that order."""
    size = 2**n_slot
    index = np.arange(2**2 * size**2, dtype=np.int64).reshape(2, size, 2, size)
    return np.concatenate([[0], index[0, 0, 1], index[1, :, 1].reshape(-1)])
