"""The spectral density of a Hessian on the active weights, with what is read off it and the error of each number."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.curvature import HessianOperator
from qgd_core.learn.lanczos import Journal, Quadrature, run_lanczos


class Estimate(NamedTuple):
    """A number and its error bar, one standard deviation unless said otherwise; infinite where one probe cannot tell."""

    value: float
    error: float


@dataclass(frozen=True)
class Spectrum:
    """A stochastic Lanczos estimate of the eigenvalues of an n x n Hessian.

    Arguments: probes, the Gauss quadrature of each random probe; size n; kappa, margin and points, of the smoothed density.
    Result: `eigenvalues` and `density`, arrays (points,), the density integrating to 1; estimates with errors over probes
    (Student's 68% interval, so few probes give honestly wide bars).
    Raises: nothing.
    Source: stochastic Lanczos quadrature, arXiv 1901.10159; density settings as in arXiv 2303.03428.
    """

    probes: tuple[Quadrature, ...]
    size: int
    points: int = 256
    kappa: float = 1.25
    margin: float = 0.05

    @cached_property
    def eigenvalues(self) -> RealArray:
        """The grid of the density: the Ritz range with `margin` of it on either side."""
        low, high = self.lambda_min.value, self.lambda_max.value
        room = self.margin * (high - low) or 1.0
        return np.linspace(low - room, high + room, self.points)

    @property
    def ritz(self) -> tuple[RealArray, RealArray]:
        """The Ritz values of all probes and their weights, which sum to 1: the spectrum without smoothing."""
        weights = np.concatenate([probe.weights for probe in self.probes])
        return np.concatenate([probe.nodes for probe in self.probes]), weights / len(self.probes)

    @property
    def width(self) -> float:
        """The standard deviation of the smoothing kernel: 2 / ((m - 1) sqrt(8 ln kappa)) of half the grid's range."""
        steps = min(len(probe.nodes) for probe in self.probes)
        half = (self.eigenvalues[-1] - self.eigenvalues[0]) / 2
        return float(2 * half / (max(steps - 1, 1) * np.sqrt(8 * np.log(self.kappa))))

    @cached_property
    def density(self) -> RealArray:
        """The smoothed density on the grid, averaged over probes, scaled to integrate to 1 there."""
        return self.smooth(self.eigenvalues, self.width)

    def smooth(self, grid: RealArray, width: float) -> RealArray:
        """Return the density on `grid` (ascending) with a Gaussian kernel of standard deviation `width`."""
        total = np.zeros(len(grid))
        for probe in self.probes:
            kernel = np.exp(-(((grid[:, None] - probe.nodes) / width) ** 2) / 2)
            total += kernel @ probe.weights
        scale = np.trapezoid(total, grid)
        return np.asarray(total / scale if scale else total, dtype=np.float64)

    @property
    def lambda_min(self) -> Estimate:
        """The smallest Ritz value; an eigenvalue lies within the error."""
        return self._extreme(0)

    @property
    def lambda_max(self) -> Estimate:
        """The largest Ritz value; an eigenvalue lies within the error."""
        return self._extreme(-1)

    @property
    def trace(self) -> Estimate:
        """The trace of the Hessian."""
        mean = self.moment(1)
        return Estimate(self.size * mean.value, self.size * mean.error)

    def moment(self, power: int) -> Estimate:
        """Return the mean of lambda^power over the n eigenvalues."""
        return self.mean(lambda nodes: nodes**power)

    def count_below(self, threshold: float) -> Estimate:
        """Return the number of eigenvalues below `threshold`.

        Arguments: threshold. Result: the count; the error adds to the probes' bar the mass of the Ritz values next to the
        threshold, the most by which a quadrature can misplace it: near zero that is most of n, and means it.
        Raises: nothing. Source: the Chebyshev-Markov-Stieltjes inequalities.
        """
        mean = self.mean(lambda nodes: (nodes < threshold).astype(np.float64))
        beside = 0.0
        for probe in self.probes:
            split = int(np.searchsorted(probe.nodes, threshold))
            beside += float(probe.weights[max(split - 1, 0) : split + 1].max()) / len(self.probes)
        return Estimate(self.size * mean.value, self.size * (mean.error + beside))

    @property
    def negative_mass(self) -> Estimate:
        """The trace-weighted negative fraction, sum of |lambda| over lambda < 0 over the sum of |lambda|."""
        negative = np.array([np.sum(probe.weights * np.maximum(-probe.nodes, 0)) for probe in self.probes])
        whole = np.array([np.sum(probe.weights * np.abs(probe.nodes)) for probe in self.probes])
        if not whole.sum():
            return Estimate(0.0, 0.0)
        value = negative.sum() / whole.sum()
        return Estimate(float(value), _bar((negative - value * whole) / whole.mean()))

    @property
    def mass_ratio(self) -> float:
        """Negative over positive mass."""
        fraction = self.negative_mass.value
        return fraction / (1 - fraction) if fraction < 1 else float("inf")

    def mean(self, function: Callable[[RealArray], RealArray]) -> Estimate:
        """Return the mean of `function(lambda)` over the eigenvalues."""
        values = np.array([np.sum(probe.weights * function(probe.nodes)) for probe in self.probes])
        return Estimate(float(values.mean()), _bar(values))

    def _extreme(self, end: int) -> Estimate:
        sign = -1 if end else 1
        best = min(self.probes, key=lambda probe: sign * probe.nodes[end])
        return Estimate(float(best.nodes[end]), float(best.residuals[end]))


def hessian_spectrum(
    model: nn.Module,
    loss: Any,
    data: Any,
    active: ActiveSet | None = None,
    *,
    probes: int = 3,
    steps: int = 32,
    seed: int = 0,
    reorthogonalise: str = "full",
    settle: float = math.inf,
    most: int = 256,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    graph_limit: float = 4e9,
    checkpoint: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
    points: int = 256,
    kappa: float = 1.25,
    margin: float = 0.05,
) -> Spectrum:
    """Estimate the spectrum of the Hessian of the mean loss, on the active weights of a model.

    Arguments: model, loss, data, active, dtype, device and graph_limit as in HessianOperator (under torchrun each worker
    takes its share of the batches); probes, random +-1 vectors; steps, Lanczos steps of each; seed; reorthogonalise,
    "full" or "three-term"; settle, relative error bar of both extremes for which the last probe goes on, up to `most` steps;
    checkpoint, a folder to resume from; progress, called with (products done, products in all).
    Result: a Spectrum. Errors: over probes as reported there; the bias of m steps on |lambda| falls about as 1 / m of the
    spectral range; rounding of dtype (bfloat16: a few percent, and signs near zero mean nothing).
    Raises: ConfigError for probes < 1, steps < 1, NaN or no data, a foreign checkpoint; UnsupportedOperation for a model or
    loss that is not twice differentiable.
    Source: arXiv 1901.10159; restricted to active coordinates as arXiv 2303.03428 needs it.
    """
    operator = HessianOperator(model, loss, data, active, dtype=dtype, device=device, graph_limit=graph_limit)
    narrow = operator.dtype in (torch.bfloat16, torch.float16)
    if narrow:
        warnings.warn(
            f"{operator.dtype} gives products to a few percent: trust the extremes, not the negative mass or counts.",
            UserWarning,
            stacklevel=2,
        )
    found = run_probes(
        operator,
        torch.zeros(len(operator), dtype=torch.float32 if narrow else operator.dtype, device=operator.device),
        probes=probes,
        steps=steps,
        seed=seed,
        reorthogonalise=reorthogonalise,
        settle=settle,
        most=most,
        checkpoint=checkpoint,
        progress=progress,
    )
    return Spectrum(found, len(operator), points, kappa, margin)


def run_probes(
    product: Callable[[Tensor], Tensor],
    like: Tensor,
    *,
    probes: int,
    steps: int,
    seed: int = 0,
    reorthogonalise: str = "full",
    settle: float = math.inf,
    most: int = 256,
    checkpoint: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Quadrature, ...]:
    """Return the Lanczos quadratures of several random +-1 vectors for any symmetric map.

    Arguments: product, a symmetric map of float64 tensors (n,); like, a tensor (n,) with the dtype that basis vectors are
    stored in and the device; the others as in hessian_spectrum.
    Result: one Quadrature a probe; their mean estimates the spectral measure without bias up to moment 2 steps - 1.
    Raises: ConfigError for probes < 1, steps < 1 or a foreign checkpoint.
    Source: Hutchinson (1989); stochastic Lanczos quadrature, arXiv 1901.10159.
    """
    if probes < 1:
        raise ConfigError(f"probes is {probes}, below 1.", subject="probes", value=probes)
    found = []
    for probe in range(probes):
        start = _draw(len(like), seed, probe).to(like.device)
        settings = {
            "n": len(like),
            "seed": seed,
            "reorthogonalise": reorthogonalise,
            "dtype": str(like.dtype),
        }
        journal = None if checkpoint is None else Journal(Path(checkpoint) / f"probe{probe}", settings)
        after = _report(progress, probe * steps, probes * steps)
        share = settle if probe == probes - 1 else math.inf
        found.append(
            run_lanczos(product, start, steps, reorthogonalise, like.dtype, journal, after, share, most)
        )
    return tuple(found)


def _draw(size: int, seed: int, probe: int) -> Tensor:
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, probe]).generate_state(1)[0]))
    return torch.randint(0, 2, (size,), generator=generator).double() * 2 - 1


def _report(progress: Callable[[int, int], None] | None, before: int, total: int) -> Callable[[int], None]:
    return lambda step: progress(before + step, max(before + step, total)) if progress else None


def _bar(values: RealArray) -> float:
    """Return half the 68% Student interval of the mean of `values`."""
    count = len(values)
    if count < 2:
        return float("inf")
    return float(stats.t.ppf(0.8413, count - 1) * values.std(ddof=1) / np.sqrt(count))
