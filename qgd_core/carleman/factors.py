"""The Kronecker form as its factors: what block encodings compile, and products with no matrix stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from itertools import product

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.slots import apply_pair, apply_slot, is_compiled, unpack_symmetric
from qgd_core.dynamics.monomials import Csr, IndexArray, sort_digits
from qgd_core.dynamics.polynomial import PolynomialField


@dataclass(frozen=True)
class KroneckerTerm:
    """One summand of a block: factors[0] (x) factors[1] (x) ..., from degree `column` to degree `row`.

    A factor of shape (n, n**k) takes k slots; None stands for the identity on one slot.
    """

    row: int
    column: int
    factors: tuple[Csr | None, ...]

    def matrix(self, n: int) -> Csr:
        """The summand as one CSR matrix (n**row, n**column)."""
        one = sparse.eye_array(n, format="csr")
        parts = [one if factor is None else factor for factor in self.factors]
        return sparse.csr_array(reduce(lambda a, b: sparse.kron(a, b, format="csr"), parts))

    def apply(self, z: RealArray, n: int, adjoint: bool = False) -> RealArray:
        """Multiply z, the n**column coordinates of one degree, slot by slot; by the transpose if adjoint."""
        after, tensor = 1, z
        for factor in reversed(self.factors):
            if factor is None:
                after *= n
                continue
            operator = sparse.csr_array(factor.T) if adjoint else factor
            tensor = apply_slot(operator, tensor.reshape(-1, operator.shape[1], after))
            after *= operator.shape[0]
        return tensor.reshape(-1)


def kronecker_terms(field: PolynomialField, order: int, discrete: bool) -> list[KroneckerTerm]:
    """List the summands of every block of the truncated Kronecker form, the source included (column 0).

    Arguments: field, F of a flow, or the map u -> update(u) if discrete; order N; discrete.
    Result: for a flow, one term per (j, k, slot): identities around F_k; for a map, one per composition of d into
    j degrees: W_k1 (x) ... (x) W_kj. Their sum, by block, is the Kronecker matrix exactly.
    Raises: nothing.
    Source: Eq 3.2 of arXiv 2011.03185; Eq 5 of arXiv 2303.03428.
    """
    parts = {k: matrix for k, matrix in field.coefficients.items() if matrix.nnz and k <= order}
    if discrete:
        return [
            KroneckerTerm(j, sum(degrees), tuple(parts[k] for k in degrees))
            for j in range(1, order + 1)
            for degrees in product(parts, repeat=j)
            if sum(degrees) <= order
        ]
    return [
        KroneckerTerm(j, j - 1 + k, (*(None,) * slot, matrix, *(None,) * (j - 1 - slot)))
        for j in range(1, order + 1)
        for k, matrix in parts.items()
        for slot in range(j)
        if j - 1 + k <= order
    ]


@dataclass(frozen=True)
class SlotPair:
    """The terms of a block that act on its last two slots by one square matrix, in one pass: on both, or on either.

    leading are the factors of the slots before them.
    """

    row: int
    leading: tuple[Csr | None, ...]
    square: Csr
    on_both: bool

    def apply(self, z: RealArray, n: int, adjoint: bool, out: RealArray) -> None:
        """Write the product with z, the n**row coordinates, into out, or its symmetric ones if out has only those."""
        if self.leading:
            z = KroneckerTerm(self.row, self.row, (*self.leading, None, None)).apply(z, n, adjoint)
        square = sparse.csr_array(self.square.T) if adjoint else self.square
        apply_pair(square, z, out, self.on_both, packed=out.size < z.size)


def split_pairs(terms: list[KroneckerTerm], basis: Basis) -> tuple[list[SlotPair], list[KroneckerTerm]]:
    """Take out the terms that one pass over two slots can do, where that is compiled: (pairs, other terms)."""
    pairs, rest = {}, []
    for term in terms:
        j, used = term.row, [factor for factor in term.factors if factor is not None]
        fits = is_compiled(basis.n**j) and 2 <= j == term.column and (j == 2 or basis.kind == "kronecker")
        if fits and len(used) == j and all(factor is used[0] for factor in used):
            pairs[j] = SlotPair(j, tuple(used[2:]), used[0], on_both=True)
        elif fits and len(used) == 1 and not any(factor is not None for factor in term.factors[:-2]):
            pairs[j] = SlotPair(j, (None,) * (j - 2), used[0], on_both=False)
        else:
            rest.append(term)
    return list(pairs.values()), rest


def carleman_operator(terms: list[KroneckerTerm], basis: Basis) -> LinearOperator:
    """Return the matrix of the truncated system as a LinearOperator (D, D), nothing stored but its factors.

    Arguments: terms of the Kronecker form; basis, either kind.
    Result: products equal to those of the assembled matrix to rounding. In the symmetric basis a product goes
    through the n**j coordinates of each degree, so it needs j! times the memory of the block.
    Raises: nothing.
    Source: the symmetric form is the Kronecker form restricted to symmetric tensors.
    """
    pairs, others = split_pairs(terms, basis)
    by_column = [term for term in others if term.column]
    power = basis.scale ** np.arange(basis.order + 1)
    tables = _Tables(basis)

    def multiply(z: RealArray, adjoint: bool) -> RealArray:
        vector, result = np.ascontiguousarray(z, dtype=np.float64).ravel(), np.empty(basis.dimension)
        inputs: dict[int, RealArray] = {}
        sums: dict[int, RealArray] = {}

        def full(degree: int) -> RealArray:
            if degree not in inputs:
                inputs[degree] = tables.unpack(vector[basis.block(degree)], degree)
            return inputs[degree]

        for pair in pairs:
            pair.apply(full(pair.row), basis.n, adjoint, result[basis.block(pair.row)])
        for term in by_column:
            came, goes = (term.row, term.column) if adjoint else (term.column, term.row)
            part = term.apply(full(came), basis.n, adjoint)
            if basis.scale != 1.0:
                part *= power[term.row] / power[term.column]
            sums[goes] = sums[goes] + part if goes in sums else part
        written = {pair.row for pair in pairs}
        for degree in range(1, basis.order + 1):
            block = result[basis.block(degree)]
            if degree not in written:
                block[:] = 0.0
            if degree in sums:
                block += tables.pack(sums[degree], degree)
        return result

    return LinearOperator(
        (basis.dimension, basis.dimension),
        matvec=lambda z: multiply(z, adjoint=False),
        rmatvec=lambda z: multiply(z, adjoint=True),
        dtype=np.float64,
    )


@dataclass(frozen=True)
class _Tables:
    """From the coordinates of a degree to those of the full tensor and back; tables are made when first needed."""

    basis: Basis
    spread: dict[int, tuple[IndexArray, RealArray]] = field(default_factory=dict)

    def unpack(self, block: RealArray, degree: int) -> RealArray:
        if self.basis.kind == "kronecker" or degree == 1:
            return block
        if degree == 2 and is_compiled(self.basis.n**2):
            return unpack_symmetric(block, self.basis.n)
        position, weight = self._spread(degree)
        return np.asarray(weight * block[position])

    def pack(self, full: RealArray, degree: int) -> RealArray:
        if self.basis.kind == "kronecker" or degree == 1:
            return full
        position, weight = self._spread(degree)
        return np.asarray(np.bincount(position, weight * full, self.basis.size(degree)), dtype=np.float64)

    def _spread(self, degree: int) -> tuple[IndexArray, RealArray]:
        if degree not in self.spread:
            self.spread[degree] = _spread(self.basis, degree)
        return self.spread[degree]


def _spread(basis: Basis, degree: int) -> tuple[IndexArray, RealArray]:
    """For every Kronecker coordinate of a degree: its symmetric coordinate, and 1/sqrt(multinomial)."""
    full = Basis(basis.n, degree, "kronecker").digits(degree)
    position = basis.rank(sort_digits(full))
    counts = np.bincount(position, minlength=basis.size(degree))
    return position, 1.0 / np.sqrt(counts)[position]
