"""Exponentials of large sparse matrices times vectors, by Chebyshev's recurrence: three vectors, products alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import jv

from qgd_core.arrays import ComplexArray, RealArray

# What the series leave out.
_ROUNDING = 1e-14
# Below which imaginary parts of what comes in conjugate pairs are rounding.
_PAIRED = 1e-13


def turn(skew: Any, bound: float, time: float, v: Any) -> Any:
    """exp(time K) v for a real antisymmetric K of norm at most `bound`; real v stay real."""
    if not bound * time:
        return v
    weights = _bessel(abs(bound * time))
    factor = np.copysign(2.0 / bound, time)
    before, now = v, multiply(skew, v)
    now *= factor / 2.0
    total = weights[0] * before
    total += 2.0 * weights[1] * now
    for weight in weights[2:]:
        after = multiply(skew, now)
        after *= factor
        after += before
        before, now = now, after
        total += 2.0 * weight * now
    return total


def decay(loss: Any, bound: float, angle: float, v: ComplexArray) -> ComplexArray:
    """exp(-i angle L) v for a symmetric L with eigenvalues from 0 to `bound`."""
    return decays(loss, bound, np.array([angle]), np.ones(1), v)


def decays(loss: Any, bound: float, angles: RealArray, weights: Any, v: Any) -> ComplexArray:
    """sum_j weights_j exp(-i angles_j L) v for a real symmetric L with eigenvalues from 0 to `bound`.

    All share one recurrence, which stays real where v is; with angles and weights in conjugate pairs the sum does too.
    """
    half = bound / 2.0
    sizes = [_bessel(abs(half * angle)) if half * angle else np.ones(1) for angle in angles.tolist()]
    mixed = np.zeros(max(2, *(size.size for size in sizes)), dtype=np.complex128)
    for size, angle, weight in zip(sizes, angles.tolist(), weights, strict=True):
        turned = size * (-1j * np.sign(angle)) ** np.arange(size.size)
        turned[1:] *= 2.0
        mixed[: size.size] += weight * np.exp(-1j * half * angle) * turned
    factors: Any = mixed.real if np.abs(mixed.imag).max() <= _PAIRED * np.abs(mixed).max() else mixed
    before, now = v, v
    total = factors[0] * v
    for order, factor in enumerate(factors[1:]):
        # The spectrum of 2 L / bound - 1 is from -1 to 1.
        after = multiply(loss, now)
        after /= half if half else 1.0
        after -= now
        if order:
            after *= 2.0
            after -= before
        before, now = now, after
        total += factor * now
    return np.asarray(total)


def multiply(matrix: Any, v: Any) -> Any:
    """A real CSR array times a vector, an array of its own; a complex vector is two real columns of it."""
    if not np.iscomplexobj(v):
        return matrix @ v
    pairs = np.ascontiguousarray(v).view(np.float64).reshape(-1, 2)
    return np.ascontiguousarray(matrix @ pairs).reshape(-1).view(np.complex128)


def _bessel(argument: float) -> RealArray:
    """Bessel functions of the first kind, orders 0 to where they are below rounding."""
    orders = np.arange(int(1.4 * argument) + 30)
    values: RealArray = np.asarray(jv(orders, argument), dtype=np.float64)
    kept = max(2, int(np.flatnonzero(np.abs(values) > _ROUNDING).max()) + 2)
    return values[:kept]
