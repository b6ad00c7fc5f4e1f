"""The Lanczos recurrence with a chosen reorthogonalisation, resumable after any step."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    settle: float = math.inf,
    most: int = 0,
) -> Quadrature:
    """Run m Lanczos steps from `start`, one product each, and return the Gauss quadrature.

    Arguments: product, a symmetric map of float64 tensors (n,); start (n,), not zero; steps m; reorthogonalise, "full"
    (m n stored numbers) or "three-term" (3 n; extremes come back as copies once they converge); store, dtype of the
    basis, coefficients being float64; journal, where to keep and find finished steps; after, called with each step done;
    settle, go on past m, up to `most` steps, until the residuals of both extremes are below this share of them.
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
    goal = steps if math.isinf(settle) else max(steps, most)
    count = min(goal, len(start))
    room = count + 1 if reorthogonalise == "full" else 2
    basis = torch.empty((room, len(start)), dtype=store, device=start.device)  # vector k is row k modulo room
    alphas, betas = journal.read(basis) if journal else ([], [])
    if not alphas:
        basis[0] = start / start.norm()
    newest, other = torch.empty_like(start), torch.empty_like(start)  # large vectors are slow to make anew
    while len(alphas) < count and (not betas or betas[-1] > 0):
        k = len(alphas)
        if k >= steps and _settled(_solve(alphas, betas), settle):
            break
        w = product(newest.copy_(basis[k % room]))
        alphas.append(float(newest @ w))
        w.sub_(newest, alpha=alphas[-1])
        if k:
            w.sub_(other.copy_(basis[(k - 1) % room]), alpha=betas[-1])
        if reorthogonalise == "full":
            known = basis[: k + 1]
            w.sub_(other.copy_(known.T @ (known @ w.to(store))))
        beta = float(w.norm())
        betas.append(beta if beta > _BREAKDOWN * max(map(abs, [*alphas, *betas, beta])) else 0.0)
        if betas[-1]:
            basis[(k + 1) % room] = w.div_(beta)
        if journal:
            journal.write(basis, alphas, betas)
        after(k + 1)
    return _solve(alphas[:goal], betas[:goal])


def _solve(alphas: list[float], betas: list[float]) -> Quadrature:
    """Return the quadrature of a recurrence: m coefficients alpha, and m beta of which the last leads out of the space."""
    pair = eigh_tridiagonal(np.array(alphas), np.array(betas[:-1]))
    nodes, vectors = (np.asarray(part, dtype=np.float64) for part in pair)
    return Quadrature(nodes, vectors[0] ** 2, np.abs(betas[-1] * vectors[-1]))


def _settled(found: Quadrature, share: float) -> bool:
    return all(found.residuals[end] <= share * abs(found.nodes[end]) for end in (0, -1))


class Journal:
    """Finished Lanczos steps on disk: one file for each basis vector, and the recurrence so far.

    Arguments: folder, made if missing, seen by all workers (the first one writes); settings, what the run depends on
    (JSON values).
    Result: `read` fills the basis and gives the coefficients as far as they were written, `write` adds a step; each file is
    replaced as a whole, so an interrupted run loses one step.
    Raises: ConfigError when the folder holds a run with other settings.
    Source: none.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, basis: Tensor) -> tuple[list[float], list[float]]:
        """Return the coefficients of the finished steps; vector k goes to row k modulo the length of `basis`."""
        log = self.folder / "steps.json"
        if not log.exists():
            for stray in [] if rank() else self.folder.glob("vector*"):
                stray.unlink(missing_ok=True)
            return [], []
        state = json.loads(log.read_text())
        if state["settings"] != self.settings:
            raise ConfigError(
                f"{self.folder} holds the checkpoint of another run.",
                subject=str(self.folder),
                remedy="Use the settings it was started with, or another folder.",
            )
        done = len(state["alphas"])
        for k in range(max(0, done + 1 - len(basis)), done + 1):
            if self._file(k).exists():
                basis[k % len(basis)] = torch.load(self._file(k), map_location=basis.device)
        return state["alphas"], state["betas"]

    def write(self, basis: Tensor, alphas: list[float], betas: list[float]) -> None:
        """Keep the newest vector, then the coefficients, then drop the vector no longer needed."""
        if rank():
            return
        done = len(alphas)
        for k in {done - 1, done} if done == 1 else {done}:
            with self._replacing(self._file(k)) as part:
                torch.save(basis[k % len(basis)].clone(), part)
        with self._replacing(self.folder / "steps.json") as part:
            part.write_text(json.dumps({"settings": self.settings, "alphas": alphas, "betas": betas}))
        self._file(done - len(basis)).unlink(missing_ok=True)

    @staticmethod
    @contextmanager
    def _replacing(path: Path) -> Iterator[Path]:
        part = path.with_suffix(".part")
        yield part
        part.replace(path)

    def _file(self, i: int) -> Path:
        return self.folder / f"vector{i}.pt"
