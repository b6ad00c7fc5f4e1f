"""The Kronecker form as its factors: what block encodings compile, and products with no matrix stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from math import prod

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.slots import (
    Workspace,
    apply_power,
    apply_slot,
    apply_symmetric_pair,
    apply_symmetric_triple,
    is_compiled,
    thread_count,
)
from qgd_core.dynamics.monomials import Csr, IndexArray, count_orderings, sort_digits, split_columns
from qgd_core.dynamics.polynomial import PolynomialField

_SYMMETRIC = {2: apply_symmetric_pair, 3: apply_symmetric_triple}


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
        one = sparse.csr_array((n, n))
        factors = [one if factor is None else factor for factor in self.factors]
        operators = [sparse.csr_array(factor.T) if adjoint else factor for factor in factors]
        sizes, tensor = [operator.shape[1] for operator in operators], z
        # Those that make the tensor smaller go first.
        for slot in sorted(range(self.row), key=lambda slot: operators[slot].shape[0] / sizes[slot]):
            if self.factors[slot] is not None:
                shape = (prod(sizes[:slot]), sizes[slot], prod(sizes[slot + 1 :]))
                tensor = apply_slot(operators[slot], tensor.reshape(shape))
                sizes[slot] = operators[slot].shape[0]
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
class Power:
    """The terms from a degree to itself with one square matrix: in all slots, or the sum of it in each."""

    degree: int
    square: Csr
    product: bool


def split_powers(terms: list[KroneckerTerm], basis: Basis) -> tuple[list[Power], list[KroneckerTerm]]:
    """Take out the terms that the compiled kernels do together: (powers, other terms)."""
    powers, rest = {}, []
    for term in terms:
        j, used = term.row, [factor for factor in term.factors if factor is not None]
        fits = (
            is_compiled(basis.n**j)
            and 2 <= j == term.column
            and (j in _SYMMETRIC or basis.kind == "kronecker")
        )
        if fits and len(used) in (1, j) and all(factor is used[0] for factor in used):
            powers[j] = Power(j, used[0], product=len(used) == j)
        else:
            rest.append(term)
    return list(powers.values()), rest


def join_permuted(terms: list[KroneckerTerm], basis: Basis) -> list[tuple[KroneckerTerm, int]]:
    """Terms, and how often each stands: on symmetric tensors those with the same factors in another order are equal.

    Of these the one stays whose widest factors come first: what it reads lies together.
    """
    if basis.kind == "kronecker":
        return [(term, 1) for term in terms]
    groups: dict[tuple[int, ...], list[KroneckerTerm]] = {}
    for term in terms:
        groups.setdefault((term.row, *sorted(id(factor) for factor in term.factors)), []).append(term)
    return [(max(same, key=_widths), len(same)) for same in groups.values()]


def _widths(term: KroneckerTerm) -> list[int]:
    """How many columns each factor has; the identity counts as none."""
    return [0 if factor is None else factor.shape[1] for factor in term.factors]


@dataclass(frozen=True)
class Reading:
    """The coordinates of its column that a term with a wide factor reads: only those where that factor has entries.

    The term has that factor without its empty columns; places among the coordinates of the column's degree; weights,
    the entry of the full tensor over the coordinate.
    """

    term: KroneckerTerm
    places: IndexArray
    weights: RealArray


def reduce_term(term: KroneckerTerm, basis: Basis) -> Reading | None:
    """Return what a term reads if it has a factor of several slots with fewer entries than columns, else None."""
    sizes = [basis.n if factor is None else factor.shape[1] for factor in term.factors]
    widest = int(np.argmax(sizes))
    factor = term.factors[widest]
    if factor is None or factor.shape[1] == basis.n or factor.nnz >= factor.shape[1]:
        return None
    used, place = np.unique(factor.indices, return_inverse=True)
    small = sparse.csr_array((factor.data, place, factor.indptr), shape=(basis.n, used.size))
    after = prod(sizes[widest + 1 :])
    flat = np.arange(prod(sizes[:widest]))[:, np.newaxis, np.newaxis] * sizes[widest] + used[:, np.newaxis]
    digits = split_columns((flat * after + np.arange(after)).ravel(), basis.n, term.column)
    if basis.kind == "symmetric":
        digits = sort_digits(digits)
    orderings = count_orderings(digits) if basis.kind == "symmetric" else np.ones(digits.shape[1])
    factors = (*term.factors[:widest], small, *term.factors[widest + 1 :])
    return Reading(
        KroneckerTerm(term.row, term.column, factors), basis.rank(digits), 1.0 / np.sqrt(orderings)
    )


def carleman_operator(terms: list[KroneckerTerm], basis: Basis) -> LinearOperator:
    """Return the matrix of the truncated system as a LinearOperator (D, D), nothing stored but its factors.

    Arguments: terms of the Kronecker form; basis, either kind.
    Result: products equal to those of the assembled matrix to rounding. In the symmetric basis a product goes
    through the n**j coordinates of each degree j that is not multiplied by compiled kernels, and needs j! times the
    memory of the block; at degrees 2 and 3 these keep 2 and 3 times the block from one product to the next.
    Raises: nothing.
    Source: the symmetric form is the Kronecker form restricted to symmetric tensors.
    """
    powers, others = split_powers(terms, basis)
    readings = [
        (term, reduce_term(term, basis), times) for term, times in join_permuted(others, basis) if term.column
    ]
    scale = basis.scale ** np.arange(basis.order + 1)
    tables, workspace = _Tables(basis), Workspace()

    def write(vector: RealArray, adjoint: bool, result: RealArray) -> None:
        written = {power.degree for power in powers}
        for degree in set(range(1, basis.order + 1)) - written:
            result[basis.block(degree)] = 0.0
        for power in powers:
            square = sparse.csr_array(power.square.T) if adjoint else power.square
            block = basis.block(power.degree)
            arguments = vector[block], result[block], power.product, workspace
            if basis.kind == "kronecker":
                apply_power(square, power.degree, *arguments)
            else:
                _SYMMETRIC[power.degree](square, *arguments)

    def multiply(z: RealArray, adjoint: bool) -> RealArray:
        vector, result = np.ascontiguousarray(z, dtype=np.float64).ravel(), np.empty(basis.dimension)
        inputs: dict[int, RealArray] = {}
        sums: dict[int, RealArray] = {}
        scattered: list[tuple[int, IndexArray, RealArray]] = []

        def full(degree: int) -> RealArray:
            if degree not in inputs:
                inputs[degree] = tables.unpack(vector[basis.block(degree)], degree)
            return inputs[degree]

        with ThreadPoolExecutor(1) as beside:
            writing = beside.submit(write, vector, adjoint, result)
            if thread_count() == 1:
                writing.result()
            for term, reading, times in readings:
                came, goes = (term.row, term.column) if adjoint else (term.column, term.row)
                if reading is None:
                    part = term.apply(full(came), basis.n, adjoint)
                elif adjoint:
                    part = reading.term.apply(full(came), basis.n, adjoint) * reading.weights
                else:
                    read = np.take(vector[basis.block(came)], reading.places) * reading.weights
                    part = reading.term.apply(read, basis.n)
                factor = times * scale[term.row] / scale[term.column]
                part = part if factor == 1.0 else part * factor
                if adjoint and reading is not None:
                    scattered.append((goes, reading.places, part))
                else:
                    sums[goes] = sums[goes] + part if goes in sums else part
            writing.result()
        for degree, total in sums.items():
            block = result[basis.block(degree)]
            block += tables.pack(total, degree)
        for degree, places, part in scattered:
            np.add.at(result[basis.block(degree)], places, part)
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
