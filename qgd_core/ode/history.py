"""A history system by structure: where its blocks stand, which are copies, and what is known of its spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import eigvalsh
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.action import add_multiple
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.framed_history import FramedHistory, encode_framed_history
from qgd_core.encodings.realisation import Realisation
from qgd_core.encodings.slot_history import encode_history
from qgd_core.errors import PrecisionUnreachable
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.lanczos import lowest
from qgd_core.state.prepare import prepare
from qgd_core.state.uniform import prepare_uniform

# Rows in use up to which singular values are computed; past them they are estimated, to that part of themselves, where
# rows times condition number are no more than that: Lanczos takes tens of products for each unit of the latter.
_DENSE, _WORK = 1500, 1e7
_WITHIN = 1e-2
# Rows up to which a step is multiplied as a table: a million steps are planned in seconds.
_SMALL = 64
# What rounding may take off a computed singular value, relative to the matrix.
_ROUNDING = 1e-7
# Qubits of time on which equal amplitudes are prepared as any others are, without a clean qubit.
_FEW = 5


@dataclass(frozen=True, eq=False)
class History:
    """L x = e |z_0|, x being empty, then a history, then copies of its end: block by block on a time register.

    encoding, of L on [time..., register...], or of L with its rows brought to one length, both sides in frames;
    realisation, of the step: start vector, its circuit, and the frame that reads a block; first, the block of the
    start; copies, how many blocks hold the end; sizes, upper limits on the length of each block from the first on, in
    the unit of x; inverse, an upper limit on the norm of the inverse of what is encoded.
    """

    encoding: BlockEncoding
    realisation: Realisation
    first: int
    copies: int
    sizes: RealArray
    inverse: float

    @property
    def n_time(self) -> int:
        """Qubits of the time register."""
        return self.encoding.n_system - self.realisation.n_system

    @property
    def blocks(self) -> int:
        """Blocks on the time register."""
        return 1 << self.n_time

    @property
    def used(self) -> int:
        """Blocks that are not empty."""
        return self.blocks - self.first

    @property
    def length(self) -> float:
        """Upper limit on |x|."""
        return float(np.linalg.norm(self.sizes))

    @property
    def constant(self) -> float:
        """The first entry of every block in use, which never changes."""
        return float(self.realisation.start[0])

    @property
    def right(self) -> RealArray:
        """The unit vector e, shape (2**n_system of the encoding,)."""
        whole = np.zeros((self.blocks, self._pulled.size))
        whole[self.first] = self._right
        return whole.reshape(-1)

    @cached_property
    def _right(self) -> RealArray:
        """The block of e that is not empty."""
        return np.asarray(self._pulled / np.linalg.norm(self._pulled))

    def take_out(self, v: RealArray) -> None:
        """(1 - e e^T) v, in the place of v."""
        block = v.reshape(self.blocks, -1)[self.first]
        add_multiple(self._right, block, -float(self._right @ block))

    @property
    def pull(self) -> float:
        """Length of the encoded matrix times x."""
        return float(np.linalg.norm(self._pulled))

    @property
    def frame(self) -> RealArray | None:
        """The orthogonal frame in which the blocks of x stand, if any."""
        return self.encoding.frame if isinstance(self.encoding, FramedHistory) else None

    @property
    def _pulled(self) -> RealArray:
        start = self.realisation.start
        return np.asarray(self.encoding.rows @ start) if isinstance(self.encoding, FramedHistory) else start

    @property
    def flat(self) -> RealArray:
        """The unit vector of equal constants in every block in use, and nothing else."""
        whole = np.zeros((self.blocks, self.realisation.start.size))
        whole[self.first :] = self._constants() / math.sqrt(self.used)
        return whole.reshape(-1)

    def _constants(self) -> RealArray:
        frame = self.frame
        return np.eye(1, self.realisation.start.size)[0] if frame is None else np.asarray(frame[0])

    def prepare_flat(self) -> Circuit:
        """The circuit of `flat`."""
        builder = CircuitBuilder("equal_constants", self.encoding.n_system)
        time = range(self.n_time)
        if self.n_time <= _FEW:
            builder.call(prepare(np.where(np.arange(self.blocks) < self.first, 0.0, 1.0), "blocks"), time)
        else:
            # The blocks in use are the last ones: count from the end.
            builder.call(prepare_uniform(self.used, self.n_time), time)
            for qubit in time:
                builder.gate("x", [qubit])
        if self.frame is not None:
            builder.call(prepare(self._constants(), "constant"), range(self.n_time, builder.n_qubits))
        return builder.build()

    def prepare_right(self) -> Circuit:
        """The circuit of e."""
        builder = CircuitBuilder("first_block", self.encoding.n_system)
        for k in range(self.n_time):
            if self.first >> (self.n_time - 1 - k) & 1:
                builder.gate("x", [k])
        start = self.realisation.prepare() if self.frame is None else prepare(self._pulled, "right_side")
        builder.call(start, range(self.n_time, builder.n_qubits))
        return builder.build()

    @cached_property
    def smallest(self) -> float:
        """Lower bound on the smallest singular value of L: computed up to 1500 rows in use, estimated past them."""
        return max(1.0 / self.inverse, self._value(0))

    @cached_property
    def gap(self) -> float:
        """Lower bound on the singular values of (1 - e e^T) L but for the 0 of x; at least `smallest`."""
        return max(self.smallest, self._value(1))

    def _value(self, place: int) -> float:
        """The smallest singular value of L, or the second one without the right side; 0 where it is not known."""
        if not (self._dense or self._sparse):
            return 0.0
        matrix, e = self._matrix, self.right[self._supported]
        if self._dense:
            dense = matrix.toarray()
            kept = dense - np.outer(e, e @ dense) if place else dense
            square = eigvalsh(kept.T @ kept, subset_by_index=[place, place])[0]
            return math.sqrt(max(square, 0.0)) * (1.0 - _ROUNDING)

        def multiply(v: RealArray) -> RealArray:
            w = matrix @ v
            return np.asarray(matrix.T @ (w - e * (e @ w) if place else w))

        least = self.smallest if place else 1.0 / self.inverse
        square = lowest(multiply, e.size, place, self.encoding.alpha**2, 2.0 * _WITHIN * least**2)
        return math.sqrt(max(square, 0.0)) * (1.0 - _WITHIN)

    @cached_property
    def _supported(self) -> NDArray[np.intp]:
        """Indices of the states in use."""
        step = self.realisation.encodings[0]
        return np.flatnonzero(np.tile(step.supported, self.blocks))

    @cached_property
    def _matrix(self) -> sp.csr_array:
        """L on the states in use."""
        return sp.csr_array(sp.csr_array(self.encoding.target)[self._supported][:, self._supported])

    @property
    def _dense(self) -> bool:
        return not isinstance(self.encoding.target, LinearOperator) and self._supported.size <= _DENSE

    @property
    def _sparse(self) -> bool:
        if isinstance(self.encoding.target, LinearOperator):
            return False
        return self._supported.size * self.encoding.alpha * self.inverse <= _WORK

    @property
    def needed(self) -> str:
        """What the bounds on the singular values cost classically."""
        if self._dense:
            return "eigenvalues of all blocks in use, (D blocks)^3"
        return "Lanczos on all blocks in use, an estimate within 1%" if self._sparse else "powers of alpha"


def lay_out(problem: LinearRecurrence, realisation: Realisation, idle: int | None = None) -> list[History]:
    """The histories of a recurrence of equal steps that are worth comparing.

    Arguments: problem; realisation, of its step; idle, the least number p of repetitions of the last state, or None
    for the shortest time register and the next one, each with as many copies as it has room for.
    Result: histories on powers of two of blocks, exact; the first blocks are empty where fewer are needed.
    Raises: PrecisionUnreachable when the steps differ from one another.
    Source: Liu et al., arXiv:2303.03428, Eq 6; the idle rows are those of arXiv:1701.03684.
    """
    step, steps = _one_step(realisation), problem.steps
    if idle is None:
        least = max(1, steps.bit_length())
        choices = [(t, room_for_copies(t, steps)) for t in (least, least + 1)]
    else:
        n_idle = idle.bit_length()
        choices = [((steps + 2**n_idle - 1).bit_length(), n_idle)]
    sizes = _sizes(step, realisation.start, steps)
    return [
        _history(realisation, encode_history(step, n_time, n_idle or None), 2**n_idle, sizes)
        for n_time, n_idle in choices
    ]


def lay_out_framed(
    problem: LinearRecurrence, realisation: Realisation, idle: int | None = None
) -> list[History]:
    """The same by the singular values of the step: arguments and result as for `lay_out`, one copy more for a mark."""
    step, steps = _one_step(realisation), problem.steps
    if idle is None:
        least = max(1, steps.bit_length())
        choices = [(t, (2**t - steps - 1).bit_length() - 1) for t in (least, least + 1)]
    else:
        n_idle = (idle - 1).bit_length() if idle else -1
        choices = [((steps + _copies(n_idle) - 1).bit_length(), n_idle)]
    sizes = _sizes(step, realisation.start, steps)
    return [
        _history(
            realisation,
            encode_framed_history(step.target, n_time, None if n_idle < 0 else n_idle),
            _copies(n_idle),
            sizes,
        )
        for n_time, n_idle in choices
    ]


def _copies(n_idle: int) -> int:
    """Blocks that hold the end where 2**n_idle rows are copies; none for -1."""
    return 1 if n_idle < 0 else 2**n_idle + 1


def _one_step(realisation: Realisation) -> BlockEncoding:
    if len(realisation.encodings) > 1:
        raise PrecisionUnreachable(
            "A history by structure needs one step for all times.",
            remedy="March, or use the assembled history.",
        )
    return realisation.encodings[0]


def _history(realisation: Realisation, encoding: BlockEncoding, copies: int, sizes: RealArray) -> History:
    (step,) = realisation.encodings
    blocks, alpha = 2 ** (encoding.n_system - step.n_system), max(1.0, step.alpha)
    # Powers of the step are the blocks of the inverse, and at most powers of its alpha.
    inverse = float(np.sum(alpha ** np.minimum(np.arange(blocks), blocks - copies)))
    shortest = 1.0 / math.hypot(1.0, alpha) if isinstance(encoding, FramedHistory) else 1.0
    return History(
        encoding=encoding,
        realisation=realisation,
        first=blocks - copies - sizes.size + 1,
        copies=copies,
        sizes=np.append(sizes, np.full(copies - 1, sizes[-1])),
        inverse=inverse / shortest,
    )


def room_for_copies(n_time: int, steps: int) -> int:
    """The most qubits n_idle with 2**n_time - 2**n_idle >= steps."""
    return int((1 << n_time) - steps).bit_length() - 1


def _sizes(step: BlockEncoding, start: RealArray, steps: int) -> RealArray:
    """Upper limits on the lengths of the states: from entrywise absolute values, or alpha where nothing is assembled."""
    z = np.abs(start)
    if isinstance(step.target, LinearOperator):
        return np.asarray(np.linalg.norm(z) * step.alpha ** np.arange(steps + 1.0))
    sizes, entries = [float(np.linalg.norm(z))], abs(step.target)
    entries = entries.toarray() if z.size <= _SMALL else entries
    for _ in range(steps):
        z = np.asarray(entries @ z)
        sizes.append(math.sqrt(z @ z))
    return np.array(sizes)
