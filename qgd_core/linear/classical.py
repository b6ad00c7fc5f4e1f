"""What a plan may know of a matrix: its norms; and classical solvers, as references."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError, PrecisionUnreachable

Matrix = sp.csr_array

# Up to this size singular values are computed, beyond it bounded or estimated.
DENSE = 512
# Relative safety of an estimated smallest singular value.
_SAFETY = 1e-2
_SINGULAR = 1e-13
# Steps of Lanczos' method by which a bound that was given is held, and what rounding may do to their squares.
_STEPS = 20
_ROUNDING = 1e-10


def upper_norm(matrix: Matrix) -> float:
    """Upper bound on the 2-norm, exact up to 512 rows in use, else sqrt(|A|_1 |A|_inf)."""
    # Empty rows and columns, which most of a step in slots are, do not count.
    rows = np.flatnonzero(np.diff(matrix.indptr))
    if not rows.size:
        return 0.0
    if rows.size <= DENSE and (columns := np.unique(matrix.indices)).size <= DENSE:
        return float(np.linalg.norm(matrix[rows][:, columns].toarray(), 2))
    sizes = np.abs(matrix.data)
    by_row = np.add.reduceat(sizes, matrix.indptr[rows])
    by_column = np.bincount(matrix.indices, sizes)
    return float(np.sqrt(by_row.max() * by_column.max()))


def smallest_singular_value(matrix: Matrix) -> float:
    """Smallest singular value: computed up to 512 rows, estimated beyond.

    Arguments: matrix, real CSR, square.
    Result: the value to rounding, or a converged Lanczos estimate less 1%; it costs one factorisation, which
    would solve the system as well: pass a bound of the problem's own where there is one.
    Raises: ConfigError when the matrix is singular to rounding.
    Source: none.
    """
    if matrix.shape[0] <= DENSE:
        values = np.linalg.svd(matrix.toarray(), compute_uv=False)
        smallest, largest = float(values[-1]), float(values[0])
    else:
        ahead, back = _factor(matrix), _factor(sp.csr_array(matrix.T))
        inverse = spla.LinearOperator(
            matrix.shape, matvec=lambda v: ahead.solve(back.solve(np.ravel(v))), dtype=np.float64
        )
        start = np.random.default_rng(0).standard_normal(matrix.shape[0])
        top = spla.eigsh(inverse, k=1, v0=start, tol=1e-6, return_eigenvectors=False)[0]
        smallest, largest = (1.0 - _SAFETY) / float(np.sqrt(top)), upper_norm(matrix)
    if not smallest > _SINGULAR * largest:
        raise _singular(matrix, smallest, f"its smallest singular value is {smallest:.1e} of {largest:.1e}")
    return smallest


def most_smallest(matrix: Matrix) -> float:
    """Upper limit on the smallest singular value, to hold a bound against: itself up to 512 rows, seen beyond.

    Arguments: matrix, real CSR, square.
    Result: beyond 512 rows the least that 20 steps of Lanczos' method see, 40 products in three vectors: what is found
    is a limit, but a smaller value may hide from it.
    Raises: ConfigError when the matrix is singular to rounding, or, at any size, a row or column of it is zero.
    Source: Golub, Kahan, SIAM J. Numer. Anal. 2, 205 (1965); that no value of it leaves the spectrum by more than
    rounding: Paige, Linear Algebra Appl. 34, 235 (1980).
    """
    if matrix.shape[0] <= DENSE:
        return smallest_singular_value(matrix)
    sizes = abs(matrix)
    for what, total in (("row", sizes.sum(axis=1)), ("column", sizes.sum(axis=0))):
        if not np.min(total):
            raise _singular(matrix, 0.0, f"{what} {int(np.argmin(total))} is zero")
    back, v = matrix.T, np.random.default_rng(0).standard_normal(matrix.shape[0])
    u, beta = np.zeros(v.size), float(np.linalg.norm(v))
    alphas: list[float] = []
    betas: list[float] = []
    while len(alphas) < _STEPS and beta > _ROUNDING * max((*alphas, *betas), default=0.0):
        v /= beta
        u = matrix @ v - (beta * u if betas else 0.0)
        betas.append(beta)
        alphas.append(float(np.linalg.norm(u)))
        u /= alphas[-1] or 1.0
        v = back @ u - alphas[-1] * v
        beta = float(np.linalg.norm(v))
    bidiagonal = np.diag(alphas) + np.diag(betas[1:], 1)
    values = np.linalg.svd(bidiagonal, compute_uv=False)
    return math.sqrt(values[-1] ** 2 + _ROUNDING * values[0] ** 2)


def _singular(matrix: Matrix, value: float, why: str) -> ConfigError:
    return ConfigError(
        f"A is singular to rounding: {why}.",
        subject=matrix,
        value=value,
        remedy="Remove dependent equations, or regularise.",
    )


def largest_inverse_row(matrix: Matrix, rows: NDArray[np.int64]) -> float:
    """Length of the longest of these rows of the inverse: |x_i| is at most that times |b|. inf past 512 rows."""
    if matrix.shape[0] > DENSE:
        return np.inf
    return float(np.linalg.norm(np.linalg.inv(matrix.toarray())[rows], axis=1).max())


def direct(matrix: Matrix, b: RealArray) -> RealArray:
    """x with A x = b by sparse LU, exact to rounding times the condition number."""
    x: RealArray = _factor(matrix).solve(b)
    return x


def krylov(matrix: Matrix, b: RealArray, eps: float) -> tuple[RealArray, int]:
    """x with |A x - b| <= eps |b| by GMRES, and how many products it took.

    Arguments: matrix, real CSR; b, shape (n,); eps, residual relative to |b|.
    Result: (x, products); the error of x is at most eps |b| over the smallest singular value.
    Raises: PrecisionUnreachable when 10 n products do not reach eps.
    Source: Saad, Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986), as in scipy.
    """
    n = b.size
    products = 0

    def multiply(v: RealArray) -> RealArray:
        nonlocal products
        products += 1
        return np.asarray(matrix @ v)

    operator = spla.LinearOperator(matrix.shape, matvec=multiply, dtype=np.float64)
    x, failed = spla.gmres(operator, b, rtol=eps, atol=0.0, restart=min(n, 200), maxiter=10)
    residual = float(np.linalg.norm(matrix @ x - b) / np.linalg.norm(b))
    if failed:
        raise PrecisionUnreachable(
            f"GMRES stopped at a residual of {residual:.1e} after {products} products.", value=residual
        )
    return np.asarray(x), products


def _factor(matrix: Matrix) -> spla.SuperLU:
    try:
        return spla.splu(sp.csc_array(matrix))
    except RuntimeError as error:
        raise ConfigError("A is singular.", subject=matrix, remedy="Remove dependent equations.") from error
