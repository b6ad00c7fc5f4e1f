"""Polynomials on [-1, 1] as Chebyshev series, real or complex, of any degree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft as fft
from numpy.typing import ArrayLike, NDArray

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError, LostInRounding, PrecisionUnreachable

Values = NDArray[Any]  # float64 or complex128
_MOST_POINTS = 1 << 24
_SAMPLES = 16
_LARGEST = 1e300
_ROUNDING = 1e-14
# Points that are on no grid: multiples of the golden ratio as angles, and the ends.
_OFF_GRID = np.append(np.cos(np.pi * (np.arange(1, 65) * (np.sqrt(5.0) - 1.0) / 2.0 % 1.0)), [-1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Chebyshev:
    """sum_k coefficients[k] T_k(x), coefficients float64 or complex128 of shape (degree + 1,)."""

    coefficients: Values

    def __post_init__(self) -> None:
        try:
            given = np.atleast_1d(np.asarray(self.coefficients))
            values = given.astype(np.complex128 if np.iscomplexobj(given) else np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"Chebyshev coefficients are no list of numbers: {error}.") from error
        if values.ndim != 1 or values.size == 0:
            raise ConfigError(f"Chebyshev coefficients need shape (degree + 1,), got {values.shape}.")
        with np.errstate(over="ignore"):
            total = float(np.abs(values).sum())
        if not total < _LARGEST:
            raise ConfigError(
                f"Chebyshev coefficients have NaN, infinite or too large entries (their sum is {total:.3g}).",
                subject=values,
                value=total,
            )
        last = int(np.flatnonzero(values).max(initial=0))
        object.__setattr__(self, "coefficients", values[: last + 1])

    @property
    def degree(self) -> int:
        """Highest power with a coefficient other than zero."""
        return self.coefficients.size - 1

    @property
    def parity(self) -> int | None:
        """0 for even, 1 for odd, None for neither."""
        if not np.any(self.coefficients[1::2]):
            return 0
        return None if np.any(self.coefficients[::2]) else 1

    def __call__(self, x: ArrayLike) -> Values:
        """Values at x in [-1, 1], by Clenshaw's recurrence."""
        return np.asarray(np.polynomial.chebyshev.chebval(np.asarray(x), self.coefficients))

    def __mul__(self, factor: complex) -> Chebyshev:
        return Chebyshev(self.coefficients * factor)

    __rmul__ = __mul__

    def peak(self) -> tuple[float, float]:
        """Where on [-1, 1] the magnitude is largest, and how large, within 2e-5 of the truth."""
        height = np.abs(sample(self.coefficients, _SAMPLES * (self.degree + 1)))
        points = height.size - 1
        before, after = np.append(height[1], height[:-1]), np.append(height[1:], height[-2])
        # The vertex of the parabola through each sample that no neighbour exceeds.
        tops = np.flatnonzero((height >= before) & (height >= after))
        slope, bend = after[tops] - before[tops], 2 * height[tops] - before[tops] - after[tops]
        shift = np.where(bend > 0, slope / np.where(bend > 0, 2 * bend, 1.0), 0.0)
        vertex = height[tops] + shift * slope / 4
        best = int(vertex.argmax())
        return float(np.cos(np.pi * (tops[best] + shift[best]) / points)), float(vertex[best])


def sample(coefficients: Values, least: int) -> Values:
    """Values at cos(pi j / m), j = 0 .. m, m the first power of two at or above `least`."""
    size = 2 << (max(least, coefficients.size) - 1).bit_length()
    if np.iscomplexobj(coefficients):
        return np.asarray(sample(coefficients.real, least) + 1j * sample(coefficients.imag, least))
    return np.asarray(fft.rfft(coefficients, size).real)


def interpolate(function: Callable[[RealArray], Values], degree: int) -> Chebyshev:
    """Interpolate a function at the degree + 1 Chebyshev points of the first kind.

    Arguments: function of a float64 array in [-1, 1], real or complex; degree, not negative.
    Result: the interpolant, exact to rounding for polynomials of that degree.
    Raises: ConfigError when a value is NaN or infinite, or the degree is negative.
    Source: Trefethen, Approximation Theory and Approximation Practice, chapter 3.
    """
    if degree < 0:
        raise ConfigError(f"degree is {degree}, it cannot be negative.", value=degree)
    n = degree + 1
    values = np.asarray(function(np.cos((np.arange(n) + 0.5) * np.pi / n)))
    coefficients = fft.dct(values, 2) / n
    coefficients[0] /= 2
    return Chebyshev(coefficients)


def approximate(
    function: Callable[[RealArray], Values],
    eps: float,
    parity: int | None = None,
    seen: Sequence[float] = (),
) -> Chebyshev:
    """Chebyshev series of a smooth function, cut where its tail falls below eps.

    Arguments: function as for `interpolate`; eps, absolute error in the maximum norm; parity, 0 or 1 for a function that
    is even or odd, whose other coefficients are then exactly zero; seen, points at features too narrow for 32 points.
    Result: a series of the least degree whose left-out coefficients add up to at most eps, held to eps at the points
    seen and at 64 that no grid of the interpolation shares.
    Raises: PrecisionUnreachable when 2**24 points do not resolve the function, or rounding alone exceeds eps; ConfigError
    for eps <= 0, or a function without that parity.
    Source: Trefethen, Approximation Theory and Approximation Practice, theorem 7.2 and 8.2.
    """
    if not eps > 0:
        raise ConfigError(f"eps is {eps}, it must be positive.", value=eps)
    x = np.append(_OFF_GRID, seen)
    wanted = np.asarray(function(x))
    if parity is not None:
        defect = float(np.abs(np.asarray(function(-x)) - (-1) ** parity * wanted).max())
        if not defect <= 2.0 * eps + _ROUNDING * float(np.abs(wanted).max()):
            raise ConfigError(
                f"The function is not {('even', 'odd')[parity]}: it differs by {defect:.3g}.", value=defect
            )
    points, missed = 32, np.inf
    while points <= _MOST_POINTS:
        coefficients = interpolate(function, points - 1).coefficients
        coefficients = np.concatenate([coefficients, np.zeros(points - coefficients.size)])
        tail = np.abs(coefficients[-points // 4 :]).sum()
        size = float(np.abs(coefficients).max())
        if tail <= max(1e-3 * eps, points * 1e-17 * size):
            if parity is not None:
                coefficients[1 - parity :: 2] = 0.0
            found = cut(coefficients, eps)
            missed = float(np.abs(found(x) - wanted).max())
            if missed <= eps:
                return found
            # A miss of this size is rounding; a larger one, a feature that too few points did not see.
            if missed <= _ROUNDING * points * size:
                break
        points *= 2
    raise PrecisionUnreachable(
        f"The function is not resolved to {eps:.0e} by degree {min(points, _MOST_POINTS)}.",
        value=missed if missed < np.inf else float(tail),
        remedy="Use a smoother function or a larger eps.",
    )


def series(coefficients: Values, function: Callable[[RealArray], Values], eps: float) -> Chebyshev:
    """A series known in closed form, cut at eps; PrecisionUnreachable where it misses its function by more."""
    found = cut(coefficients, eps)
    missed = float(np.abs(found(_OFF_GRID) - function(_OFF_GRID)).max())
    if not missed <= eps:
        raise LostInRounding(missed, eps, found)
    return found


def cut(coefficients: Values, eps: float) -> Chebyshev:
    """The shortest series whose left-out coefficients add up to at most eps."""
    left_out = np.cumsum(np.abs(coefficients[::-1]))[::-1]
    return Chebyshev(coefficients[: max(1, int(np.count_nonzero(left_out > eps)))])
