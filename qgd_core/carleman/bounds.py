"""A-priori truncation bounds: rigorous, from norms alone, at any size; and those of the literature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.polynomial import PolynomialField

GRID = 256
LARGEST = 1e9
# Of a rate times a time: its exponential is the last that float64 holds, or nearly so.
MOST_GROWTH = 700.0


def discrete_majorant(update: PolynomialField, order: int, start: float, steps: int) -> float:
    """Bound the truncation error of u for any map and start of size `start`, from norms alone.

    Arguments: update, the map u -> update(u); order N; start, |u_0|; steps, T.
    Result: an upper bound in the 2-norm, infinite when r_{t+1} = sum_k |W_k| r_t^k, which encloses |u_t|,
    leaves all bounds. The kept and dropped blocks satisfy |M_jd| <= [x^d] (sum_k |W_k| x^k)^j.
    Raises: nothing.
    Source: Duhamel's sum in the majorant of the map; derived here.
    """
    (kept, dropped), norms = block_norms(update, order), update.norms()
    errors, radius = np.zeros(order), np.float64(start)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            errors = kept @ errors + dropped @ radius ** np.arange(dropped.shape[1])
            radius = np.float64(sum(norm * radius**k for k, norm in norms.items()))
    return float(errors[0]) if np.isfinite(errors[0]) and radius < LARGEST else float("inf")


def block_norms(update: PolynomialField, order: int) -> tuple[RealArray, RealArray]:
    """Bound the norm of every block of a map's Carleman matrix.

    Arguments: update, the map; order N.
    Result: (kept (N, N), dropped (N, N q + 1)): entry (j-1, d-1) of kept and (j-1, d) of dropped bound |M_jd|, for d <= N
    and d > N, by [x^d] (sum_k |W_k| x^k)^j.
    Raises: nothing.
    Source: submultiplicativity of W^(x)j.
    """
    norms = update.norms()
    series = np.zeros(max(norms) + 1)
    series[list(norms)] = list(norms.values())
    kept, dropped = np.zeros((order, order)), np.zeros((order, order * max(norms) + 1))
    power = np.ones(1)
    for j in range(order):
        power = np.convolve(power, series)
        kept[j, : min(power.size - 1, order)] = power[1 : order + 1]
        dropped[j, order + 1 : power.size] = power[order + 1 :]
    return kept, dropped


def continuous_majorant(field: PolynomialField, order: int, start: float, time: float) -> float:
    """Bound the truncation error of u for any flow and start of size `start`, from norms alone.

    Arguments: field; order N; start, |u_0|; time, T.
    Result: an upper bound in the 2-norm, infinite when r' = |F_0| + mu(F_1) r + sum_k |F_k| r^k, which
    encloses |u|, blows up before T. Steps of the comparison system are enclosed, so any grid is rigorous.
    Raises: nothing.
    Source: e_j' <= j mu e_j + sum_k j |F_k| e_{j+k-1} + tail; log-norm as in Krovi, arXiv 2202.01054.
    """
    norms, decay, h = field.norms(), field.log_norm(), time / GRID
    radii = _enclose_radii(norms, decay, start, h)
    if not np.isfinite(radii).all():
        return float("inf")
    system = np.zeros((order + 1, order + 1))
    system[:order, :order] = comparison_matrix(norms, decay, order)
    lost = [(j, j + k - 1, j * norm) for j in range(1, order + 1) for k, norm in norms.items()]
    errors = np.zeros(order)
    with np.errstate(over="ignore", invalid="ignore"):
        for radius in radii:
            system[:order, order] = 0.0
            for j, degree, norm in lost:
                if degree > order:
                    system[j - 1, order] += norm * np.float64(radius) ** degree
            if not np.isfinite(system).all():
                return float("inf")
            errors = (linalg.expm(system * h) @ np.append(errors, 1.0))[:order]
    return float(errors[0]) if np.isfinite(errors[0]) else float("inf")


def comparison_matrix(norms: dict[int, float], decay: float, order: int) -> RealArray:
    """Block norms of the continuous system: j mu on the diagonal and j |F_k| at (j, j+k-1)."""
    matrix = np.diag(decay * np.arange(1.0, order + 1))
    for j in range(1, order + 1):
        for k, norm in norms.items():
            if k != 1 and 1 <= j + k - 1 <= order:
                matrix[j - 1, j + k - 2] += j * norm
    return matrix


def liu_bound(field: PolynomialField, order: int, u0: ArrayLike, time: float) -> float:
    """Bound of Liu et al. for quadratic dissipative flows.

    Arguments: field with F_k = 0 for k > 2; order N; u0 (n,); time T.
    Result: |u0| R^N (1 - e^(mu T))^N if F_0 = 0, else T N |F_2| |u0|^(N+1) after rescaling by
    g = 1/sqrt(|u0| r+); infinite when R >= 1, mu(F_1) >= 0 or the degree is above 2. R uses mu(F_1) in place of
    Re(lambda_1): equal for normal F_1, and right for the others.
    Raises: ConfigError when u0 has a wrong shape.
    Source: Corollary 1 and Lemma 1 of Liu et al., arXiv 2011.03185.
    """
    norms, decay, size = _sizes(field, u0)
    pull, drive = norms.get(2, 0.0), norms.get(0, 0.0)
    if field.degree > 2 or decay >= 0.0 or (drive and not size):
        return float("inf")
    ratio = (size * pull + (drive / size if drive else 0.0)) / -decay
    if ratio >= 1.0:
        return float("inf")
    if not drive:
        return float(size * (ratio * -np.expm1(decay * time)) ** order)
    larger_root = (-decay + np.sqrt(decay**2 - 4 * pull * drive)) / (2 * pull) if pull else np.inf
    if not np.isfinite(larger_root):
        return 0.0
    g = 1.0 / np.sqrt(size * larger_root)
    scaled = {k: norm * g ** (1 - k) for k, norm in norms.items()}
    growth = comparison_matrix(scaled, decay, order)
    if np.linalg.eigvalsh(growth + growth.T)[-1] > 0.0:
        return float("inf")
    return float(time * order * scaled[2] * (g * size) ** (order + 1) / g)


def forets_pouly_bound(field: PolynomialField, order: int, u0: ArrayLike, time: float) -> float:
    """Local bound of Forets and Pouly for quadratic flows without source, dissipative or not.

    Arguments: field with F_0 = 0 and F_k = 0 for k > 2; order N; u0 (n,); time T.
    Result: |u0| X (b (X-1))^N / (1 + b - b X), b = |u0||F_2|/|F_1|, X = e^(|F_1| T); infinite from
    T = ln(1 + 1/b)/|F_1| on, and for other fields.
    Raises: ConfigError when u0 has a wrong shape.
    Source: Forets and Pouly, arXiv 1711.02552.
    """
    norms, _, size = _sizes(field, u0)
    linear, pull = norms.get(1, 0.0), norms.get(2, 0.0)
    if field.degree > 2 or norms.get(0, 0.0):
        return float("inf")
    # (X - 1)/|F_1| tends to T as |F_1| vanishes.
    if linear * time > MOST_GROWTH:
        return float("inf")
    grown = np.expm1(linear * time) / linear if linear else time
    ratio = size * pull * grown
    return float(size * np.exp(linear * time) * ratio**order / (1 - ratio)) if ratio < 1.0 else float("inf")


def costa_bound(field: PolynomialField, order: int, u0: ArrayLike, time: float) -> float:
    """Bound of Costa et al. for flows with one nonlinear degree p and no source.

    Arguments: field with F_1 and F_p only, p >= 2; order N; u0 (n,); time T.
    Result: |u0| R^k f_k(|mu| T), R = |u0|^(p-1) |F_p| / |mu(F_1)|, k = ceil(N/(p-1)); f_k is the probability that
    a birth process with rates 1, p, 2p-1, ... has made k jumps; infinite for R >= 1 and for other fields.
    Raises: ConfigError when u0 has a wrong shape.
    Source: Costa et al., arXiv 2312.09518 (p = 2 is Corollary 1 of arXiv 2011.03185).
    """
    norms, decay, size = _sizes(field, u0)
    degrees = [k for k, norm in norms.items() if k != 1 and norm]
    if not degrees:
        return 0.0
    p = degrees[0]
    ratio = size ** (p - 1) * norms[p] / -decay if decay < 0.0 else np.inf
    if len(degrees) > 1 or p < 2 or ratio >= 1.0:
        return float("inf")
    k = -(-order // (p - 1))
    rates = np.append(1.0 + (p - 1) * np.arange(k), 0.0)
    jumps = np.diag(-rates) + np.diag(rates[:-1], 1)
    return float(size * ratio**k * linalg.expm(jumps * -decay * time)[0, k])


FLOW_BOUNDS: dict[str, Callable[[PolynomialField, int, ArrayLike, float], float]] = {
    "Liu et al. 2011.03185": liu_bound,
    "Costa et al. 2312.09518": costa_bound,
    "Forets-Pouly 1711.02552": forets_pouly_bound,
}


def _sizes(field: PolynomialField, u0: ArrayLike) -> tuple[dict[int, float], float, float]:
    return field.norms(), field.log_norm(), float(np.linalg.norm(real_vector(u0, "u0", field.n)))


def _enclose_radii(norms: dict[int, float], decay: float, start: float, h: float) -> RealArray:
    """Upper bounds of |u| over each of GRID steps of the majorant ODE, infinite once none is found."""
    if decay * h > MOST_GROWTH:
        return np.full(GRID, np.inf)
    exp, phi = float(np.exp(decay * h)), float(h if decay == 0 else np.expm1(decay * h) / decay)
    drives: Any = [(k, norm) for k, norm in norms.items() if k != 1]
    radius, enclosures = start, []
    for _ in range(GRID):
        bound, drive, reached = 1.001 * radius + 1e-300, 0.0, np.inf
        while bound < LARGEST:
            drive = sum(norm * bound**k for k, norm in drives)
            reached = max(radius, exp * radius + phi * drive)
            if reached <= bound:
                break
            bound = 1.001 * reached
        if bound >= LARGEST:
            return np.full(GRID, np.inf)
        enclosures.append(bound)
        radius = exp * radius + phi * drive
    return np.array(enclosures)
