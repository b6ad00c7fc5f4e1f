"""The loss around a centre, in the coordinates that are marched: what a window's circuit is made from."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.carleman.discrete import step_map
from qgd_core.dynamics.frame import change
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.stability import newton_centre
from qgd_core.dynamics.updates import add_momentum, precondition
from qgd_core.encodings.slot_steps import choose_scale
from qgd_core.errors import NotDissipative
from qgd_core.learn.centre import Centre, check_definite, find_centre
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import StepLosses

_MOST_FIXED_POINT_STEPS = 30
_FIXED = 1e-14
# How far momentum may go towards the axes in which a mode's map is a turn and a factor: all the way, two nearly equal rates
# would take nearly parallel axes.
_TURNED = (0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, eq=False)
class Local:
    """The model of a window, in coordinates v with w = centre + frame v, and p of the momentum where there is one.

    fields, minus the gradient in v up to the window's order, one or one a step; rests, its terms left out, likewise;
    rates, of the steps; start, v at the beginning; momentum as in Settings; the momentum is slant v + spread p in each
    coordinate, shapes (n,); buffer, p at the beginning, shape (n,).
    """

    centre: Centre
    frame: RealArray
    fields: tuple[PolynomialField, ...]
    rests: tuple[PolynomialField, ...]
    rates: tuple[float, ...]
    displacement: RealArray
    momentum: float
    nesterov: bool
    spread: RealArray
    buffer: RealArray
    slant: RealArray

    @property
    def n(self) -> int:
        """The number of weights."""
        return self.displacement.size

    @property
    def start(self) -> RealArray:
        """Where the marched coordinates begin: v, and the momentum behind it where there is one."""
        return np.concatenate([self.displacement, self.buffer]) if self.momentum else self.displacement

    @property
    def updates(self) -> tuple[PolynomialField, ...]:
        """The maps of the steps in the marched coordinates: one, or one a step where they differ."""
        return tuple(self._update(field, rate) for field, rate in self.steps())

    @property
    def remainders(self) -> tuple[PolynomialField, ...]:
        """What the terms left out add to each map."""
        whole = [field + rest for field, rest in zip(self.fields, self.rests, strict=True)]
        every = zip(self.steps(tuple(whole)), self.updates, strict=True)
        return tuple(self._update(field, rate) + update * -1.0 for (field, rate), update in every)

    def weights(self, u: RealArray) -> RealArray:
        """Active weights of a point in the marched coordinates."""
        return np.asarray(self.centre.point + self.frame @ u[: self.n])

    def velocity(self, u: RealArray) -> RealArray:
        """The momentum, in the unit of a gradient of the weights, of a point in the marched coordinates."""
        return np.asarray(self.frame @ (self.slant * u[: self.n] + self.spread * u[self.n :]))

    @property
    def gain(self) -> float:
        """Largest length of the weights' displacement for a unit of the coordinates': 1 without a preconditioner."""
        return float(np.linalg.norm(self.frame, 2))

    def response(self, rate: float) -> RealArray:
        """How a unit of minus the gradient enters a step's marched coordinates, shape (2n, n), with momentum."""
        gain = rate * (1.0 + self.momentum if self.nesterov else 1.0)
        return np.concatenate([gain * np.eye(self.n), np.diag((1.0 - gain * self.slant) / self.spread)])

    def steps(self, fields: tuple[PolynomialField, ...] | None = None) -> list[tuple[PolynomialField, float]]:
        """The distinct steps as (field, rate): one, or one a step where they differ."""
        fields = self.fields if fields is None else fields
        if len(fields) == 1 and len(set(self.rates)) == 1:
            return [(fields[0], self.rates[0])]
        every = fields if len(fields) > 1 else fields * len(self.rates)
        return list(zip(every, self.rates, strict=True))

    def _update(self, field: PolynomialField, rate: float) -> PolynomialField:
        if not self.momentum:
            return step_map(field, rate)
        update = step_map(add_momentum(field, self.momentum, rate, self.nesterov), rate)
        axes = np.eye(2 * self.n)
        axes[self.n :] = np.hstack([np.diag(self.slant), np.diag(self.spread)])
        return change(update, axes, np.asarray(np.linalg.inv(axes), dtype=np.float64))


def expand_around(losses: StepLosses, start: RealArray, settings: Settings, velocity: RealArray) -> Local:
    """Expand the losses of a window around its centre.

    Arguments: losses, of all steps or one a step; start, active weights (n,); settings; velocity, the momentum (n,)
    at the start, minus torch's buffer.
    Result: the Local model, in the eigenframe of the mean Hessian; with a preconditioner P = B B^T in coordinates in
    which it is the identity, w = centre + B v. Classical cost: settings.order + 2 derivatives of each loss and n^3.
    Raises: NotDissipative when the Hessian at the centre is not definite, or the model has no fixed point nearby.
    Source: arXiv 2303.03428, Eq 4; P v-form: gradient descent of L(B v) is preconditioned descent of L.
    """
    centre = find_centre(losses, start, settings.newton_steps)
    tensors = [losses.derivatives(centre.point, k + 1) for k in range(settings.order + 2)]
    hessian = tensors[1].mean(axis=0)
    check_definite(hessian)
    frame, cost = _choose_frame(hessian, settings.preconditioner)
    wide = [
        change(
            PolynomialField(
                {
                    k: -tensor[t].reshape(start.size, -1) / math.factorial(k)
                    for k, tensor in enumerate(tensors)
                }
            ),
            frame,
            frame.T,
        )
        for t in range(len(losses))
    ]
    top = settings.order + 1
    local = Local(
        centre=replace(centre, preconditioner_cost=cost),
        frame=frame,
        fields=tuple(PolynomialField({k: one.coefficient(k) for k in range(top)}) for one in wide),
        rests=tuple(PolynomialField({top: one.coefficient(top)}) for one in wide),
        rates=settings.rates,
        displacement=np.asarray(np.linalg.solve(frame, start - centre.point)),
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        spread=np.ones(start.size),
        buffer=np.asarray(np.linalg.solve(frame, velocity)),
        slant=np.zeros(start.size),
    )
    if settings.recentre:
        local = recentre(local)
    return balance(local) if settings.momentum else local


