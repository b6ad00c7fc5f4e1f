"""Single numbers as users pass them: checked once, and named in the error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qgd_core.errors import ConfigError


def real_number(value: Any, name: str, wanted: str = "a finite real number") -> float:
    """Return `value` as a float; ConfigError, saying what is wanted, unless it is one finite real number."""
    try:
        number = float(value) if np.isrealobj(value) and not isinstance(value, str) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{name} is {value!r}, expected {wanted}.", subject=name, value=number)
    return number


def positive_number(value: Any, name: str) -> float:
    """Return `value` as a float; ConfigError unless it is one finite number above zero."""
    number = real_number(value, name, "a positive number")
    if not number > 0.0:
        raise ConfigError(f"{name} is {value}, expected a positive number.", subject=name, value=number)
    return number


def nonnegative_number(value: Any, name: str) -> float:
    """Return `value` as a float; ConfigError unless it is one finite number that is not below zero."""
    number = real_number(value, name, "a number >= 0")
    if number < 0.0:
        raise ConfigError(f"{name} is {value}, expected a number >= 0.", subject=name, value=number)
    return number


def whole_number(value: Any, name: str, least: int = 0) -> int:
    """Return `value` as an int; ConfigError unless it is a whole number from `least` on."""
    wanted = f"a whole number >= {least}"
    number = real_number(value, name, wanted)
    if number != int(number) or number < least or isinstance(value, bool):
        raise ConfigError(f"{name} is {value}, expected {wanted}.", subject=name, value=number)
    return int(number)


def as_array(values: Any, name: str) -> NDArray[Any]:
    """Return `values` as an array; ConfigError where its rows have several lengths."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ConfigError(f"{name} is no array: its rows have several lengths.", subject=name) from error
