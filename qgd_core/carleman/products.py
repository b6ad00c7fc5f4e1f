"""Products of coordinates with polynomials: the tables and rows that assembly multiplies with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.monomials import Csr, IndexArray, expand, row_of_entries, split_columns


@dataclass(frozen=True)
class Products:
    """The products u_c z_m of the variables with every coordinate of degree below the order, at scale 1.

    Places count the constant 1 too: place 0 is the constant, place p the coordinate p - 1 of the basis.
    """

    basis: Basis

    @cached_property
    def starts(self) -> IndexArray:
        """The place where each degree begins, from degree 0, and the number of places last."""
        return np.concatenate([[0], self.basis.starts + 1])

    @property
    def lower(self) -> int:
        """How many places have a degree below the order."""
        return int(self.starts[self.basis.order])

    def offsets(self, degree: int) -> IndexArray:
        """Tuple (a, tail) of length degree + 1 has the rank offsets[a] + rank(tail), where a may stand first."""
        if self.basis.kind == "kronecker":
            return np.arange(self.basis.n, dtype=np.int64) * int(self.basis.n**degree)
        return self.tails(degree + 1) - self.tails(degree)

    def tails(self, degree: int) -> IndexArray:
        """The rank of the first tuple of length `degree` that each variable may stand before."""
        if self.basis.kind == "kronecker":
            return np.zeros(self.basis.n, dtype=np.int64)
        later = np.append(self.basis.size(degree), self.basis.later_tuples[degree])
        return np.asarray(self.basis.size(degree) - later[:-1], dtype=np.int64)

    @cached_property
    def places(self) -> NDArray[Any]:
        """Entry c * lower + m: the place of u_c z_m; from n * lower on, for no variable, every place itself."""
        n, size = self.basis.n, int(self.starts[-1])
        flat = np.empty(n * self.lower + size, dtype=np.int32 if size < 2**31 else np.int64)
        flat[n * self.lower :] = np.arange(size)
        table = flat[: n * self.lower].reshape(n, self.lower)
        ranks = np.arange(n, dtype=flat.dtype)[:, np.newaxis]
        for degree in range(self.basis.order):
            if degree:
                tuples = np.arange(self.basis.size(degree), dtype=flat.dtype)
                offsets, below = self.offsets(degree).astype(flat.dtype), ranks
                ranks = offsets[:, np.newaxis] + tuples
                if self.basis.kind == "symmetric":
                    digits = self.basis.digits(degree)
                    first, rest = offsets[digits[0]], self.basis.rank(digits[1:])
                    # The tuples that begin below a variable are the first ones.
                    for own, inner, count in zip(ranks, below, self.tails(degree), strict=True):
                        np.add(first[:count], inner[rest[:count]], out=own[:count])
            np.add(
                ranks, self.starts[degree + 1], out=table[:, self.starts[degree] : self.starts[degree + 1]]
            )
        return flat

    @cached_property
    def weights(self) -> RealArray:
        """By the same index: the factor of the coordinate at that place in u_c z_m; 1 for no variable."""
        n = self.basis.n
        flat = np.ones(n * self.lower + int(self.starts[-1]))
        if self.basis.kind == "symmetric":
            table = flat[: n * self.lower].reshape(n, self.lower)
            for degree in range(1, self.basis.order):
                block = table[:, self.starts[degree] : self.starts[degree + 1]]
                for digit in self.basis.digits(degree):
                    block[digit, np.arange(digit.size)] += 1.0
                np.sqrt(block / (degree + 1), out=block)
        return flat

    def degrees(self, places: NDArray[Any]) -> IndexArray:
        """The degree of each place."""
        return np.asarray(np.searchsorted(self.starts, places, side="right") - 1, dtype=np.int64)


@dataclass(frozen=True)
class Polynomials:
    """Rows of polynomials: entry e, of those from indptr[a] on, is data[e] times the variables digits[:, e].

    digits has one row per degree; those past degrees[e] are n, for no variable. A row's degrees do not fall.
    """

    indptr: IndexArray
    digits: IndexArray
    degrees: IndexArray
    data: RealArray

    @classmethod
    def join(cls, parts: Mapping[int, Csr], n: int) -> Polynomials:
        """Join F_k, by rising degree, each of shape (rows, n**k)."""
        longest, height = max(parts), next(iter(parts.values())).shape[0]
        rows = np.concatenate([row_of_entries(part) for part in parts.values()])
        order = np.argsort(rows, kind="stable")
        digits = [
            np.pad(
                split_columns(part.indices.astype(np.int64), n, k),
                ((0, longest - k), (0, 0)),
                constant_values=n,
            )
            for k, part in parts.items()
        ]
        degrees = np.repeat(list(parts), [part.nnz for part in parts.values()])
        data = np.concatenate([part.data for part in parts.values()])
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=height))])
        return cls(indptr, np.concatenate(digits, axis=1)[:, order], degrees[order], data[order])

    def counts(self, order: int) -> IndexArray:
        """Entry (d, a): how many entries of row a have a product of at most degree `order` with one of degree d."""
        return np.array([self.count(self.degrees <= order - d) for d in range(order + 1)])

    def count(self, chosen: NDArray[np.bool_]) -> IndexArray:
        """How many of the chosen entries each row has."""
        return np.asarray(np.diff(np.append(0, np.cumsum(chosen))[self.indptr]), dtype=np.int64)

    def incidence(self, chosen: NDArray[np.bool_]) -> Any:
        """The 0-1 matrix, CSR, of the variables that the chosen entries of each of n rows have."""
        n, where = self.indptr.size - 1, (self.digits < self.indptr.size - 1) & chosen
        owners = np.broadcast_to(np.repeat(np.arange(n), np.diff(self.indptr)), self.digits.shape)
        matrix = sparse.coo_array(
            (np.ones(int(where.sum())), (owners[where], self.digits[where])), shape=(n, n)
        ).tocsr()
        matrix.data[:] = 1.0
        return matrix

    def select(self, entries: IndexArray) -> Polynomials:
        """The same rows, of as many entries each, in another order."""
        return Polynomials(self.indptr, self.digits[:, entries], self.degrees[entries], self.data[entries])

    def up_to(self, degree: int) -> Polynomials:
        """The same rows without the entries of higher degrees."""
        kept = self.degrees <= degree
        indptr = np.concatenate([[0], np.cumsum(kept)])[self.indptr]
        return Polynomials(indptr, self.digits[:, kept], self.degrees[kept], self.data[kept])

    def multiply(self, products: Products, rows: IndexArray, places: IndexArray) -> Csr:
        """The products of the given rows with the coordinates at the given places, degrees 0 and past the order dropped.

        CSR (count, D), in which equal columns may repeat.
        """
        degrees = products.degrees(places)
        owner, entry = expand(self.indptr[rows], self.counts(products.basis.order)[degrees, rows])
        kept = degrees[owner] + self.degrees[entry] > 0
        owner, entry = owner[kept], entry[kept]
        columns, values = places[owner], self.data[entry]
        for digit in self.digits[::-1]:
            position = digit[entry] * products.lower + columns
            values = values * products.weights[position]
            columns = products.places[position]
        indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=rows.size))])
        return sparse.csr_array((values, columns - 1, indptr), shape=(rows.size, products.basis.dimension))

    def table(self, products: Products, row: int, places: slice) -> tuple[NDArray[Any], RealArray]:
        """Columns and values, each (places, entries), of one row, of one degree, times consecutive coordinates."""
        mine = slice(self.indptr[row], self.indptr[row + 1])
        digits, data = self.digits[: self.degrees[mine.start], mine], self.data[mine, np.newaxis]
        if not len(digits):
            columns = np.arange(places.start, places.stop)[:, np.newaxis]
            return columns - 1, np.broadcast_to(data.T, (columns.size, data.size))
        shape = (products.basis.n, products.lower)
        whole = products.basis.n * products.lower
        columns = products.places[:whole].reshape(shape)[digits[-1], places]
        values = products.weights[:whole].reshape(shape)[digits[-1], places] * data
        for digit in digits[-2::-1]:
            position = digit[:, np.newaxis] * products.lower + columns
            values *= products.weights[position]
            columns = products.places[position]
        return np.ascontiguousarray(columns.T) - columns.dtype.type(1), np.ascontiguousarray(values.T)
