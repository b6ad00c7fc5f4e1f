"""The classical iteration that a window stands for: gradient descent with torch.optim.SGD's rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.updates import precondition
from qgd_core.learn.centre import find_centre
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import Loss, StepLosses, as_steps


@dataclass(frozen=True)
class Descent:
    """All iterates, shape (steps + 1, n), and the momentum at the end, shape (n,), minus torch's buffer."""

    path: RealArray
    velocity: RealArray

    @property
    def end(self) -> RealArray:
        """The last iterate."""
        return np.asarray(self.path[-1])


def descend(
    loss: Loss | StepLosses, start: RealArray, settings: Settings, velocity: RealArray | None = None
) -> Descent:
    """Take the steps of a window one by one, on the true loss.

    Arguments: loss, of all steps or one a step; start, active weights (n,); settings, of which the rule of the steps
    is used; velocity, the momentum (n,) at the start, zero by default.
    Result: the iterates and the momentum after them, exact to rounding. With a preconditioner, it is the one of the
    window that starts here: of the Hessian at the centre that settings.newton_steps lead to.
    Raises: as the loss, and NotDissipative where the centre's Hessians are not definite.
    Source: torch.optim.SGD, dampening 0.
    """
    losses = as_steps(loss, settings.weight_decay)
    matrix = np.eye(start.size)
    if settings.preconditioner is not None:
        centre = find_centre(losses, start, settings.newton_steps).point
        hessian = losses.derivative(centre, 2)
        matrix = precondition(PolynomialField({1: -hessian}), settings.preconditioner).matrix
    moving = np.zeros(start.size) if velocity is None else np.array(velocity)
    path = [np.array(start)]
    for t, rate in enumerate(settings.rates):
        pull = -matrix @ losses.gradient_at_step(t, path[-1])
        moving = settings.momentum * moving + pull
        path.append(path[-1] + rate * (pull + settings.momentum * moving if settings.nesterov else moving))
    return Descent(np.array(path), moving)
