"""Exponentials of large sparse matrices times vectors, by Chebyshev's recurrence: three vectors, products alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import jv

from qgd_core.arrays import ComplexArray, RealArray

# What the series leave out.
_ROUNDING = 1e-14


def turn(skew: Any, bound: float, time: float, v: Any) -> Any:
    """exp(time K) v for a real antisymmetric K of norm at most `bound`; real v stay real."""
    if not bound * time:
        return v
    weights = _bessel(abs(bound * time))
    factor = np.copysign(2.0 / bound, time)
    before, now = v, (factor / 2.0) * (skew @ v)
    total = weights[0] * before + 2.0 * weights[1] * now
    for weight in weights[2:]:
        before, now = now, factor * (skew @ now) + before
        total += 2.0 * weight * now
    return total


def decay(loss: Any, bound: float, angle: float, v: ComplexArray) -> ComplexArray:
    """exp(-i angle L) v for a symmetric L with eigenvalues from 0 to `bound`."""
    half = bound / 2.0
    if not half * angle:
        return v
    sizes = _bessel(abs(half * angle))
    weights = sizes * (-1j * np.sign(angle)) ** np.arange(sizes.size)
    before, now = v, (loss @ v) / half - v
    total = weights[0] * before + 2.0 * weights[1] * now
    for weight in weights[2:]:
        before, now = now, 2.0 * ((loss @ now) / half - now) - before
        total += 2.0 * weight * now
    return np.asarray(total * np.exp(-1j * half * angle))


def _bessel(argument: float) -> RealArray:
    """Bessel functions of the first kind, orders 0 to where they are below rounding."""
    orders = np.arange(int(1.4 * argument) + 30)
    values: RealArray = np.asarray(jv(orders, argument), dtype=np.float64)
    kept = max(2, int(np.flatnonzero(np.abs(values) > _ROUNDING).max()) + 2)
    return values[:kept]
