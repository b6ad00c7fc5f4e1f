"""What solvers share that find x beside a known number, in the kernel of a widened matrix."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.encodings.action import add_multiple
from qgd_core.encodings.base import BlockEncoding
from qgd_core.linear.balance import encode_balanced
from qgd_core.linear.classical import Matrix
from qgd_core.linear.system import LinearSystem
from qgd_core.linear.transform import transform_vector
from qgd_core.phases.chebyshev import Chebyshev


def widen(
    problem: LinearSystem, t: float, encoding: str
) -> tuple[LinearSystem, BlockEncoding, RealArray, float]:
    """The system with the known number t after the shifted x: (A, |b| / t) (x, t) = (b, |b|).

    Arguments: problem; t, positive; encoding, a name or "auto".
    Result: (rows, encoding, e, smallest): the balanced system, the encoding of diag(A, |b| / t), the right side
    (b, |b|) at length 1 on its register, and a lower bound on the singular values.
    Raises: as `encode_balanced`.
    Source: Dalzell, arXiv:2406.12086, section 3.
    """

    def widened(system: LinearSystem) -> Matrix:
        last = float(np.linalg.norm(system.shifted())) / t
        return sp.csr_array(sp.block_diag([system.matrix, [[last]]], format="csr"))

    rows, encoded = encode_balanced(problem, widened, encoding)
    b = rows.shifted()
    size = float(np.linalg.norm(b))
    e = np.zeros(2**encoded.n_system)
    e[: b.size], e[b.size] = b / size, 1.0
    return rows, encoded, e / math.sqrt(2.0), min(rows.smallest, size / t)


def filter_degree(gap: float, error: float) -> int:
    """Degree of the least even polynomial that is 1 at 0 and at most `error` from `gap` to 1."""
    return 2 * max(1, math.ceil(math.acosh(max(1.0, 1.0 / error)) / filter_rate(gap)))


def filter_rate(gap: float) -> float:
    """What two queries take off the logarithm of the filter's error."""
    depth = 2.0 * gap**2 / (1.0 - gap**2)
    return math.log1p(depth + math.sqrt(depth * (2.0 + depth)))


def filtered(encoding: BlockEncoding, polynomial: Chebyshev, e: RealArray, v: RealArray) -> ComplexArray:
    """An even polynomial of the singular values of (1 - e e^T) A / alpha, applied to v, which is written to.

    Where A is larger than e, e is taken out of every part of e's size.
    """

    def take_out(u: RealArray) -> None:
        for part in u.reshape(-1, e.size):
            add_multiple(e, part, -float(e @ part))

    found = transform_vector(polynomial, encoding.target, encoding.alpha, v, take_out)
    return found.astype(np.complex128)
