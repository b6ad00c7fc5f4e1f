"""What weight decay, momentum and a preconditioner make of a gradient field, so that one map holds them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.dynamics.monomials import Csr, join_columns, split_columns
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

PRECONDITIONERS = ("newton", "diagonal")


def decay_weights(field: PolynomialField, rate: float) -> PolynomialField:
    """Add weight decay: the field F(u) - rate w, w = u + centre, exact.

    Arguments: field, minus the gradient of a loss; rate, of the penalty rate |w|^2 / 2.
    Result: the field with F_0 less rate times the centre and F_1 less rate times the identity.
    Raises: ConfigError when the rate is not finite.
    Source: torch.optim.SGD, option weight_decay.
    """
    if not np.isfinite(rate):
        raise ConfigError(f"rate is {rate}, expected a number.", subject="rate", value=rate)
    pull = {0: -rate * field.centre, 1: sparse.eye_array(field.n, format="csr") * -rate}
    return field + PolynomialField(pull, centre=field.centre)


def add_momentum(
    field: PolynomialField, momentum: float, step: float, nesterov: bool = False
) -> PolynomialField:
    """Enlarge a gradient field by the momentum buffer, so that one step of the result is one step of SGD.

    Arguments: field F in n variables, minus the gradient; momentum beta; step, the learning rate eta; nesterov.
    Result: a field G in 2n variables (u, p) with (u, p) + eta G(u, p) = (u + eta p', p'), p' = beta p + F(u), or
    (u + eta (F(u) + beta p'), p') with Nesterov; p = 0 at the first step; the centre is extended by zeros.
    Raises: ConfigError when beta is outside [0, 1) or the step is not positive.
    Source: torch.optim.SGD with dampening 0, its buffer being -p.
    """
    if not 0.0 <= momentum < 1.0:
        raise ConfigError(f"momentum is {momentum}, expected [0, 1).", subject="momentum", value=momentum)
    if not (np.isfinite(step) and step > 0.0):
        raise ConfigError(f"step is {step}, expected a positive number.", subject="step", value=step)
    n = field.n
    gain = 1.0 + momentum if nesterov else 1.0
    enlarged = {k: _enlarge(matrix, n, k, gain, 1.0 / step) for k, matrix in field.coefficients.items()}
    carried = momentum * momentum if nesterov else momentum
    pattern = sparse.csr_array(np.array([[0.0, carried], [0.0, (momentum - 1.0) / step]]))
    buffer = sparse.kron(pattern, sparse.eye_array(n), format="csr")
    enlarged[1] = sparse.csr_array(enlarged[1] + buffer) if 1 in enlarged else sparse.csr_array(buffer)
    return PolynomialField(enlarged, centre=np.concatenate([field.centre, np.zeros(n)]))


@dataclass(frozen=True)
class Preconditioned:
    """A preconditioned field P F, the matrix P, and what P cost classically in multiplications."""

    field: PolynomialField
    matrix: RealArray
    cost: float


def precondition(field: PolynomialField, kind: str | ArrayLike) -> Preconditioned:
    """Multiply a gradient field by a preconditioner.

    Arguments: field F, minus the gradient; kind, "newton" (P = -F_1^-1), "diagonal" (P = -1/diag F_1), or a given
    matrix (n, n) or diagonal (n,).
    Result: the field P F, with P (n, n) and its cost: n^3/3 + n^2 multiplications for Newton, n for a diagonal.
    Raises: ConfigError when P is unknown, singular, or of a wrong shape.
    Source: Newton's method; the diagonal one is Jacobi's.
    """
    n, linear = field.n, field.coefficient(1)
    if isinstance(kind, str):
        if kind not in PRECONDITIONERS:
            raise ConfigError(f"Preconditioner {kind!r} is not one of {PRECONDITIONERS}.", subject=kind)
        dense = np.asarray(-linear.toarray() if kind == "newton" else np.diag(-linear.diagonal()))
        if not np.linalg.cond(dense) < 1e12:
            raise ConfigError(
                f"F_1 is singular, so it gives no {kind} preconditioner.",
                value=float(np.linalg.cond(dense)),
                remedy="Add weight decay, or pass a matrix.",
            )
        matrix: RealArray = np.asarray(np.linalg.inv(dense), dtype=np.float64)
        cost = n**3 / 3 + n**2 if kind == "newton" else float(n)
    else:
        matrix = np.array(kind, dtype=np.float64)
        cost = float(matrix.size)
        matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
    if matrix.shape != (n, n) or not np.isfinite(matrix).all():
        raise ConfigError(f"The preconditioner has shape {matrix.shape}, expected ({n}, {n}), finite.")
    narrow = sparse.csr_array(matrix)
    scaled = {k: sparse.csr_array(narrow @ part) for k, part in field.coefficients.items()}
    return Preconditioned(PolynomialField(scaled, centre=field.centre), matrix, float(cost))


def unit_field(update: PolynomialField) -> PolynomialField:
    """Return the field F of a map, u + F(u): a step of length 1 of it is the map."""
    parts = update.coefficients
    parts[1] = sparse.csr_array(update.coefficient(1) - sparse.eye_array(update.n, format="csr"))
    return PolynomialField(parts, centre=update.centre)


def _enlarge(matrix: Csr, n: int, k: int, first: float, second: float) -> Csr:
    """F_k on the first n of 2n variables, in the rows of both halves, with the factors `first` and `second`."""
    columns = join_columns(split_columns(matrix.indices.astype(np.int64), n, k), 2 * n)
    wide = sparse.csr_array((matrix.data, columns, matrix.indptr), shape=(n, (2 * n) ** k))
    return sparse.csr_array(sparse.vstack([wide * first, wide * second], format="csr"))
