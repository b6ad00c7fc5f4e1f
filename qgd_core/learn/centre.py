"""The expansion centre of a window: a few Newton steps from the current weights, and what they cost."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.errors import NotDissipative
from qgd_core.learn.step_losses import Loss


@dataclass(frozen=True)
class Centre:
    """The expansion point, and what finding it cost classically.

    kind, "start", "newton" or "fixed point"; gradients and hessians of the loss (with minibatches, of the mean of a
    window's); solves, of n equations with the model alone; preconditioner_cost, multiplications.
    """

    point: RealArray
    newton_steps: int
    gradients: int
    hessians: int
    seconds: float
    kind: str = "newton"
    solves: int = 0
    preconditioner_cost: float = 0.0


def find_centre(loss: Loss, start: RealArray, newton_steps: int) -> Centre:
    """Take Newton steps from the current weights, the classical price of a good expansion point.

    Arguments: loss; start, active weights (n,); newton_steps >= 0.
    Result: the centre with the gradients and Hessians it took.
    Raises: NotDissipative when a Hessian on the way is singular or indefinite.
    Source: the moving pivot of arXiv:2605.20071, chosen by Newton's method.
    """
    began = time.perf_counter()
    point = np.array(start)
    for _ in range(newton_steps):
        hessian = loss.derivative(point, 2)
        check_definite(hessian)
        point = point - np.linalg.solve(hessian, loss.derivative(point, 1))
    kind = "newton" if newton_steps else "start"
    return Centre(point, newton_steps, newton_steps, newton_steps, time.perf_counter() - began, kind)


def check_definite(hessian: RealArray) -> None:
    """Raise NotDissipative unless the Hessian at the centre is positive definite."""
    lowest = float(np.linalg.eigvalsh(hessian)[0])
    if not lowest > 0.0:
        raise NotDissipative(
            f"The Hessian at the expansion centre is singular or indefinite: its least eigenvalue is {lowest:.2e}.",
            value=lowest,
            remedy="Add L2 regularisation, or descend classically first.",
        )
