"""Carleman coordinates: the symmetric orthonormal and the Kronecker basis of degrees 1 to N."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgd_core.arrays import RealArray
from qgd_core.dynamics.monomials import IndexArray, count_orderings, join_columns, split_columns
from qgd_core.dynamics.numbers import as_array
from qgd_core.errors import ConfigError

BASES = ("symmetric", "kronecker")


@dataclass(frozen=True)
class Basis:
    """The coordinates z of a Carleman system in n variables, degree 1 first, up to degree `order`.

    symmetric: one coordinate z_a = sqrt(multinomial(a)) (g u)^a per monomial, lexicographic within a degree
    (u1^2, u1 u2, ..., u2^2, ...), so that the block of degree j has the norm |g u|^j.
    kronecker: the n^j entries of (g u)^(x)j, numpy.kron order, in which permuted entries are all kept.
    """

    n: int
    order: int
    kind: str = "symmetric"
    scale: float = 1.0

    def size(self, degree: int) -> int:
        """Number of coordinates of one degree: C(n+j-1, j), or n^j in the Kronecker basis."""
        if self.kind == "symmetric":
            return math.comb(self.n + degree - 1, degree)
        return int(self.n**degree)

    @cached_property
    def starts(self) -> IndexArray:
        """Where each degree's block begins: entry j-1 for degree j, and the dimension D last."""
        sizes = [self.size(j) for j in range(1, self.order + 1)]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @property
    def dimension(self) -> int:
        """D, the number of coordinates."""
        return int(self.starts[-1])

    def block(self, degree: int) -> slice:
        """The slice of the coordinates of one degree."""
        return slice(int(self.starts[degree - 1]), int(self.starts[degree]))

    @cached_property
    def later_tuples(self) -> IndexArray:
        """Entry (l, i): how many sorted tuples of length l have every index above i."""
        n = self.n
        counts = [
            [math.comb(n - 2 - i + length, length) for i in range(n)] for length in range(1, self.order + 1)
        ]
        return np.array([[1] * n, *counts], dtype=np.int64)

    def digits(self, degree: int) -> IndexArray:
        """The variable indices of every coordinate of one degree, shape (degree, size); rows sorted if symmetric."""
        if self.kind == "kronecker":
            return split_columns(np.arange(self.size(degree), dtype=np.int64), self.n, degree)
        return _sorted_tuples(self.n, degree)

    def rank(self, digits: IndexArray) -> IndexArray:
        """The position, within its degree, of each column of `digits`, shape (degree, count), sorted if symmetric."""
        degree = digits.shape[0]
        if self.kind == "kronecker":
            return join_columns(digits, self.n)
        position = np.full(digits.shape[1], self.size(degree) - 1, dtype=np.int64)
        for place, column in enumerate(digits):
            position -= self.later_tuples[degree - place][column]
        return position

    def weights(self, degree: int) -> RealArray:
        """The factor of each coordinate over its bare monomial: g^j, times sqrt(multinomial) if symmetric."""
        return self._weigh(self.digits(degree))

    def lift(self, u: ArrayLike) -> RealArray:
        """Return z of u, shape (n,) or (batch, n), as (D,) or (batch, D); exact to rounding."""
        points = _real_array(u, "u")
        if points.ndim not in (1, 2) or points.shape[-1] != self.n:
            raise ConfigError(f"u has shape {points.shape}, expected ({self.n},) or (batch, {self.n}).")
        lifted = np.empty((*points.shape[:-1], self.dimension))
        for degree in range(1, self.order + 1):
            digits = self.digits(degree)
            product = np.broadcast_to(self._weigh(digits), lifted[..., self.block(degree)].shape).copy()
            for column in digits:
                product *= np.take(points, column, axis=-1)
            lifted[..., self.block(degree)] = product
        return lifted

    def project(self, z: ArrayLike) -> RealArray:
        """Return u from the coordinates of degree 1, of shape (D,) or (batch, D)."""
        coordinates = _real_array(z, "z")
        if coordinates.ndim not in (1, 2) or coordinates.shape[-1] != self.dimension:
            raise ConfigError(
                f"z has shape {coordinates.shape}, expected ({self.dimension},) or (batch, {self.dimension})."
            )
        return coordinates[..., : self.n] / self.scale

    def _weigh(self, digits: IndexArray) -> RealArray:
        """The weights of all coordinates of a degree, of these variables."""
        degree, size = digits.shape
        orderings = count_orderings(digits) if self.kind == "symmetric" else np.ones(size)
        return np.asarray(self.scale**degree * np.sqrt(orderings))


def _real_array(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = as_array(values, name)
    if array.dtype.kind not in "fiub":
        raise ConfigError(f"{name} has entries of type {array.dtype}, expected real numbers.", subject=name)
    return array.astype(np.float64, copy=False)


def _sorted_tuples(n: int, degree: int) -> IndexArray:
    """All sorted index tuples in lexicographic order, shape (degree, C(n+degree-1, degree))."""
    tuples = np.arange(n, dtype=np.int64)[np.newaxis, :]
    for _ in range(1, degree):
        room = n - tuples[-1]
        ends = np.cumsum(room)
        offset = np.arange(ends[-1], dtype=np.int64) - np.repeat(ends - room, room)
        repeated = np.repeat(tuples, room, axis=1)
        tuples = np.concatenate([repeated, (repeated[-1] + offset)[np.newaxis, :]])
    return tuples if degree else np.zeros((0, 1), dtype=np.int64)
