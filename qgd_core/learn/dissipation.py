"""Is sparse training dissipative? Spectra, proxy and accuracy along dense training, pruning, sparse steps and re-uploads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from qgd_core.arrays import RealArray
from qgd_core.config import Table
from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.data import Dataset
from qgd_core.learn.enforce import enforce
from qgd_core.learn.evaluate import evaluating
from qgd_core.learn.images import load_cifar100, load_digit_images
from qgd_core.learn.losses import Objective, accuracy
from qgd_core.learn.proxy import Stretch, admissible_stretch, error_proxy, exact_proxy, proxy_sensitivity
from qgd_core.learn.pruning import prune
from qgd_core.learn.resnet import ResNet
from qgd_core.learn.spectrum import Spectrum, hessian_spectrum

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]

_SETTLING = 4  # batches the statistics of batch norms are taken from
_CHUNK = 64  # images whose graph is built at once


class Dissipation(Table):
    """The settings of a dissipation report; the defaults take minutes on a CPU.

    Arguments: cifar100, the user's `cifar-100-python` folder ("" takes the bundled digits); limit, images of each part (0:
    all); depth, width and block of the ResNet; batch, rates, momentum and weight_decay of SGD; density and scorer of the
    pruning; settle, whether batch-norm statistics are taken afresh after it; cycles of `classical_steps` dense steps, a
    pruning, and sparse steps up to `cycle_steps`; a spectrum every `every` steps, and after the sparse steps in `looks`,
    from `samples` images, `probes` and `lanczos_steps`; cutoff of the proxy.
    Result: a frozen table. Raises: pydantic's errors. Source: the recipe of arXiv 2303.03428, scaled down.
    """

    seed: int = Field(default=0, ge=0)
    cifar100: str = ""
    limit: int = Field(default=0, ge=0)
    depth: Count = 8
    width: Count = 1
    block: str = "basic"
    batch: Count = 128
    dense_steps: int = Field(default=60, ge=0)
    dense_rate: Rate = 0.1
    sparse_rate: Rate = 0.01
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=2e-4, ge=0)
    density: float = Field(default=0.1, gt=0, le=1)
    scorer: Literal["magnitude", "random"] = "magnitude"
    settle: bool = True
    cycles: Count = 2
    classical_steps: int = Field(default=10, ge=0)
    cycle_steps: Count = 100
    every: Count = 45
    looks: tuple[Count, ...] = ()
    samples: Count = 128
    probes: Count = 2
    lanczos_steps: Count = 20
    cutoff: float = Field(default=0.4, ge=0)


@dataclass(frozen=True)
class Snapshot:
    """The model at one step: its stage ("dense", "pruned" or "sparse"), active set, spectrum, loss and test accuracy."""

    step: int
    stage: str
    active: ActiveSet
    spectrum: Spectrum
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Upload:
    """What the proxy says after an upload.

    t, the steps since then; proxy, and exact, the one on the Ritz values, without cut-off and smoothing; stretch, of the
    proxy; sensitivity, rows of proxy_sensitivity.
    """

    step: int
    t: RealArray
    proxy: RealArray
    exact: RealArray
    stretch: Stretch
    sensitivity: list[dict[str, Any]]


@dataclass(frozen=True)
class DissipationReport:
    """All that a report shows: settings, snapshots in order of step, uploads, and the history.

    A row of the history is (step, training accuracy, test accuracy, whether the step was dense).
    """

    settings: Dissipation
    snapshots: tuple[Snapshot, ...]
    uploads: tuple[Upload, ...]
    history: tuple[tuple[int, float, float, bool], ...]


def dissipation_report(
    settings: Dissipation | None = None, progress: Callable[[str], None] = lambda text: None
) -> DissipationReport:
    """Train, prune and retrain a residual network, and measure how dissipative it is along the way.

    Arguments: settings (all defaults for None); progress, called with a line of text now and then.
    Result: the report; step 0 is the end of dense training. Spectra carry their own errors; the proxy takes the
    spectrum at the upload as frozen, as the paper does.
    Raises: ConfigError for bad settings or data.
    Source: arXiv 2303.03428, Figs 2 and 3.
    """
    chosen = settings or Dissipation()
    return _Course(chosen, progress).run()


class _Course:
    """One course of training under the settings."""

    def __init__(self, settings: Dissipation, progress: Callable[[str], None]) -> None:
        self.settings = settings
        self.progress = progress
        self.data = _load(settings)
        self.model = ResNet(
            settings.depth, settings.width, settings.block, self.data.outputs, seed=settings.seed
        )
        self.names = [
            name
            for name, weight in self.model.named_parameters()
            if weight.ndim > 1 and not name.startswith("head")
        ]
        self.objective = Objective("cross_entropy", l2=settings.weight_decay)
        self.batches = self._draw_batches()
        self.snapshots: list[Snapshot] = []
        self.uploads: list[Upload] = []
        self.history: list[tuple[int, float, float, bool]] = []
        self.step = -settings.dense_steps

    def run(self) -> DissipationReport:
        """Dense training, then cycles of dense steps, pruning (the upload) and sparse steps."""
        settings = self.settings
        whole = ActiveSet.from_names(self.model)
        self._descend(settings.dense_steps, self._optimizer(settings.dense_rate, whole), whole)
        self._look("dense", whole)
        for cycle in range(settings.cycles):
            self._descend(settings.classical_steps, self._optimizer(settings.sparse_rate, whole), whole)
            active = prune(
                self.model,
                density=settings.density,
                names=self.names,
                scorer=settings.scorer,
                seed=settings.seed + cycle,
            )
            if settings.settle:
                self._settle()
            self._look("pruned", active)
            self._upload()
            last = settings.cycle_steps - settings.classical_steps
            optimizer = self._optimizer(settings.sparse_rate, active)
            stops = {
                stop
                for stop in (*range(settings.every, last, settings.every), *settings.looks, last)
                if 0 < stop <= last
            }
            for before, after in itertools.pairwise((0, *sorted(stops))):
                self._descend(after - before, optimizer, active)
                self._look("sparse", active)
        return DissipationReport(settings, tuple(self.snapshots), tuple(self.uploads), tuple(self.history))

    def _optimizer(self, rate: float, active: ActiveSet) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=rate,
            momentum=self.settings.momentum,
            weight_decay=self.settings.weight_decay,
        )
        enforce(optimizer, self.model, active)
        return optimizer

    @torch.no_grad()
    def _settle(self) -> None:
        """Take the statistics of batch norms from a few training batches: those of the unpruned net no longer hold."""
        norms = [module for module in self.model.modules() if isinstance(module, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain average over the batches
        self.model.train()
        for _ in range(_SETTLING):
            self.model(next(self.batches)[0])
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def _descend(self, steps: int, optimizer: torch.optim.Optimizer, active: ActiveSet) -> None:
        dense = len(active) == sum(weight.numel() for weight in self.model.parameters())
        for _ in range(steps):
            self.model.train()
            optimizer.zero_grad()
            inputs, targets = next(self.batches)
            nn.functional.cross_entropy(self.model(inputs), targets).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            self.step += 1
            if self.step % 10 == 0:
                self._note(dense)

    def _look(self, stage: str, active: ActiveSet) -> None:
        settings = self.settings
        inputs, targets = self.data.train
        part = inputs[: settings.samples], targets[: settings.samples]
        spectrum = hessian_spectrum(
            self.model,
            self.objective,
            list(zip(torch.split(part[0], _CHUNK), torch.split(part[1], _CHUNK), strict=True)),
            active,
            probes=settings.probes,
            steps=settings.lanczos_steps,
            seed=settings.seed,
        )
        with torch.no_grad(), evaluating(self.model):
            loss = float(self.objective(self.model, part))
        shot = Snapshot(self.step, stage, active, spectrum, loss, self._note(stage == "dense"))
        self.snapshots.append(shot)
        self.progress(
            f"step {self.step}, {stage}: accuracy {shot.accuracy:.3f}, negative over positive mass "
            f"{spectrum.mass_ratio:.3f}, lambda {spectrum.lambda_min.value:.3g} to {spectrum.lambda_max.value:.3g}"
        )

    def _upload(self) -> None:
        spectrum, settings = self.snapshots[-1].spectrum, self.settings
        t = np.arange(0.0, settings.cycle_steps + 1)
        reach = max(-spectrum.eigenvalues[0], spectrum.eigenvalues[-1])
        cutoff = settings.cutoff if settings.cutoff < reach else 0.0
        proxy = error_proxy(spectrum.eigenvalues, spectrum.density, settings.sparse_rate, t, cutoff)
        rows = proxy_sensitivity(spectrum, settings.sparse_rate)
        exact = exact_proxy(*spectrum.ritz, settings.sparse_rate, t)
        self.uploads.append(Upload(self.step, t, proxy, exact, admissible_stretch(t, proxy), rows))

    @torch.no_grad()
    def _note(self, dense: bool) -> float:
        """Add a row to the history and return the test accuracy; the training one is of the images of the spectra."""
        inputs, targets = self.data.train
        parts = (inputs[: self.settings.samples], targets[: self.settings.samples]), self.data.test
        with evaluating(self.model):
            training, test = (accuracy(self.model(x), y) for x, y in parts)
        self.history.append((self.step, training, test, dense))
        return test

    def _draw_batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        generator = torch.Generator().manual_seed(self.settings.seed)
        inputs, targets = self.data.train
        while True:
            chosen = torch.randperm(len(inputs), generator=generator)[: self.settings.batch]
            yield inputs[chosen], targets[chosen]


def _load(settings: Dissipation) -> Dataset:
    if settings.classical_steps > settings.cycle_steps:
        raise ConfigError("classical_steps is larger than cycle_steps.", subject="classical_steps")
    limit = settings.limit or None
    return load_cifar100(settings.cifar100, limit) if settings.cifar100 else load_digit_images(limit=limit)
