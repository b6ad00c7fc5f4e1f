"""The paper's error proxy: how far the modes of a spectrum grow under gradient descent, and how long that is admissible."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray, real_vector
from qgd_core.errors import ConfigError
from qgd_core.learn.spectrum import Spectrum


def error_proxy(
    eigenvalues: ArrayLike,
    density: ArrayLike,
    eta: float,
    t: ArrayLike,
    cutoff: float = 0.4,
    momentum: float = 0.0,
) -> RealArray:
    """Return the mean growth of the modes outside a cut-off after t steps of gradient descent, scaled to 1 at t = 0.

    Arguments: eigenvalues, ascending grid (m,) of Hessian eigenvalues; density on it, of any scale; eta > 0, the learning
    rate; t, numbers of steps, of any shape; cutoff, modes with |eigenvalue| below it are left out; momentum, beta of
    heavy-ball descent starting at rest (0 <= beta < 1; whole steps only).
    Result: (1 / Nc) of the integral of density |(1 + a)^t| with a = -eta eigenvalue, shaped like t. Exact for the
    piecewise-linear density up to the trapezoid rule on the grid, cut exactly at the cut-off.
    Raises: ConfigError for mismatched or unsorted arrays, eta <= 0, a negative cut-off, momentum outside [0, 1), steps that
    are negative (or not whole, with momentum), or no density outside the cut-off.
    Source: arXiv 2303.03428, Eq 7-8; the sign, the raw cut-off and the frozen density as its figure shows.
    """
    grid = real_vector(eigenvalues, "eigenvalues")
    heights = real_vector(density, "density", len(grid))
    if len(grid) < 2 or not (np.diff(grid) > 0).all():
        raise ConfigError(
            "eigenvalues are not an ascending grid.", subject="eigenvalues", remedy="Sort them."
        )
    if cutoff < 0:
        raise ConfigError(f"cutoff is {cutoff}, below 0.", subject="cutoff", value=cutoff)
    nodes, masses = [], []
    for low, high in ((-np.inf, -cutoff), (cutoff, np.inf)):
        edges = [edge for edge in (low, high) if grid[0] < edge < grid[-1]]
        points = np.union1d(grid[(grid >= low) & (grid <= high)], edges)
        if len(points) > 1:
            gaps = np.diff(points)
            spans = (np.append(gaps, 0) + np.insert(gaps, 0, 0)) / 2
            nodes.append(points)
            masses.append(np.interp(points, grid, heights) * spans)
    if not nodes:
        raise ConfigError(
            f"No eigenvalue lies outside the cut-off {cutoff}.",
            subject="cutoff",
            value=cutoff,
            remedy="Lower the cut-off, or use exact_proxy.",
        )
    return exact_proxy(np.concatenate(nodes), np.concatenate(masses), eta, t, momentum)


def exact_proxy(
    eigenvalues: ArrayLike, weights: ArrayLike, eta: float, t: ArrayLike, momentum: float = 0.0
) -> RealArray:
    """Return the mean growth of discrete modes after t steps, with no cut-off and no smoothing.

    Arguments: eigenvalues (m,), exact ones or Ritz values; weights (m,), their multiplicities or quadrature weights; eta, t
    and momentum as in error_proxy.
    Result: sum of weights |growth(t)| over the sum of weights, shaped like t, exact to rounding (infinite on overflow).
    Raises: ConfigError as error_proxy.
    Source: arXiv 2303.03428, Eq 7, summed over the modes themselves.
    """
    modes = real_vector(eigenvalues, "eigenvalues")
    masses = real_vector(weights, "weights", len(modes))
    steps = np.asarray(t, dtype=np.float64)
    if eta <= 0:
        raise ConfigError(f"eta is {eta}, not above 0.", subject="eta", value=eta)
    if not 0 <= momentum < 1:
        raise ConfigError(f"momentum is {momentum}, outside [0, 1).", subject="momentum", value=momentum)
    if steps.size and not (steps >= 0).all():
        raise ConfigError(f"t has {steps.min()}, below 0.", subject="t", value=float(steps.min()))
    whole = masses.sum()
    if not whole > 0:
        raise ConfigError("The weights sum to zero.", subject="weights", value=float(whole))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        growth = (
            _heavy_ball(modes, eta, momentum, steps.ravel())
            if momentum
            else _powers(modes, eta, steps.ravel())
        )
        total = growth @ (masses / whole)
    return np.asarray(total, dtype=np.float64).reshape(steps.shape)


def _powers(modes: RealArray, eta: float, steps: RealArray) -> RealArray:
    return np.asarray(np.abs(1 - eta * modes) ** steps[:, None], dtype=np.float64)


def _heavy_ball(modes: RealArray, eta: float, momentum: float, steps: RealArray) -> RealArray:
    """|u_t| / |u_0| for u_(t+1) = u_t - eta lambda u_t + beta (u_t - u_(t-1)), u_(-1) = u_0, row by row in t."""
    if (steps != np.floor(steps)).any():
        raise ConfigError("With momentum the steps t must be whole.", subject="t", remedy="Round them.")
    growth = np.empty((len(steps), len(modes)))
    now = before = np.ones(len(modes))
    for step in range(int(steps.max(initial=0)) + 1):
        growth[steps == step] = np.abs(now)
        now, before = now - eta * modes * now + momentum * (now - before), now
    return growth


@dataclass(frozen=True)
class Stretch:
    """The stretch of steps on which the proxy stays below 1, the paper's "possible speed-up".

    Arguments: start, the step where the proxy first falls below 1; end, where it comes back to 1, interpolated (infinite
    if it does not within the steps given; equal to start if it never falls below); best, the step of its minimum; lowest,
    the minimum.
    Result: `window`, the length recommended for a run between two uploads: the whole steps before `end`.
    Raises: nothing.
    Source: arXiv 2303.03428, Fig 2b.
    """

    start: float
    end: float
    best: float
    lowest: float

    @property
    def window(self) -> float:
        """The number of whole steps from upload to the first crossing of 1; infinite when there is none."""
        return float(np.floor(self.end))


def admissible_stretch(t: ArrayLike, proxy: ArrayLike) -> Stretch:
    """Find where a proxy is below 1, for steps t ascending from an upload.

    Arguments: t (m,) ascending; proxy (m,), 1 at the upload.
    Result: the Stretch, its end exact for a piecewise-linear proxy.
    Raises: ConfigError for mismatched arrays.
    Source: arXiv 2303.03428, Fig 2b.
    """
    steps = real_vector(t, "t")
    values = np.asarray(proxy, dtype=np.float64)
    if values.shape != steps.shape or not len(steps):
        raise ConfigError(f"proxy has shape {values.shape}, t {steps.shape}.", subject="proxy")
    below = np.flatnonzero(values < 1)
    best = int(np.argmin(values))
    if not len(below):
        return Stretch(float(steps[0]), float(steps[0]), float(steps[best]), float(values[best]))
    first = int(below[0])
    after = np.flatnonzero(values[first:] >= 1)
    end = np.inf
    if len(after):
        i = first + int(after[0])
        part = (1 - values[i - 1]) / (values[i] - values[i - 1])
        end = steps[i - 1] + part * (steps[i] - steps[i - 1])
    return Stretch(float(steps[max(first - 1, 0)]), float(end), float(steps[best]), float(values[best]))


def proxy_sensitivity(
    spectrum: Spectrum,
    eta: float,
    steps: int = 1000,
    cutoffs: Iterable[float] = (0.2, 0.3, 0.4, 0.6, 1.0),
    factors: Iterable[float] = (0.5, 1.0, 2.0),
    momenta: Iterable[float] = (0.0, 0.9),
) -> list[dict[str, Any]]:
    """Tabulate the window against the cut-off, the learning rate, the momentum and the probes.

    Arguments: spectrum; eta, the learning rate; steps, how far to look; cutoffs, factors of eta, and momenta to try. The
    cut-off None is the exact proxy on the Ritz values.
    Result: rows with cutoff, eta, momentum, window and best, and the smallest and largest window over single probes.
    Windows that do not end within `steps` are infinite; a cut-off beyond the spectrum gives no row.
    Raises: ConfigError for bad values.
    Source: arXiv 2303.03428, Eq 7-8, whose figure fixes all three.
    """
    t = np.arange(steps + 1)
    single = [Spectrum((probe,), spectrum.size, spectrum.points) for probe in spectrum.probes]
    reach = float(np.abs(spectrum.eigenvalues).max())
    rows = []
    for cutoff, factor, momentum in itertools.product((None, *cutoffs), factors, momenta):
        if cutoff is not None and cutoff >= reach:
            continue
        stretches = [_stretch(one, eta * factor, t, cutoff, momentum) for one in (spectrum, *single)]
        windows = [stretch.window for stretch in stretches[1:]]
        rows.append(
            {
                "cutoff": cutoff,
                "eta": eta * factor,
                "momentum": momentum,
                "window": stretches[0].window,
                "best": stretches[0].best,
                "window_min": min(windows),
                "window_max": max(windows),
            }
        )
    return rows


def _stretch(spectrum: Spectrum, eta: float, t: ArrayLike, cutoff: float | None, momentum: float) -> Stretch:
    if cutoff is not None:
        lowest, highest = spectrum.eigenvalues[0], spectrum.eigenvalues[-1]
        if max(-lowest, highest) <= cutoff:
            return Stretch(0.0, 0.0, 0.0, 1.0)
        return admissible_stretch(
            t, error_proxy(spectrum.eigenvalues, spectrum.density, eta, t, cutoff, momentum)
        )
    return admissible_stretch(t, exact_proxy(*spectrum.ritz, eta, t, momentum))
