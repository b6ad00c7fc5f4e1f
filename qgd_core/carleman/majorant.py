"""Componentwise majorants: what the absolute coefficients of a map allow, entry by entry.

Norms forget that fast modes decay fast; absolute values, taken in the eigenframe, do not. The price is one run
of the map with absolute coefficients, never the trajectory itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.system import CarlemanSystem, carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.updates import unit_field
from qgd_core.errors import ConfigError

T = TypeVar("T")


def absolute_map(update: PolynomialField) -> PolynomialField:
    """The map whose every monomial has the absolute value of the given map's coefficient."""
    return PolynomialField({k: abs(matrix) for k, matrix in update.monomials.items()})


def norm_map(update: PolynomialField) -> PolynomialField:
    """The map in one variable, r -> sum_k |F_k| r^k, that lengths stay below where the given map acts."""
    return PolynomialField({k: np.array([[norm]]) for k, norm in update.norms().items()})


def enclose(update: PolynomialField | Sequence[PolynomialField], start: RealArray, steps: int) -> RealArray:
    """Enclose the iterates of a polynomial map, entry by entry.

    Arguments: update, the map u(t+1) = update(u(t)), one or one a step; start, u_0 (n,); steps, T.
    Result: radii of shape (T+1, n) with |u_t| <= radii[t] entry by entry; infinite where they overflow.
    Raises: nothing.
    Source: the majorant method, applied to a discrete map.
    """
    radii = [np.abs(start)]
    with np.errstate(over="ignore", invalid="ignore"):
        for bigger in each([absolute_map(one) for one in listed(update)], steps):
            radii.append(np.nan_to_num(bigger(radii[-1]), nan=np.inf))
    return np.array(radii)


def truncation_majorant(
    system: CarlemanSystem | Sequence[CarlemanSystem], start: RealArray, steps: int
) -> RealArray:
    """Bound the truncation error of every variable after `steps` steps of a discrete Carleman system.

    Arguments: system, discrete, one or one a step; start, u_0 (n,) measured from the centre; steps, T.
    Result: shape (n,), with |u_T - classical(u_0, T)| below it entry by entry; infinite where it overflows.
    With hats for absolute coefficients, a step loses at most lift(update^(r)) - M^ lift(r) at the radii r, and
    loses nothing more than |M| times what was lost before.
    Raises: ConfigError when a system is continuous.
    Source: Duhamel's sum e(t+1) = M e(t) + d(t), each term bounded entry by entry; derived here.
    """
    systems = listed(system)
    if any(one.form != "discrete" for one in systems):
        raise ConfigError("The majorant is for discrete Carleman systems.", subject=system)
    updates = [step_map(one.field, one.step) for one in systems]
    # The system of the absolute map, written as the unit step of a field: u + (bigger(u) - u).
    hats = [
        carleman(
            unit_field(absolute_map(update)),
            one.order,
            step=1.0,
            basis=one.basis.kind,
            scale=one.scale,
        )
        for one, update in zip(systems, updates, strict=True)
    ]
    error = np.zeros(systems[0].dimension)
    radii = enclose(updates, start, steps)
    magnitudes = [abs(one.matrix) for one in systems]
    every = zip(pairwise(radii), each(hats, steps), each(magnitudes, steps), strict=True)
    with np.errstate(over="ignore", invalid="ignore"):
        for (before, after), hat, magnitude in every:
            lost = hat.lift(after) - (hat.matrix @ hat.lift(before) + hat.source)
            error = np.asarray(magnitude @ error) + np.maximum(lost, 0.0)
    return np.nan_to_num(error[: systems[0].n] / systems[0].scale, nan=np.inf)


def remainder_majorant(
    update: PolynomialField | Sequence[PolynomialField],
    remainder: PolynomialField | Sequence[PolynomialField],
    start: RealArray,
    steps: int,
) -> RealArray:
    """Bound how far a map drifts from the same map plus a remainder.

    Arguments: update, the polynomial map, one or one a step; remainder, what a step of the true map adds to it, as
    polynomial terms, one or one a step; start, u_0 (n,), the same for both; steps, T.
    Result: shape (n,), entry by entry above |true u_T - u_T|; infinite where it overflows. It is a bound for
    the given remainder terms, and an estimate where they are only the leading ones.
    Raises: nothing.
    Source: mean value theorem along the segment between the two iterates, with absolute coefficients.
    """
    maps = each([absolute_map(one) for one in listed(update)], steps)
    rests = each([absolute_map(one) for one in listed(remainder)], steps)
    radii = enclose(update, start, steps)
    drift = np.zeros(start.size)
    with np.errstate(over="ignore", invalid="ignore"):
        for radius, bigger, rest in zip(radii[:-1], maps, rests, strict=True):
            reach = radius + drift
            if not np.isfinite(reach).all():
                return np.full(start.size, np.inf)
            drift = bigger.jacobian(reach) @ drift + rest(reach)
    return np.nan_to_num(drift, nan=np.inf)


def listed(value: T | Sequence[T]) -> Sequence[T]:
    """One thing, or one a step, as a sequence."""
    return value if isinstance(value, Sequence) else [value]


def each(values: Sequence[T], steps: int) -> Sequence[T]:
    """The same values, one for every step: a single one is repeated."""
    return values if len(values) > 1 else [values[0]] * steps
