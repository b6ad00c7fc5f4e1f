"""Array types shared by every layer, and the checks that guard public entry points."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qgd_core.errors import ConfigError

RealArray: TypeAlias = NDArray[np.float64]
ComplexArray: TypeAlias = NDArray[np.complex128]


def real_vector(values: ArrayLike, name: str, length: int | None = None) -> RealArray:
    """Return `values` as a finite float64 vector.

    Arguments: values, array-like of shape (length,); name, used in errors; length, required size or None.
    Result: a new float64 array, exact.
    Raises: ConfigError when the shape is wrong or an entry is complex, NaN, infinite or no number.
    Source: none.
    """
    try:
        array: NDArray[Any] = np.asarray(values)
        if np.iscomplexobj(array):
            raise ConfigError(f"{name} has complex entries.", subject=name, remedy="Pass real numbers.")
        vector = np.array(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} is no vector of real numbers: {error}.", subject=name) from error
    if vector.ndim != 1 or (length is not None and vector.size != length):
        wanted = "(n,)" if length is None else f"({length},)"
        raise ConfigError(f"{name} has shape {vector.shape}, expected {wanted}.", subject=name)
    if not np.isfinite(vector).all():
        raise ConfigError(
            f"{name} has NaN or infinite entries.", subject=name, remedy="Clean the input first."
        )
    return vector
