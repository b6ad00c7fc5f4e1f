"""Polynomial vector fields du/dt = sum_k F_k u^(x)k around a centre, u = w - centre."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.monomials import (
    Csr,
    IndexArray,
    collect,
    count_orderings,
    join_columns,
    merge_orderings,
    row_of_entries,
    split_columns,
)
from qgd_core.dynamics.numbers import as_array, positive_number, real_number
from qgd_core.dynamics.spectral import rightmost_real_part, spectral_norm, symmetric_log_norm
from qgd_core.errors import ConfigError


class PolynomialField:
    """A polynomial field F(u) = sum_k F_k u^(x)k, u = w - centre, in n real variables.

    Arguments: coefficients, mapping from the degree k >= 0 to F_k, array or scipy.sparse of shape (n, n**k)
    (F_0 may be (n,)); centre, array (n,), the point w the expansion is around, origin by default.
    Result: an immutable field; the columns of F_k follow numpy.kron, first factor most significant.
    Raises: ConfigError when a shape, degree or entry (complex, NaN, infinite) is wrong.
    Source: Eq 4 of arXiv 2303.03428; the map of gradient descent with step eta is u + eta F(u).
    """

    def __init__(self, coefficients: Mapping[int, Any], centre: ArrayLike | None = None) -> None:
        self._coefficients = _check_coefficients(coefficients)
        self.n: int = next(iter(self._coefficients.values())).shape[0]
        self.centre: RealArray = np.zeros(self.n) if centre is None else real_vector(centre, "centre", self.n)

    @property
    def coefficients(self) -> dict[int, Csr]:
        """The non-zero F_k by degree, each CSR of shape (n, n**k)."""
        return dict(self._coefficients)

    @property
    def degree(self) -> int:
        """The highest degree with a non-zero coefficient (0 for the zero field)."""
        return max((k for k, matrix in self._coefficients.items() if matrix.nnz), default=0)

    @cached_property
    def monomials(self) -> dict[int, Csr]:
        """Each F_k with equal monomials added: only columns with sorted digits are used."""
        return {k: merge_orderings(matrix, self.n, k) for k, matrix in self._coefficients.items()}

    def coefficient(self, k: int) -> Csr:
        """F_k, zero where the field has no term of degree k."""
        stored = self._coefficients.get(k)
        return stored if stored is not None else sparse.csr_array((self.n, self.n**k), dtype=np.float64)

    def __call__(self, u: ArrayLike) -> RealArray:
        """Return F(u) for u of shape (n,) or (batch, n), measured from the centre; exact to rounding."""
        points = self._points(u)
        batch = np.atleast_2d(points)
        total = np.zeros_like(batch)
        for k, matrix in self.monomials.items():
            products = np.ones((matrix.nnz, batch.shape[0]))
            for digits in split_columns(matrix.indices.astype(np.int64), self.n, k):
                products *= batch.T[digits]
            sums = np.asarray(_sum_rows(matrix) @ products)
            total += sums.T
        return total.reshape(points.shape)

    def jacobian(self, u: ArrayLike) -> RealArray:
        """Return dF/du at u, shape (n, n), for u of shape (n,) measured from the centre; exact to rounding."""
        point = real_vector(u, "u", self.n)
        total = np.zeros((self.n, self.n))
        for k, matrix in self.monomials.items():
            digits = split_columns(matrix.indices.astype(np.int64), self.n, k)
            rows = row_of_entries(matrix)
            for slot in range(k):
                others = np.delete(digits, slot, axis=0)
                np.add.at(total, (rows, digits[slot]), matrix.data * point[others].prod(axis=0))
        return total

    def shift(self, centre: ArrayLike) -> PolynomialField:
        """Re-expand the same field around another centre.

        Arguments: centre, array (n,), the new expansion point in the coordinates w (not a displacement).
        Result: a field equal to this one at every w, exact to rounding.
        Raises: ConfigError when the centre has a wrong shape or entry.
        Source: binomial expansion; the pivot shift of arXiv 2605.20071.
        """
        new = real_vector(centre, "centre", self.n)
        step = new - self.centre
        parts: dict[int, list[tuple[IndexArray, IndexArray, RealArray]]] = {}
        for k, matrix in self._coefficients.items():
            rows = row_of_entries(matrix)
            digits = split_columns(matrix.indices.astype(np.int64), self.n, k)
            for size in range(k + 1):
                for kept in combinations(range(k), size):
                    dropped = [slot for slot in range(k) if slot not in kept]
                    values = matrix.data * step[digits[dropped]].prod(axis=0)
                    parts.setdefault(size, []).append(
                        (rows, join_columns(digits[list(kept)], self.n), values)
                    )
        shifted = {}
        for size, entries in parts.items():
            rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
            shifted[size] = collect(rows, columns, values, (self.n, self.n**size))
        return PolynomialField(shifted, centre=new)

    def rescale(self, g: float) -> PolynomialField:
        """Return the field of g u: F_k becomes g^(1-k) F_k and the centre g times the centre."""
        scale = positive_number(g, "scale")
        scaled = {k: matrix * scale ** (1 - k) for k, matrix in self._coefficients.items()}
        return PolynomialField(scaled, centre=scale * self.centre)

    def norms(self) -> dict[int, float]:
        """Return |F_k| per degree: the spectral norm of F_k on symmetric tensors, so |F_k u^(x)k| <= |F_k||u|^k."""
        return {k: spectral_norm(self.symmetric(k)) for k in sorted(self._coefficients)}

    def symmetric(self, k: int) -> Csr:
        """F_k in the orthonormal basis of symmetric tensors (columns with sorted digits only)."""
        matrix = self.monomials.get(k)
        if matrix is None:
            return self.coefficient(k)
        digits = split_columns(matrix.indices.astype(np.int64), self.n, k)
        values = matrix.data / np.sqrt(count_orderings(digits))
        return sparse.csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)

    def log_norm(self) -> float:
        """Return mu(F_1), the largest eigenvalue of (F_1 + F_1^T)/2; negative for a dissipative linear part."""
        return symmetric_log_norm(self.coefficient(1))

    def r_number(self, u0: ArrayLike) -> float:
        """Return R = (sum_{k>=2} |F_k||u0|^(k-1) + |F_0|/|u0|) / |Re lambda_1|.

        Arguments: u0, array (n,), the starting point measured from the centre.
        Result: R; below 1 is sufficient for Carleman convergence, not necessary. Infinite when Re lambda_1, the
        rightmost eigenvalue of F_1, is not negative, or when u0 = 0 while F_0 is not.
        Raises: ConfigError when u0 has a wrong shape or entry.
        Source: Eq 1.7 of Liu et al., arXiv 2011.03185, with the higher degrees as in arXiv 2312.09518.
        """
        size = float(np.linalg.norm(real_vector(u0, "u0", self.n)))
        rightmost = rightmost_real_part(self.coefficient(1))
        norms = self.norms()
        drive = norms.get(0, 0.0)
        if rightmost >= 0.0 or (size == 0.0 and drive > 0.0):
            return float("inf")
        pull = sum(norm * size ** (k - 1) for k, norm in norms.items() if k >= 2)
        return (pull + (drive / size if drive else 0.0)) / -rightmost

    def __add__(self, other: PolynomialField) -> PolynomialField:
        """The sum of two fields around the same centre."""
        if self.n != other.n or not np.array_equal(self.centre, other.centre):
            raise ConfigError(
                f"Fields in {self.n} and {other.n} variables, or around two centres, cannot be added.",
                subject=other,
                remedy="Shift one to the centre of the other.",
            )
        degrees = {*self._coefficients, *other._coefficients}
        return PolynomialField({k: self.coefficient(k) + other.coefficient(k) for k in degrees}, self.centre)

    def __mul__(self, factor: float) -> PolynomialField:
        """The field times a number."""
        number = real_number(factor, "factor")
        return PolynomialField({k: m * number for k, m in self._coefficients.items()}, self.centre)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        terms = ", ".join(f"F{k}: {self._coefficients[k].nnz} nnz" for k in sorted(self._coefficients))
        where = f"|centre| = {np.linalg.norm(self.centre):.4g}" if self.centre.any() else "centre 0"
        return f"PolynomialField(n={self.n}, degree={self.degree}, {terms}; {where})"

    def _points(self, u: ArrayLike) -> RealArray:
        points = as_array(u, "u")
        if points.dtype.kind not in "fiub" or points.ndim not in (1, 2) or points.shape[-1] != self.n:
            raise ConfigError(
                f"u has shape {points.shape} and type {points.dtype}, expected real ({self.n},) or (batch, {self.n}).",
                subject="u",
            )
        return points.astype(np.float64)


def _sum_rows(matrix: Csr) -> Csr:
    """The (rows, nnz) matrix that multiplies each stored entry's monomial by its value and adds by row."""
    return sparse.csr_array(
        (matrix.data, np.arange(matrix.nnz), matrix.indptr), shape=(matrix.shape[0], matrix.nnz)
    )


