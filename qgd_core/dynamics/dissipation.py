"""The dissipation report: which modes decay, which diverge, how long a window may be, and what would help."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import ComplexArray, RealArray, real_vector
from qgd_core.dynamics.numbers import nonnegative_number, positive_number
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.stability import R_NUMBERS, admissible_time, log_norm_r, newton_centre
from qgd_core.dynamics.updates import decay_weights
from qgd_core.errors import NotDissipative

NEUTRAL = 1e-9


@dataclass(frozen=True)
class Remedy:
    """One change that would help: what, R after it, the admissible time after it, and its cost.

    The cost is in classical multiplications; of an order N, its number of coordinates.
    """

    change: str
    r_number: float
    admissible_time: float
    cost: float


@dataclass(frozen=True, eq=False)
class DissipationReport:
    """What the linear part and the norms of a field say about a window that starts at u0.

    eigenvalues: of F_1, by falling real part; modes: the eigenvectors, columns in the same order; dissipative,
    neutral, divergent: counts by the sign of the real part; overshooting: modes with |1 + step lambda| > 1 although
    they decay; r_numbers: by definition; admissible_time: see stability.admissible_time; order: the N that the
    geometric rate asks for at `eps`, None where no rate is known; remedies: with their numbers.
    """

    eigenvalues: ComplexArray
    modes: ComplexArray
    dissipative: int
    neutral: int
    divergent: int
    overshooting: int
    log_norm: float
    r_numbers: dict[str, float]
    admissible_time: float
    time: float
    order: int | None
    remedies: tuple[Remedy, ...]

    @property
    def admissible(self) -> bool:
        """Whether the asked time is within the admissible one. Sufficient: a log-norm of the matrix may allow more."""
        return self.time < self.admissible_time

    def __str__(self) -> str:
        verdict = "admissible" if self.admissible else "not shown admissible"
        lines = [
            f"{self.dissipative} dissipative, {self.neutral} neutral, {self.divergent} divergent modes, "
            f"{self.overshooting} overshooting; log-norm of F1 {self.log_norm:.4g}",
            f"window {self.time:.4g} of {self.admissible_time:.4g}: {verdict}; order {self.order or 'unknown'}",
            *(f"R = {value:.4g}  {name}" for name, value in self.r_numbers.items()),
            *(
                f"{remedy.change}: R {remedy.r_number:.4g}, window {remedy.admissible_time:.4g}, "
                f"cost {remedy.cost:.3g}"
                for remedy in self.remedies
            ),
        ]
        return "\n".join(lines)


def dissipation_report(
    field: PolynomialField, u0: ArrayLike, time: float, step: float = 0.0, eps: float = 1e-3
) -> DissipationReport:
    """Report the modes of a field, its R numbers, the admissible time from u0, and what would lengthen it.

    Arguments: field in n variables (dense eigenvalues, n^3 work); u0 (n,), measured from the centre; time T of the
    window (steps times the learning rate); step, the learning rate, 0 for the flow; eps, relative to |u0|.
    Result: a DissipationReport, its numbers exact to rounding; the remedies are a centre after one and two Newton
    steps, the least weight decay with R below 1, the longest window as it stands, and the order that reaches eps.
    Raises: ConfigError when u0 has a wrong shape, time or step is below 0, or eps is not above 0.
    Source: positive Hessian eigenvalues as dissipative modes, arXiv 2303.03428; R as in stability.
    """
    start = real_vector(u0, "u0", field.n)
    time, step = nonnegative_number(time, "time"), nonnegative_number(step, "step")
    needed = _needed_order(field, start, time, positive_number(eps, "eps"))
    values, vectors = np.linalg.eig(field.coefficient(1).toarray())
    order = np.argsort(-values.real)
    values, vectors = values[order].astype(np.complex128), vectors[:, order].astype(np.complex128)
    tolerance = NEUTRAL * max(1.0, float(np.abs(values).max()))
    decaying = values.real < -tolerance
    window = admissible_time(field, start)
    return DissipationReport(
        eigenvalues=values,
        modes=vectors,
        dissipative=int(decaying.sum()),
        neutral=int((np.abs(values.real) <= tolerance).sum()),
        divergent=int((values.real > tolerance).sum()),
        overshooting=int((decaying & (np.abs(1.0 + step * values) > 1.0)).sum()) if step else 0,
        log_norm=field.log_norm(),
        r_numbers={name: number(field, start) for name, number in R_NUMBERS.items()},
        admissible_time=window,
        time=time,
        order=needed,
        remedies=_remedies(field, start, needed),
    )


def _needed_order(field: PolynomialField, start: RealArray, time: float, eps: float) -> int | None:
    """N with X q^N / (1-q) <= eps, q = |F_2||u0|(X-1)/mu, X = e^(mu T): the truncation error of the majorant."""
    norms, decay, size = field.norms(), field.log_norm(), float(np.linalg.norm(start))
    if norms.get(0, 0.0) or any(norm for k, norm in norms.items() if k > 2) or not norms.get(2, 0.0):
        return None if norms.get(0, 0.0) or field.degree > 2 else 1
    with np.errstate(over="ignore"):
        rate = norms[2] * size * (np.expm1(decay * time) / decay if decay else time)
    if rate >= 1.0:
        return None
    # By logarithms: X itself leaves all bounds in long windows.
    if rate == 0.0:
        return 1
    return max(1, math.ceil((math.log(eps) + math.log1p(-rate) - decay * time) / math.log(rate)))


def _remedies(field: PolynomialField, start: RealArray, order: int | None) -> tuple[Remedy, ...]:
    """Newton centres, the least sufficient weight decay, the window as it stands, and the order if one is known."""
    found, here = [], field.centre + start
    for steps in (1, 2):
        try:
            moved = field.shift(newton_centre(field, steps))
        except NotDissipative:
            break
        cost = steps * field.n**3 / 3
        found.append(_priced(f"centre after {steps} Newton step(s)", moved, here, cost))
    rate = _least_decay(field, start)
    if rate is not None:
        found.append(_priced(f"weight decay {rate:.4g}", decay_weights(field, rate), here, float(field.n)))
    window = admissible_time(field, start)
    if np.isfinite(window):
        found.append(_priced(f"a window shorter than {window:.4g}", field, here, 0.0))
    if order is not None:
        with np.errstate(over="ignore"):
            coordinates = float(np.prod(1.0 + order / np.arange(1, field.n + 1))) - 1.0
        found.append(_priced(f"order N = {order}", field, here, coordinates))
    return tuple(found)


def _priced(change: str, field: PolynomialField, here: RealArray, cost: float) -> Remedy:
    start = here - field.centre
    return Remedy(change, log_norm_r(field, start), admissible_time(field, start), cost)


def _least_decay(field: PolynomialField, start: RealArray) -> float | None:
    """The least weight decay that brings the log-norm R below 1, to 1%; None if none up to 1e6 of |F_1| does."""
    if log_norm_r(field, start) < 1.0:
        return None
    unit = max(field.norms().get(1, 0.0), 1e-12)
    rates = unit * np.geomspace(1e-4, 1e6, 101)
    passing = [rate for rate in rates if log_norm_r(decay_weights(field, float(rate)), start) < 1.0]
    if not passing:
        return None
    low, high = passing[0] / (rates[1] / rates[0]), passing[0]
    while high > 1.01 * low:
        middle = float(np.sqrt(low * high))
        below = log_norm_r(decay_weights(field, middle), start) < 1.0
        low, high = (low, middle) if below else (middle, high)
    return float(high)