def recentre(local: Local) -> Local:
    """Move the centre to the fixed point of the mean polynomial model, where F_0 vanishes.

    Arguments: local.
    Result: the same model exactly, its terms left out included, written around that point and in the new eigenframe;
    the centre says how many solves of n^3 / 3 multiplications it took.
    Raises: NotDissipative when Newton's method on the model does not settle in 30 steps.
    Source: pivot shift, arXiv:2605.20071.
    """
    began = time.perf_counter()
    mean = reduce(lambda a, b: a + b, local.fields) * (1.0 / len(local.fields))
    point, solves = np.zeros(local.n), 0
    while np.linalg.norm(mean(point)) > _FIXED * max(1.0, mean.norms()[1]):
        if solves == _MOST_FIXED_POINT_STEPS or not np.isfinite(point).all():
            raise NotDissipative(
                f"The polynomial model has no fixed point near its centre: after {solves} Newton steps its gradient"
                f" is {np.linalg.norm(mean(point)):.1e}.",
                value=float(np.linalg.norm(mean(point))),
                remedy="Take one more Newton step for the centre, or do not recentre.",
            )
        point, solves = newton_centre(mean.shift(point)), solves + 1
    axes = np.linalg.eigh(mean.jacobian(point))[1]
    found = replace(
        local.centre,
        point=local.weights(point),
        kind="fixed point",
        solves=solves,
        seconds=local.centre.seconds + time.perf_counter() - began,
    )
    return replace(
        local,
        centre=found,
        frame=local.frame @ axes,
        fields=tuple(change(field.shift(point), axes, axes.T) for field in local.fields),
        rests=tuple(change(rest.shift(point), axes, axes.T) for rest in local.rests),
        displacement=axes.T @ (local.displacement - point),
        buffer=axes.T @ local.buffer,
    )


def balance(local: Local) -> Local:
    """Write each mode's momentum on an axis beside its displacement on which the mode's map is nearly a turn.

    Arguments: local, with slant 0 and spread 1. Result: the same model, v itself unchanged, turned as far as marching in
    slots is expected to gain by it. Raises: nothing.
    Source: heavy-ball modes are turns times sqrt(momentum) where they swing; Lyapunov's metric of a 2 x 2 map.
    """
    maps = [update.coefficient(1).toarray() for update in local.updates]
    whole, n = np.mean(maps, axis=0), local.n
    modes = [whole[np.ix_([i, n + i], [i, n + i])] for i in range(n)]
    found = [_on_axes(local, np.array([_mode_axis(mode, turned) for mode in modes])) for turned in _TURNED]
    return min(found, key=_expected_cost)


def _on_axes(local: Local, axes: RealArray) -> Local:
    """The same model with these slants and spreads, shape (n, 2)."""
    slant, spread = axes[:, 0], axes[:, 1]
    buffer = (local.buffer - slant * local.displacement) / spread
    return replace(local, slant=slant, spread=spread, buffer=buffer)


def _expected_cost(local: Local) -> float:
    """Logarithm of the shots that marching in slots is expected to take, from the norms of its largest step."""
    every = [update.norms() for update in local.updates]
    offset, linear, square = (max(norms.get(k, 0.0) for norms in every) for k in range(3))
    return choose_scale((offset, linear, square), float(np.linalg.norm(local.start)), len(local.rates))[0]


def _mode_axis(mode: RealArray, turned: float) -> RealArray:
    """(slant, spread) of a mode's map of (v, p), shape (2, 2); turned, from 0 for equal couplings to 1 for a turn."""
    # The unit of p in which both couple alike, then a metric towards the one in which the map is normal.
    unit = math.sqrt(abs(mode[1, 0] / mode[0, 1]))
    values, vectors = np.linalg.eig(mode * np.array([[1.0, unit], [1.0 / unit, 1.0]]))
    swings = abs(values[0].imag) > 0.0
    spanned = np.stack([vectors[:, 0].real, vectors[:, 0].imag], axis=1) if swings else vectors.real
    axes, lengths, _ = np.linalg.svd(spanned)
    shares = np.array([(lengths[1] / lengths[0]) ** 2, 1.0])
    metric = (1.0 - turned) * np.eye(2) + turned * (axes * shares) @ axes.T
    root = np.linalg.cholesky(np.linalg.inv(metric))
    return np.asarray(unit * root[1] / root[0, 0])


def _choose_frame(hessian: RealArray, preconditioner: str | None) -> tuple[RealArray, float]:
    """B with B B^T the preconditioner and B^T H B diagonal, largest entry first, and what it cost."""
    if preconditioner is None:
        return np.asarray(np.linalg.eigh(-hessian)[1]), 0.0
    found = precondition(PolynomialField({1: -hessian}), preconditioner)
    values, vectors = np.linalg.eigh(found.matrix)
    root = (vectors * np.sqrt(values)) @ vectors.T
    return np.asarray(root @ np.linalg.eigh(-root @ hessian @ root)[1]), found.cost
