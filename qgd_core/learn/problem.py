"""The learning problem of a configuration: data, model and objective, fitted densely and pruned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from qgd_core.config import Config
from qgd_core.errors import ConfigError, NotDissipative, nearest
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.closure import ClosureLoss
from qgd_core.learn.data import DATASETS, Dataset, load
from qgd_core.learn.losses import Objective, accuracy
from qgd_core.learn.models import logistic
from qgd_core.learn.pruning import prune

_FIT_STEPS = 2000
_FITTED = 1e-6
# Least Hessian eigenvalue over the largest, below which a problem counts as singular.
_SINGULAR = 1e-8
_CHECKED = 512


@dataclass(frozen=True)
class Kind:
    """One row of the table of models: the targets it learns and the loss that goes with each."""

    losses: dict[str, str]
    build: Callable[[int, int], nn.Module]


KINDS: dict[str, Kind] = {
    "logistic": Kind({"binary": "logistic", "classes": "cross_entropy"}, logistic),
    "linear": Kind({"real": "squares"}, logistic),
}


@dataclass(frozen=True)
class Problem:
    """A model with its data and objective."""

    data: Dataset
    model: nn.Module
    objective: Objective

    def closure(self) -> Tensor:
        """The training loss, for an optimizer."""
        return self.objective(self.model, self.data.train)

    @torch.no_grad()
    def score(self) -> dict[str, float]:
        """Training loss and test accuracy of the model as it is."""
        inputs, targets = self.data.test
        return {"loss": float(self.closure()), "accuracy": accuracy(self.model(inputs), targets)}


def build_problem(config: Config) -> Problem:
    """Load the data and make the model with weights zero.

    Arguments: config.
    Result: the problem, the same for the same configuration.
    Raises: ConfigError for an unknown data set or model, or a model that does not fit the data set's targets.
    Source: none.
    """
    if config.model.kind not in KINDS:
        raise ConfigError(
            f"There is no model {config.model.kind!r}.",
            subject="kind",
            remedy=nearest(config.model.kind, KINDS),
        )
    data = load(config.data.name, config.data.test_fraction, config.data.standardise, config.seed)
    kind, target = KINDS[config.model.kind], DATASETS[data.name]
    if target not in kind.losses:
        fitting = [name for name, row in KINDS.items() if target in row.losses]
        raise ConfigError(
            f"A {config.model.kind} model does not fit {data.name}, whose targets are {target}.",
            subject=data.name,
            remedy=f"Set model.kind to {' or '.join(fitting)}.",
        )
    model = kind.build(data.x_train.shape[1], data.outputs)
    return Problem(data, model, Objective(kind.losses[target], config.model.l2))


def fit_dense(problem: Problem) -> None:
    """Train every weight to the minimum, classically, by L-BFGS.

    Arguments: problem, whose model is changed in place.
    Result: none; the gradient's norm is below 1e-6 and, for up to 512 weights, the Hessian is checked definite.
    Raises: NotDissipative when the minimum is not reached, or its Hessian is indefinite or singular to 1e-8.
    Source: torch.optim.LBFGS with a strong Wolfe line search.
    """
    parameters = list(problem.model.parameters())
    fit = torch.optim.LBFGS(
        parameters,
        max_iter=_FIT_STEPS,
        history_size=50,
        tolerance_grad=1e-3 * _FITTED,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        fit.zero_grad()
        loss = problem.closure()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    fit.step(closure)  # type: ignore[no-untyped-call]
    closure()
    slope = float(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).norm())
    fit.zero_grad()
    if not slope < _FITTED:
        raise NotDissipative(
            f"The dense fit found no minimum: after {_FIT_STEPS} L-BFGS steps the gradient's norm is {slope:.1e}.",
            value=slope,
            remedy="Raise model.l2: without it the problem is singular or unbounded.",
        )
    if sum(p.numel() for p in parameters) <= _CHECKED:
        _check_minimum(problem)


def prune_weights(problem: Problem, keep: int) -> ActiveSet:
    """Keep the `keep` largest weights, zero the rest; raises ConfigError when the model has fewer."""
    return prune(problem.model, keep=keep)


def _check_minimum(problem: Problem) -> None:
    """Refuse a fit whose Hessian is not definite: separable data without L2 have their minimum at infinity."""
    parameters = list(problem.model.parameters())
    loss = ClosureLoss(
        problem.closure, parameters, [torch.ones_like(p, dtype=torch.bool) for p in parameters]
    )
    curvature = np.linalg.eigvalsh(loss.derivative(loss.read(), 2))
    if not curvature[0] > _SINGULAR * curvature[-1]:
        raise NotDissipative(
            f"The dense problem is singular or indefinite: the Hessian's eigenvalues at the fit run from"
            f" {curvature[0]:.1e} to {curvature[-1]:.1e}.",
            value=float(curvature[0]),
            remedy="Raise model.l2.",
        )