def _check_coefficients(coefficients: Mapping[int, Any]) -> dict[int, Csr]:
    if not isinstance(coefficients, Mapping):
        raise ConfigError(
            f"The coefficients are a {type(coefficients).__name__}, expected a mapping from degree to F_k.",
            subject=coefficients,
            remedy="Pass at least {1: F1}.",
        )
    if not coefficients:
        raise ConfigError("The field has no coefficients.", remedy="Pass at least {1: F1}.")
    checked: dict[int, Csr] = {}
    n: int | None = None
    for k, given in coefficients.items():
        if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 0:
            raise ConfigError(f"Degree {k!r} is not a whole number >= 0.", subject=k)
        raw: Any = given if sparse.issparse(given) else as_array(given, f"F_{k}")
        if np.issubdtype(raw.dtype, np.complexfloating) or not np.issubdtype(raw.dtype, np.number):
            raise ConfigError(f"F_{k} has entries of type {raw.dtype}, expected real numbers.", subject=k)
        if not sparse.issparse(raw) and raw.ndim == 1 and (k == 0 or raw.size == 1):
            raw = raw.reshape(-1, 1)
        n = (*raw.shape, 0)[0] if n is None else n
        if n < 1 or raw.shape != (n, n**k):
            raise ConfigError(f"F_{k} has shape {raw.shape}, expected ({n}, {n}**{k} = {n**k}).", subject=k)
        if n**k > np.iinfo(np.int64).max:
            raise ConfigError(f"F_{k} has {n}**{k} columns, past 64-bit indices.", value=float(n) ** k)
        matrix: Csr = sparse.csr_array(raw, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        if not np.isfinite(matrix.data).all():
            raise ConfigError(
                f"F_{k} has NaN or infinite entries.", subject=k, remedy="Clean the input first."
            )
        checked[int(k)] = matrix
    return dict(sorted(checked.items()))
