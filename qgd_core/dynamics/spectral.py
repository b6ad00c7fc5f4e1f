"""Norms and extreme eigenvalues of sparse matrices, dense where small and iterative past a size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, eigsh

from qgd_core.arrays import RealArray
from qgd_core.dynamics.monomials import Csr
from qgd_core.errors import PrecisionUnreachable

DENSE_LIMIT = 1500


def spectral_norm(matrix: Csr | LinearOperator) -> float:
    """Return the largest singular value of `matrix`.

    Arguments: matrix, CSR of any shape, or a LinearOperator with a transpose.
    Result: the 2-norm, to a relative 1e-12 (dense Gram matrix up to 1500 rows, Lanczos past that).
    Raises: PrecisionUnreachable when the Lanczos iteration does not converge.
    Source: textbook.
    """
    if isinstance(matrix, LinearOperator):
        return float(np.sqrt(max(_largest_symmetric(matrix.T @ matrix), 0.0)))
    if matrix.nnz == 0:
        return 0.0
    used, columns = np.unique(matrix.indices, return_inverse=True)
    narrow = sparse.csr_array((matrix.data, columns, matrix.indptr), shape=(matrix.shape[0], used.size))
    gram = narrow @ narrow.T if narrow.shape[0] <= narrow.shape[1] else narrow.T @ narrow
    return float(np.sqrt(max(_largest_symmetric(sparse.csr_array(gram)), 0.0)))


def symmetric_log_norm(matrix: Csr | LinearOperator) -> float:
    """Return the logarithmic 2-norm, the largest eigenvalue of (matrix + matrix^T)/2.

    Arguments: matrix, square CSR, or a LinearOperator with a transpose.
    Result: mu(matrix), to a relative 1e-12 of the norm.
    Raises: PrecisionUnreachable when the Lanczos iteration does not converge.
    Source: textbook; used as the gate of Krovi, arXiv 2202.01054.
    """
    if isinstance(matrix, LinearOperator):
        return 0.5 * _largest_symmetric(matrix + matrix.T)
    return _largest_symmetric(sparse.csr_array((matrix + matrix.T) * 0.5))


def rightmost_real_part(matrix: Csr) -> float:
    """Return the largest real part among the eigenvalues of a square CSR matrix.

    Arguments: matrix, square CSR.
    Result: max Re(lambda); dense up to 1500 rows, Arnoldi past that (relative 1e-10).
    Raises: PrecisionUnreachable when the Arnoldi iteration does not converge.
    Source: textbook.
    """
    if matrix.shape[0] <= DENSE_LIMIT:
        return float(np.linalg.eigvals(matrix.toarray()).real.max())
    try:
        values = eigs(matrix, k=1, which="LR", v0=_start(matrix.shape[0]), return_eigenvectors=False)
    except ArpackNoConvergence as error:
        raise PrecisionUnreachable(
            "The rightmost eigenvalue of F1 did not converge.", remedy="Use log_norm, or fewer weights."
        ) from error
    return float(values.real.max())


def _largest_symmetric(matrix: Csr | LinearOperator) -> float:
    if not isinstance(matrix, LinearOperator) and matrix.shape[0] <= DENSE_LIMIT:
        return float(np.linalg.eigvalsh(matrix.toarray())[-1])
    try:
        values: NDArray[Any] = eigsh(
            matrix,
            k=1,
            which="LA",
            v0=_start(matrix.shape[0]),
            ncv=min(60, matrix.shape[0]),
            tol=1e-12,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence as error:
        raise PrecisionUnreachable(
            "A spectral norm did not converge.", remedy="Rescale the field, or use fewer weights."
        ) from error
    return float(values[-1])


def _start(size: int) -> RealArray:
    return np.random.default_rng(size).standard_normal(size)
