"""The Hessian eigenframe: coordinates in which the linear part of a gradient field is diagonal."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

_SYMMETRY = 1e-9


def rotate(field: PolynomialField, frame: ArrayLike) -> PolynomialField:
    """Write a field in the coordinates y = frame^T u.

    Arguments: field in n variables; frame, orthogonal, shape (n, n), its columns the new axes.
    Result: the field of y, F_k' = frame^T F_k (frame x ... x frame), around frame^T centre; exact to rounding,
    dense: n^(k+1) entries each.
    Raises: ConfigError when the frame has another shape or is not orthogonal to 1e-9.
    Source: change of basis.
    """
    axes = np.asarray(frame, dtype=np.float64)
    n = field.n
    if axes.shape != (n, n) or not np.abs(axes.T @ axes - np.eye(n)).max() < _SYMMETRY:
        raise ConfigError(f"The frame must be an orthogonal ({n}, {n}) matrix.", subject=frame)
    turned = change(field, axes, axes.T)
    return PolynomialField(turned.coefficients, centre=axes.T @ field.centre)


def change(field: PolynomialField, axes: RealArray, rows: RealArray) -> PolynomialField:
    """Put u = axes y into a field and multiply it by `rows`.

    Arguments: field in n variables; axes, shape (n, m); rows, shape (m, n): the inverse of axes for the field of y,
    its transpose for the gradient of a function of y.
    Result: the field rows F(axes y) around 0; exact to rounding, dense: m^(k+1) entries each.
    Raises: nothing.
    Source: change of variables.
    """
    changed: dict[int, RealArray] = {}
    for k, matrix in field.coefficients.items():
        tensor = (rows @ matrix.toarray()).reshape((len(rows),) + (field.n,) * k)
        # Each contraction takes the axis in front and puts the new one last: k of them restore the order.
        for _ in range(k):
            tensor = np.tensordot(tensor, axes, axes=(1, 0))
        changed[k] = tensor.reshape(len(rows), -1)
    return PolynomialField(changed)


def eigenframe(field: PolynomialField) -> tuple[RealArray, PolynomialField]:
    """Return the eigenvectors of a symmetric F_1 as a frame, and the field written in it.

    Arguments: field whose F_1 is symmetric (minus a Hessian).
    Result: (frame of shape (n, n), field of y = frame^T u), F_1 diagonal in ascending order; n^3 operations.
    Raises: ConfigError when F_1 is not symmetric to a relative 1e-9.
    Source: textbook; it brings the subnormalisation of a step's encoding down to its norm.
    """
    linear = field.coefficient(1).toarray()
    if not np.abs(linear - linear.T).max() <= _SYMMETRY * max(1.0, float(np.abs(linear).max())):
        raise ConfigError(
            "F_1 is not symmetric, so it has no orthonormal eigenframe.",
            subject=field,
            remedy="Use the field of a gradient, or march in the original coordinates.",
        )
    frame = np.linalg.eigh((linear + linear.T) / 2)[1]
    return frame, rotate(field, frame)
