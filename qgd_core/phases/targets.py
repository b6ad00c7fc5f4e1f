"""The functions that circuits are asked to apply, as polynomials of the least degree at a stated error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft as fft
from scipy.special import erf, erfcinv, ive, jv

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError, LostInRounding, PrecisionUnreachable
from qgd_core.phases.chebyshev import Chebyshev, approximate, interpolate, sample, series

_MOST_DEGREE = 1 << 27


@dataclass(frozen=True, eq=False)
class Target:
    """A polynomial with |polynomial - factor f| <= factor * error on the domain of the function f."""

    polynomial: Chebyshev
    error: float
    factor: float = 1.0

    def scaled(self, peak: float) -> Target:
        """The same target with the polynomial's largest magnitude on [-1, 1] brought to `peak`."""
        _positive(peak=peak)
        ratio = peak / self.polynomial.peak()[1]
        return Target(self.polynomial * ratio, self.error, self.factor * ratio)


def inverse(kappa: float, eps: float) -> Target:
    """1/x on [-1, -1/kappa] and [1/kappa, 1] by the odd polynomial of least degree.

    Arguments: kappa, above 1; eps, absolute error of 1/x (whose values go from 1 to kappa).
    Result: degree 2n - 1 with (1-a)^n / (a (1+a)^(n-1)) <= eps, a = 1/kappa: the minimax error. The
    magnitude between the intervals is at most about 2 kappa: scale before asking for phases.
    Raises: ConfigError for kappa <= 1 or eps <= 0; PrecisionUnreachable where rounding alone exceeds eps.
    Source: Sunderhauf et al., arXiv:2507.15537; here 1 - x p(x) is evaluated without cancellation at the
    nodes of a cosine transform, so any degree is exact to rounding.
    """
    _positive(eps=eps, kappa=kappa - 1.0)
    a = 1.0 / kappa
    u0 = math.log1p(2.0 * a / (1.0 - a))
    least = max(1, math.ceil((math.log1p(a) - math.log(a * eps)) / u0))
    _reachable(2 * least - 1, "kappa", kappa)

    def of(n: int) -> Target:
        # Cosines of (2 k + 1) pi / (4 n), accurate where they are small.
        x = np.sin((2 * np.arange(n)[::-1] + 1) * np.pi / (4 * n))
        coefficients = np.zeros(2 * n)
        coefficients[1::2] = fft.dct((1.0 - _inverse_rest(x, a, n, u0)) / x, 4) / n
        error = math.exp(n * math.log1p(-a) - (n - 1) * math.log1p(a)) / a
        return measured(Chebyshev(coefficients), error, a, lambda x: 1.0 / x)

    return certified(of, least, eps)


def _inverse_rest(x: RealArray, a: float, n: int, u0: float) -> RealArray:
    """1 - x p(x): T_n + r T_(n-1) of (2 x^2 - 1 - a^2) / (1 - a^2), r = exp(-u0), 1 at x = 0."""
    depth = 2.0 * (a - x) * (a + x) / (1.0 - a * a)
    inside = depth > 0
    u, turn = _arguments(depth)
    growing = np.exp(n * u) * -np.expm1(-(u + u0)) - np.exp(-n * u) * np.expm1(u - u0)
    waving = 2.0 * (np.cos(n * turn) - math.exp(-u0) * np.cos((n - 1) * turn))
    return np.asarray(np.where(inside, growing, waving) / (math.exp(n * u0) * -math.expm1(-2.0 * u0)))


def _arguments(depth: RealArray) -> tuple[RealArray, RealArray]:
    """(arccosh(1 + depth), 0) where depth > 0, else (0, arccos(1 + depth)), accurate near depth = 0."""
    above, below = np.maximum(depth, 0.0), np.clip(-depth, 0.0, 2.0)
    return np.log1p(above + np.sqrt(above * (2.0 + above))), 2.0 * np.arcsin(np.sqrt(below / 2.0))


def evolution(t: float, eps: float) -> Target:
    """exp(-i x t) on [-1, 1], complex coefficients: the Jacobi-Anger series, cut at eps."""
    waves = _jacobi_anger(t, eps)
    turns = np.array([1.0, -1.0j, -1.0, 1.0j])[np.arange(waves.size) % 4]
    return Target(series(waves * turns, lambda x: np.exp(-1j * x * t), eps), eps)


def cosine(t: float, eps: float) -> Target:
    """cos(x t) on [-1, 1], even: half of exp(-i x t)."""
    waves = _jacobi_anger(t, eps)
    turns = np.array([1.0, 0.0, -1.0, 0.0])[np.arange(waves.size) % 4]
    return Target(series(waves * turns, lambda x: np.cos(x * t), eps), eps)


def sine(t: float, eps: float) -> Target:
    """sin(x t) on [-1, 1], odd: the other half of exp(-i x t)."""
    waves = _jacobi_anger(t, eps)
    turns = np.array([0.0, 1.0, 0.0, -1.0])[np.arange(waves.size) % 4]
    return Target(series(waves * turns, lambda x: np.sin(x * t), eps), eps)


