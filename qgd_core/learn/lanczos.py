"""The Lanczos recurrence with a chosen reorthogonalisation, resumable after any step."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError
from qgd_core.learn.workers import rank

REORTHOGONALISATIONS = ("full", "three-term")
_BREAKDOWN = 1e-10


@dataclass(frozen=True)
class Quadrature:
    """The Gauss quadrature of the spectral measure of one start vector.

    Arguments: nodes, Ritz values, ascending; weights, their masses, summing to 1; residuals, the norm of H y - theta y for
    each Ritz pair, all float64 of shape (m,).
    Result: within `residuals[i]` of `nodes[i]` lies an eigenvalue; moments up to 2 m - 1 are exact in exact arithmetic.
    Raises: nothing.
    Source: Golub and Welsch (1969); Ghorbani, Krishnan, Xiao, arXiv 1901.10159, section 2.
    """

    nodes: RealArray
    weights: RealArray
    residuals: RealArray


def run_lanczos(
    product: Callable[[Tensor], Tensor],
    start: Tensor,
    steps: int,
    reorthogonalise: str = "full",
    store: torch.dtype = torch.float64,
    journal: Journal | None = None,
    after: Callable[[int], None] = lambda step: None,
) -> Quadrature:
    """Run m Lanczos steps from `start`, one product each, and return the Gauss quadrature.

    Arguments: product, a symmetric map of float64 tensors (n,); start (n,), not zero; steps m; reorthogonalise, "full"
    (m n stored numbers) or "three-term" (3 n; extremes come back as copies once they converge); store, dtype of the
    basis, all sums being float64; journal, where to keep and find finished steps; after, called with each step done.
    Result: the quadrature, with fewer nodes when the Krylov space is exhausted.
    Raises: ConfigError for an unknown reorthogonalisation or steps < 1.
    Source: Paige (1972); Golub and Van Loan, Matrix Computations, section 10.1.
    """
    if reorthogonalise not in REORTHOGONALISATIONS:
        raise ConfigError(
            f"There is no reorthogonalisation {reorthogonalise!r}.",
            subject="reorthogonalise",
            remedy=f"Choose one of {', '.join(REORTHOGONALISATIONS)}.",
        )
    if steps < 1:
        raise ConfigError(f"steps is {steps}, below 1.", subject="steps", value=steps)
    kept = None if reorthogonalise == "full" else 2
    basis, alphas, betas = journal.read(start.device) if journal else ([], [], [])
    if not basis:
        basis = [(start / start.norm()).to(store)]
    while len(alphas) < min(steps, len(start)) and (not betas or betas[-1] > 0):
        newest = basis[-1].double()
        w = product(newest)
        alpha = float(newest @ w)
        w -= alpha * newest
        if len(basis) > 1:
            w -= betas[-1] * basis[-2].double()
        for _ in range(2 if kept is None else 0):
            for vector in basis:
                wide = vector.double()
                w.add_(wide, alpha=-float(wide @ w))
        beta = float(w.norm())
        scale = max(map(abs, [*alphas, *betas, alpha, beta]))
        alphas.append(alpha)
        betas.append(beta if beta > _BREAKDOWN * scale else 0.0)
        if betas[-1]:
            basis = [*basis, (w / beta).to(store)][-kept if kept else 0 :]
        if journal:
            journal.write(len(alphas), basis, alphas, betas, kept)
        after(len(alphas))
    alphas, betas = alphas[:steps], betas[:steps]
    pair = eigh_tridiagonal(np.array(alphas), np.array(betas[:-1]))
    nodes, vectors = (np.asarray(part, dtype=np.float64) for part in pair)
    return Quadrature(nodes, vectors[0] ** 2, np.abs(betas[-1] * vectors[-1]))


class Journal:
    """Finished Lanczos steps on disk: one file for each basis vector, and the recurrence so far.

    Arguments: folder, made if missing, seen by all workers (the first one writes); settings, what the run depends on
    (JSON values).
    Result: `read` gives (basis, alphas, betas) as far as they were written, `write` adds a step; each file is replaced
    as a whole, so an interrupted run loses one step.
    Raises: ConfigError when the folder holds a run with other settings.
    Source: none.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, device: torch.device) -> tuple[list[Tensor], list[float], list[float]]:
        """Return the basis vectors still kept, and all coefficients, of the finished steps."""
        log = self.folder / "steps.json"
        if not log.exists():
            for stray in [] if rank() else self.folder.glob("vector*"):
                stray.unlink(missing_ok=True)
            return [], [], []
        state = json.loads(log.read_text())
        if state["settings"] != self.settings:
            raise ConfigError(
                f"{self.folder} holds the checkpoint of another run.",
                subject=str(self.folder),
                remedy="Use the settings it was started with, or another folder.",
            )
        basis = [torch.load(self._file(i), map_location=device) for i in range(state["first"], state["last"])]
        return basis, state["alphas"], state["betas"]

    def write(
        self, step: int, basis: list[Tensor], alphas: list[float], betas: list[float], kept: int | None
    ) -> None:
        """Keep the vectors that are not on disk yet, then the coefficients, then drop vectors not needed."""
        if rank():
            return
        last = step + (1 if betas[-1] else 0)
        first = last - len(basis)
        for i, vector in zip(range(first, last), basis, strict=True):
            if not self._file(i).exists():
                part = self._file(i).with_suffix(".part")
                torch.save(vector.clone(), part)
                part.replace(self._file(i))
        state = {"settings": self.settings, "first": first, "last": last, "alphas": alphas, "betas": betas}
        part = self.folder / "steps.part"
        part.write_text(json.dumps(state))
        part.replace(self.folder / "steps.json")
        for i in range(first):
            self._file(i).unlink(missing_ok=True)

    def _file(self, i: int) -> Path:
        return self.folder / f"vector{i}.pt"
