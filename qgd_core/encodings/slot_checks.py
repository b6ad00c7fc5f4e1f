"""What steps in slots ask of their numbers, said before anything is worked out of them."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.errors import ConfigError

_ORTHOGONALITY = 1e-9
_LARGEST = 1e90  # products of a few such numbers stay in float64


def check_step(step: LowRankMap, scale: float, balances: tuple[float, ...]) -> None:
    """ConfigError where a number of the step is not finite or too large, a weight negative, or a scale not positive."""
    parts = {
        "offset": step.offset,
        "multipliers": step.multipliers,
        "weights": step.weights,
        "directions": step.directions,
        "images": step.images,
    }
    for name, values in parts.items():
        check_numbers(name, values)
    if step.weights.size and step.weights.min() < 0.0:
        raise ConfigError(
            "The weights of a step must not be negative.",
            subject=step,
            value=float(step.weights.min()),
            remedy="Turn the image of a negative term round.",
        )
    for name, value in (("scale", scale), *(("balance", balance) for balance in balances)):
        if not 1.0 / _LARGEST < value < _LARGEST:
            raise ConfigError(f"{name} is {value}, it must be positive.", subject=name, value=value)


def check_numbers(name: str, values: RealArray) -> None:
    """ConfigError where an entry is NaN, infinite or past 1e90."""
    if not (np.abs(values) < _LARGEST).all():
        worst = float(np.abs(values).max())
        raise ConfigError(
            f"The {name} of a step in slots must be finite and below {_LARGEST:.0e}, got {worst}.",
            subject=name,
            value=worst,
        )


def check_rotation(rotation: RealArray, n: int) -> None:
    """ConfigError where the matrix is not orthogonal of shape (n, n)."""
    defect = (
        np.inf if np.shape(rotation) != (n, n) else float(np.abs(rotation @ rotation.T - np.eye(n)).max())
    )
    if not defect < _ORTHOGONALITY:
        raise ConfigError(
            f"A rotation of {n} variables must be orthogonal, it is off by {defect:.2g}.", value=defect
        )
