"""The lowest eigenvalues of a positive operator that is known by its products, without solving with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from qgd_core.arrays import RealArray

# Relative to the norm: what rounding leaves of an eigenvalue.
_FINEST = 1e-12
# Vectors kept, which clustered eigenvalues take, and how often at most they are worked through.
_KEPT, _RESTARTS = 80, 100


def lowest(
    multiply: Callable[[RealArray], RealArray], n: int, place: int, top: float, within: float
) -> float:
    """Estimate one of the lowest eigenvalues of a positive semidefinite operator.

    Arguments: multiply, its products with vectors (n,); n; place, 0 for the lowest one, 1 for the next, below n - 1; top, an
    upper limit on its norm; within, the error allowed.
    Result: the eigenvalue to `within`, from a random start, which sees every eigenvector with probability 1 and may take one
    for the next nevertheless: an estimate, not a bound; 0 where Lanczos does not converge, or `within` is rounding.
    Raises: nothing.
    Source: the implicitly restarted Lanczos method of ARPACK, on top - A.
    """
    tolerance = within / top
    if tolerance < _FINEST:
        return 0.0
    operator = LinearOperator((n, n), matvec=lambda v: top * v - multiply(v), dtype=np.float64)
    start = np.random.default_rng(0).normal(size=n)
    try:
        values = eigsh(
            operator,
            place + 1,
            which="LA",
            v0=start,
            ncv=min(n, _KEPT),
            tol=tolerance,
            maxiter=_RESTARTS,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence:
        return 0.0
    return top - float(np.min(values))
