"""What a Carleman step of order 3 in slots does to a vector: assembled while small."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.encodings.action import Action, operator
from qgd_core.encodings.base import Matrix
from qgd_core.encodings.slot_cubic_circuits import CubicPart
from qgd_core.encodings.slot_degrees import ORDER

# Qubits past which the step is not assembled.
_ASSEMBLED = 15
# A tensor of degree 3 with one slot named b and the other two met by y_q.
_WAYS = ("cba,qc,qa->qb", "bja,qj,qa->qb", "cjb,qc,qj->qb")


def act_by_cubes(part: CubicPart, offset: RealArray, balances: tuple[float, float], n_system: int) -> Action:
    """Append after contract on the supported states; past 2**15 rows an operator of about 10 R n^3 operations."""
    if n_system <= _ASSEMBLED:
        return _assembled(part, offset, balances)
    y, w, f, size = part.directions, part.multipliers, offset, offset.size
    second, third = balances
    mixing = 2.0 / 3.0 * second / third

    def parts(z: RealArray) -> tuple[RealArray, RealArray, RealArray, RealArray]:
        """Views of the degrees 0 to 3."""
        whole = z.reshape((2, size) * ORDER)
        return whole[0, 0, 0, 0, 0, :1], whole[0, 0, 0, 0, 1], whole[0, 0, 1, :, 1], whole[1, :, 1, :, 1]

    def scaled(triples: RealArray) -> RealArray:
        return np.asarray(w[:, np.newaxis, np.newaxis] * w[:, np.newaxis] * w * triples)

    def forward(z: RealArray) -> RealArray:
        one, v, pairs, triples = parts(z)
        squares = part.quadratic / second * np.einsum("qb,ba,qa->q", y, pairs, y, optimize=True)
        cubes = part.cubic / third * np.einsum("qc,qb,qa,cba->q", y, y, y, triples, optimize=True)
        met = sum(np.einsum(way, triples, y, y, optimize=True) for way in _WAYS)
        mixed = mixing * w[:, np.newaxis] * ((part.quadratic[:, np.newaxis] * met).T @ y)
        v, pairs, triples = (
            w * v + (squares + cubes) @ y,
            w[:, np.newaxis] * w * pairs + mixed,
            scaled(triples),
        )
        found = np.zeros_like(z)
        zero, first, twice, thrice = parts(found)
        zero[:], first[:] = one, v + one * f
        twice[:] = pairs + second * np.multiply.outer(f, 2.0 * v + one * f)
        grown = 3.0 * third / second * pairs + third * np.multiply.outer(f, 3.0 * v + one * f)
        thrice[:] = triples + np.multiply.outer(f, grown)
        return found

    def backward(z: RealArray) -> RealArray:
        one, v, pairs, triples = parts(z)
        row, lost = f @ pairs, np.tensordot(f, triples, 1)
        found = np.zeros_like(z)
        zero, first, twice, thrice = parts(found)
        zero[:] = one + f @ v + second * (row @ f) + third * (f @ lost @ f)
        v = v + 2.0 * second * row + 3.0 * third * (f @ lost)
        pairs = pairs + 3.0 * third / second * lost
        along = y @ v
        first[:] = w * v
        twice[:] = w[:, np.newaxis] * w * pairs + (y.T * (part.quadratic / second * along)) @ y
        cubes = part.cubic / third * along
        thrice[:] = scaled(triples) + np.einsum("q,qc,qb,qa->cba", cubes, y, y, y, optimize=True)
        met = mixing * part.quadratic[:, np.newaxis] * w * (y @ pairs.T)
        for way in _WAYS:
            tensor, left, right = way.split("->")[0].split(",")
            thrice[:] += np.einsum(f"qb,{left},{right}->{tensor}", met, y, y, optimize=True)
        return found

    return operator(2**n_system, forward, backward)


def _assembled(part: CubicPart, offset: RealArray, balances: tuple[float, float]) -> Matrix:
    """Append after contract on the supported states, as sparse matrices."""
    y, w, size = part.directions, part.multipliers, offset.size
    linear = sp.csr_array(sp.diags_array(w))
    second, third = balances
    one = sp.csr_array(np.ones((1, 1)))
    quadratic = np.einsum("q,qi,qb,qa->iba", part.quadratic, y, y, y)
    cubic = np.einsum("q,qi,qc,qb,qa->icba", part.cubic, y, y, y, y).reshape(size, -1)
    # Each slot of a third degree is kept a third of the times; the others are projected.
    kept = ("bj,qc,qa->bicja", "bc,qj,qa->bicja", "ba,qc,qj->bicja")
    mixed = sum(
        np.einsum(f"q,b,qi,{way}", part.quadratic, w, y, np.diag(np.ones(size)), y, y) for way in kept
    )
    contracted: list[list[Any]] = [
        [one, None, None, None],
        [None, linear, sp.csr_array(quadratic.reshape(size, -1) / second), sp.csr_array(cubic / third)],
        [
            None,
            None,
            sp.kron(linear, linear),
            sp.csr_array(mixed.reshape(size**2, -1) * 2 / 3 * second / third),
        ],
        [None, None, None, sp.kron(linear, sp.kron(linear, linear))],
    ]
    weights = (1.0, 1.0, second, third)
    columns: list[Matrix] = [one]
    for _ in range(ORDER):
        columns.append(sp.csr_array(sp.kron(columns[-1], sp.csr_array(offset[:, np.newaxis]))))
    appended: list[list[Any]] = [
        [
            math.comb(i, j) * weights[i] / weights[j] * sp.kron(columns[i - j], sp.eye_array(size**j))
            if j <= i
            else None
            for j in range(ORDER + 1)
        ]
        for i in range(ORDER + 1)
    ]
    compact = sp.coo_array(sp.csr_array(sp.block_array(appended)) @ sp.csr_array(sp.block_array(contracted)))
    places = _places(size)
    i, j = compact.coords
    dimension = (2 * size) ** ORDER
    whole = sp.csr_array((compact.data, (places[i], places[j])), shape=(dimension, dimension))
    whole.eliminate_zeros()
    return whole


def _places(size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Basis states of the constant, of A, of pairs (B, A), and of triples (C, B, A), in that order."""
    index = np.arange((2 * size) ** ORDER, dtype=np.int64).reshape((2, size) * ORDER)
    parts = ([0], index[0, 0, 0, 0, 1], index[0, 0, 1, :, 1].reshape(-1), index[1, :, 1, :, 1].reshape(-1))
    return np.concatenate(parts)
