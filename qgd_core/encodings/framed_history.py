"""History matrices from the singular values of a step: one frame a query, since the others meet across it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.linalg import block_diag

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.reversible import Reversible
from qgd_core.circuit.rotation import plane_angles, rotation, rotation_cost, rotation_turns
from qgd_core.circuit.turns import turn
from qgd_core.encodings.base import BlockEncoding, Matrix, dense
from qgd_core.encodings.slot_history import increment
from qgd_core.errors import ConfigError


@dataclass(frozen=True, eq=False, kw_only=True)
class FramedHistory(BlockEncoding):
    """K (I - S (x) M) in frames of its rows and columns: K brings every row of a step to one length.

    The target is A^T K (I - S (x) M) (1 (x) `frame`): what it acts on stands in the frame, and a vector of block t's
    right side v in `rows`, as rows @ v. A and the frame are orthogonal, K positive: the kernel of a projected history
    and its lengths are those of I - S (x) M.
    """

    frame: RealArray
    rows: RealArray


def encode_framed_history(step: Matrix, n_time: int, n_idle: int | None = None) -> FramedHistory:
    """Encode a history by the singular values of its step, M = W diag(sigma) V^T, with two projected ancillas.

    Where the label is 0 a row keeps its own block, where it is 1 the block before. With W^T V = F P^2 F^T, P turns
    planes, both meet in F: V F / P and W F P are one matrix, the frame, which is left out with the columns' side of W.
    The label is turned back by the angle whose tangent is sigma, row by row: no dilation, and alpha = sqrt(2).
    Arguments: step, CSR, real, shape (2**q, 2**q), q >= 1; n_time >= 1, t; n_idle, None, or below t: in the last
    2**n_idle rows the identity stands in the place of M, so that as many blocks, and one more, are copies.
    Result: an encoding on [time..., system], exact to rounding: about 1.3 * 4**(q - 1) + 1.5 * 2**q CX, 1.5 * 2**q more
    with copies, and 7 t. Classical cost 8**q: labelled as not scalable.
    Raises: ConfigError where the copies do not fit, or the step is complex.
    Source: Eq 6 of arXiv:2303.03428; the cosine-sine form of (1, -M) with equilibrated rows is derived here.
    """
    if n_time < 1 or (n_idle is not None and not 0 <= n_idle < n_time):
        raise ConfigError(
            f"2**{n_idle} copies do not fit into a history of 2**{n_time} blocks.",
            value=n_time,
            remedy="Give the time register at least one qubit, and one more than the copies need.",
        )
    if np.iscomplexobj(step.data):
        raise ConfigError("A history by singular values needs a real step.", subject=step)
    q = step.shape[0].bit_length() - 1
    left, sigma, right = np.linalg.svd(dense(step))
    # Both frames become rotations: a pair of axes turned round changes nothing, a single one the sign of its value.
    if np.linalg.det(left) < 0.0:
        left[:, 0] *= -1.0
        right[0] *= -1.0
    if np.linalg.det(right) < 0.0:
        right[-1] *= -1.0
        sigma[-1] *= -1.0
    planes, angles = plane_angles(left.T @ right.T)
    half = _planes(angles / 2.0)
    leading = 0 if n_idle is None else n_time - n_idle
    n_clean = max(n_time - 1, leading - 1, 1)
    n_ancilla = 2 + n_clean

    def build() -> Circuit:
        builder = CircuitBuilder("history", n_ancilla + n_time + q)
        label, overflow, clean = 0, 1, range(2, n_ancilla)
        time, system = range(n_ancilla, n_ancilla + n_time), range(n_ancilla + n_time, builder.n_qubits)
        builder.gate("ry", [label], [np.pi / 2.0])
        builder.call(increment(n_time), [label, overflow, *clean[: n_time - 1], *time])
        mark, copied = _mark(time[:leading], clean, builder.n_qubits)
        builder.call(mark, range(builder.n_qubits))
        # Forth where the label is 0, back where it is 1, not at all in a copied row.
        signs = np.array([1.0, -1.0])[:, np.newaxis]
        table = np.stack([signs * angles, np.zeros((2, angles.size))]) if copied else signs * angles
        turn(builder, [*copied, label, *system[:-1]], system[-1], table.reshape(-1))
        builder.call(rotation(planes, "planes"), system)
        back = 2.0 * np.arctan(sigma)
        table = np.concatenate([back, np.full(2**q, np.pi / 2.0)]) if copied else back
        turn(builder, [*copied, *system], label, table, after=[*copied, *system])
        builder.call(mark, range(builder.n_qubits), adjoint=True)
        return builder.build()

    lengths = np.sqrt(1.0 + sigma**2)
    rows = left.T / lengths[:, np.newaxis]
    turns = 3 * 2 ** (q - 1 + (leading > 0))
    return FramedHistory(
        method="framed_history",
        target=_target(planes, half, sigma, n_time, n_idle),
        alpha=float(np.sqrt(2.0)),
        n_system=n_time + q,
        n_ancilla=n_ancilla,
        eps=1e-13,
        two_qubit=7 * n_time + 6 * max(0, leading - 1) + rotation_cost(q) + turns + 2,
        rotations=rotation_turns(q) + turns + 2,
        build=build,
        restored=n_clean,
        clean=n_clean,
        frame=left @ planes @ half,
        rows=rows,
    )


def _mark(leading: Sequence[int], clean: Sequence[int], n_qubits: int) -> tuple[Circuit, list[int]]:
    """A block on all qubits that sets the one it returns, if any, where the leading time bits are all 1."""
    builder, held = CircuitBuilder("mark_copies", n_qubits), list(leading[:1])
    ops = Reversible()
    for bit, target in zip(leading[1:], clean, strict=False):
        ops.flip(target, *held, bit)
        held = [target]
    ops.emit(builder, range(n_qubits))
    return builder.build(), held


def _planes(turns: RealArray) -> RealArray:
    """Rotations of neighbouring pairs by these angles."""
    cosines, sines = np.cos(turns), np.sin(turns)
    return np.asarray(block_diag(*(np.array([[c, -s], [s, c]]) for c, s in zip(cosines, sines, strict=True))))


def _target(planes: RealArray, half: RealArray, sigma: RealArray, n_time: int, n_idle: int | None) -> Matrix:
    """The encoded matrix, block by block."""
    blocks = 2**n_time
    copied = np.arange(blocks) >= blocks - (0 if n_idle is None else 2**n_idle)
    lengths = np.sqrt(1.0 + sigma**2)[:, np.newaxis]
    one = planes / np.sqrt(2.0)
    total = sp.csr_array((blocks * len(planes),) * 2)
    for rows, own, before in (
        (~copied, planes @ half / lengths, sigma[:, np.newaxis] * (planes @ half.T) / lengths),
        (copied, one, one),
    ):
        kept = sp.csr_array(sp.diags_array(rows.astype(np.float64)))
        total = total + sp.kron(kept, own) - sp.kron(kept @ sp.eye_array(blocks, k=-1), before)
    return sp.csr_array(total)
