"""The Kronecker form as its factors: what block encodings compile, and products with no matrix stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.monomials import Csr, IndexArray, sort_digits
from qgd_core.dynamics.polynomial import PolynomialField

ROW_BLOCK, COLUMN_BLOCK = 1 << 15, 1 << 17  # doubles


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
            tensor = _apply_slot(operator, tensor.reshape(-1, operator.shape[1], after))
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


def carleman_operator(terms: list[KroneckerTerm], basis: Basis) -> LinearOperator:
    """Return the matrix of the truncated system as a LinearOperator (D, D), nothing stored but its factors.

    Arguments: terms of the Kronecker form; basis, either kind.
    Result: products equal to those of the assembled matrix to rounding. In the symmetric basis a product goes
    through the n**j coordinates of each degree, so it needs j! times the memory of the block.
    Raises: nothing.
    Source: the symmetric form is the Kronecker form restricted to symmetric tensors.
    """
    n, power = basis.n, basis.scale ** np.arange(basis.order + 1)
    spread = {j: _spread(basis, j) for j in range(1, basis.order + 1)} if basis.kind == "symmetric" else {}

    def unpack(z: RealArray, degree: int) -> RealArray:
        block = z[basis.block(degree)]
        return block if not spread else spread[degree][1] * block[spread[degree][0]]

    def pack(full: RealArray, degree: int) -> RealArray:
        if not spread:
            return full
        position, weight = spread[degree]
        return np.asarray(np.bincount(position, weight * full, basis.size(degree)), dtype=np.float64)

    def multiply(z: RealArray, adjoint: bool) -> RealArray:
        vector, result = np.asarray(z, dtype=np.float64).ravel(), np.zeros(basis.dimension)
        inputs = {j: unpack(vector, j) for j in range(1, basis.order + 1)}
        sums: dict[int, RealArray] = {}
        for term in terms:
            if term.column:
                came, goes = (term.row, term.column) if adjoint else (term.column, term.row)
                part = term.apply(inputs[came], n, adjoint)
                if basis.scale != 1.0:
                    part *= power[term.row] / power[term.column]
                if goes in sums:
                    sums[goes] += part
                else:
                    sums[goes] = part
        for degree, full in sums.items():
            result[basis.block(degree)] = pack(full, degree)
        return result

    return LinearOperator(
        (basis.dimension, basis.dimension),
        matvec=lambda z: multiply(z, adjoint=False),
        rmatvec=lambda z: multiply(z, adjoint=True),
        dtype=np.float64,
    )


def _spread(basis: Basis, degree: int) -> tuple[IndexArray, RealArray]:
    """For every Kronecker coordinate of a degree: its symmetric coordinate, and 1/sqrt(multinomial)."""
    full = Basis(basis.n, degree, "kronecker").digits(degree)
    position = basis.rank(sort_digits(full))
    counts = np.bincount(position, minlength=basis.size(degree))
    return position, 1.0 / np.sqrt(counts)[position]


def _apply_slot(matrix: Csr, tensor: RealArray) -> RealArray:
    """Contract the middle axis of a tensor (before, q, after) with a matrix (p, q), in blocks that fit in cache."""
    before, q, after = tensor.shape
    result = np.empty((before, matrix.shape[0], after))
    if after == 1:
        rows = max(1, ROW_BLOCK // q)
        for first in range(0, before, rows):
            block = np.ascontiguousarray(tensor[first : first + rows, :, 0].T)
            result[first : first + rows, :, 0] = np.asarray(matrix @ block).T
        return result
    columns = max(32, COLUMN_BLOCK // q)
    for part, total in zip(tensor, result, strict=True):
        for first in range(0, after, columns):
            block = np.ascontiguousarray(part[:, first : first + columns])
            total[:, first : first + columns] = np.asarray(matrix @ block)
    return result