def _jacobi_anger(t: float, eps: float) -> RealArray:
    """J_0(t), 2 J_1(t), 2 J_2(t), ... until they vanish."""
    _positive(eps=eps, time=abs(t) + 1.0)
    count = abs(t) + 20.0 * np.cbrt(abs(t)) + 40.0
    _reachable(count, "t", t)
    waves = 2.0 * jv(np.arange(int(count)), t)
    waves[0] /= 2.0
    return np.asarray(waves)


def decay(t: float, eps: float) -> Target:
    """exp(-t (1 - x)) on [-1, 1], neither even nor odd; t not negative, degree about sqrt(2 t log(1/eps))."""
    _positive(eps=eps, time=abs(t) + 1.0)
    if t < 0:
        raise ConfigError(f"t is {t}, it cannot be negative.", value=t)
    count = min(t, 10.0 * math.sqrt(t)) + 60.0
    _reachable(count, "t", t)
    terms = 2.0 * ive(np.arange(int(count)), t)
    terms[0] /= 2.0
    return Target(series(terms, lambda x: np.exp(-t * (1.0 - x)), eps), eps)


def sign(delta: float, eps: float) -> Target:
    """Sign of x for delta <= |x| <= 1, odd, through erf; arXiv:1707.05391, lemma 6."""
    _share(eps, delta=delta)
    k = float(erfcinv(eps / 2)) / delta
    return Target(approximate(lambda x: erf(k * x), eps / 2, parity=1, seen=[min(delta, 1.0)]), eps)


def window(edge: float, delta: float, eps: float) -> Target:
    """1 for |x| <= edge - delta and 0 for edge + delta <= |x| <= 1, even, through erf; arXiv:1707.05391."""
    _share(eps, delta=delta, edge=edge)
    k = float(erfcinv(eps / 2)) / delta
    return Target(
        approximate(
            lambda x: 0.5 * (erf(k * (x + edge)) - erf(k * (x - edge))),
            eps / 2,
            parity=0,
            seen=[0.0, min(edge, 1.0)],
        ),
        eps,
    )


def kernel_filter(delta: float, eps: float) -> Target:
    """1 at x = 0 and at most eps in magnitude for delta <= |x| <= 1, by the even polynomial of least degree.

    Arguments: delta in (0, 1), the gap; eps, the magnitude left outside.
    Result: degree 2 l with 1/T_l(1 + 2 delta^2 / (1 - delta^2)) <= eps; its value at 0 is exactly 1.
    Raises: ConfigError outside those ranges; PrecisionUnreachable where rounding alone exceeds eps.
    Source: Lin, Tong, arXiv:1910.14596, lemma 2.
    """
    _share(eps, delta=delta, gap=1.0 - delta)
    top = 2.0 * delta**2 / (1.0 - delta**2)
    u0 = float(_arguments(np.array([top]))[0][0])
    least = max(1, math.ceil(math.acosh(max(1.0, 1.0 / eps)) / u0))
    _reachable(2 * least, "delta", delta)

    def of(degree: int) -> Target:
        def values(x: RealArray) -> RealArray:
            depth = 2.0 * (delta - x) * (delta + x) / (1.0 - delta**2)
            u, turn = _arguments(depth)
            return np.asarray(
                np.where(depth > 0, np.cosh(degree * u), np.cos(degree * turn)) / math.cosh(degree * u0)
            )

        coefficients = interpolate(values, 2 * degree).coefficients
        coefficients[1::2] = 0.0
        return measured(Chebyshev(coefficients), 1.0 / math.cosh(degree * u0), delta, np.zeros_like)

    return certified(of, least, eps)


def measured(
    polynomial: Chebyshev, error: float, least: float, function: Callable[[RealArray], RealArray]
) -> Target:
    """The target with its error for |x| >= least: the exact one, or what a grid twice as fine shows with rounding."""
    values = sample(polynomial.coefficients, 2 * polynomial.coefficients.size)
    m = values.size - 1
    x = np.sin((m - 2 * np.arange(m + 1)) * np.pi / (2 * m))
    outside = np.abs(x) >= least
    return Target(
        polynomial, max(error, float(np.abs(values[outside] - function(x[outside])).max(initial=0.0)))
    )


def certified(of: Callable[[int], Target], least: int, eps: float) -> Target:
    """The target of least degree that keeps to eps; PrecisionUnreachable where rounding alone exceeds it."""
    # A thousandth more leaves room for rounding where the exact error just fits.
    for n in (least, least + least // 1000 + 1):
        found = of(n)
        if found.error <= eps:
            return found
    raise LostInRounding(found.error, eps, found.polynomial)


def _reachable(degree: float, name: str, value: float) -> None:
    if degree > _MOST_DEGREE:
        raise PrecisionUnreachable(
            f"{name} = {value:.3g} needs degree {degree:.3g}, past what fits in memory.",
            subject=name,
            value=float(degree),
            remedy="Use a larger error, or a better conditioned problem.",
        )


def _share(eps: float, **values: float) -> None:
    if not 0.0 < eps < 1.0:
        raise ConfigError(f"eps is {eps}, it must lie between 0 and 1.", value=eps)
    _positive(**values)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{name} is {value}, it must be positive and finite.", value=value)
