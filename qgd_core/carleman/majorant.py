"""Componentwise majorants: what the absolute coefficients of a map allow, entry by entry.

Norms forget that fast modes decay fast; absolute values, taken in the eigenframe, do not. The price is one run
of the map with absolute coefficients, never the trajectory itself.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.sparse import eye_array

from qgd_core.arrays import RealArray
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.system import CarlemanSystem, carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def absolute_map(update: PolynomialField) -> PolynomialField:
    """The map whose every monomial has the absolute value of the given map's coefficient."""
    return PolynomialField({k: abs(matrix) for k, matrix in update.monomials.items()})


def enclose(update: PolynomialField, start: RealArray, steps: int) -> RealArray:
    """Enclose the iterates of a polynomial map, entry by entry.

    Arguments: update, the map u(t+1) = update(u(t)); start, u_0 (n,); steps, T.
    Result: radii of shape (T+1, n) with |u_t| <= radii[t] entry by entry; infinite where they overflow.
    Raises: nothing.
    Source: the majorant method, applied to a discrete map.
    """
    bigger = absolute_map(update)
    radii = [np.abs(start)]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            radii.append(np.nan_to_num(bigger(radii[-1]), nan=np.inf))
    return np.array(radii)


def truncation_majorant(system: CarlemanSystem, start: RealArray, steps: int) -> RealArray:
    """Bound the truncation error of every variable after `steps` steps of a discrete Carleman system.

    Arguments: system, discrete; start, u_0 (n,) measured from the centre; steps, T.
    Result: shape (n,), with |u_T - classical(u_0, T)| below it entry by entry; infinite where it overflows.
    With hats for absolute coefficients, a step loses at most lift(update^(r)) - M^ lift(r) at the radii r, and
    loses nothing more than |M| times what was lost before.
    Raises: ConfigError when the system is continuous.
    Source: Duhamel's sum e(t+1) = M e(t) + d(t), each term bounded entry by entry; derived here.
    """
    if system.form != "discrete":
        raise ConfigError("The majorant is for discrete Carleman systems.", subject=system)
    update = step_map(system.field, system.step)
    bigger = absolute_map(update)
    # The system of the absolute map, written as the unit step of a field: u + (bigger(u) - u).
    hat = carleman(
        _minus_identity(bigger), system.order, step=1.0, basis=system.basis.kind, scale=system.scale
    )
    error = np.zeros(system.dimension)
    radii = enclose(update, start, steps)
    magnitude = abs(system.matrix)
    with np.errstate(over="ignore", invalid="ignore"):
        for before, after in pairwise(radii):
            lost = hat.lift(after) - (hat.matrix @ hat.lift(before) + hat.source)
            error = np.asarray(magnitude @ error) + np.maximum(lost, 0.0)
    return np.nan_to_num(error[: system.n] / system.scale, nan=np.inf)


def remainder_majorant(
    update: PolynomialField, remainder: PolynomialField, start: RealArray, steps: int
) -> RealArray:
    """Bound how far a map drifts from the same map plus a remainder.

    Arguments: update, the polynomial map; remainder, what a step of the true map adds to it, as polynomial terms; start,
    u_0 (n,), the same for both; steps, T.
    Result: shape (n,), entry by entry above |true u_T - u_T|; infinite where it overflows. It is a bound for
    the given remainder terms, and an estimate where they are only the leading ones.
    Raises: nothing.
    Source: mean value theorem along the segment between the two iterates, with absolute coefficients.
    """
    bigger, rest = absolute_map(update), absolute_map(remainder)
    radii = enclose(update, start, steps)
    drift = np.zeros(update.n)
    with np.errstate(over="ignore", invalid="ignore"):
        for radius in radii[:-1]:
            reach = radius + drift
            if not np.isfinite(reach).all():
                return np.full(update.n, np.inf)
            drift = bigger.jacobian(reach) @ drift + rest(reach)
    return np.nan_to_num(drift, nan=np.inf)


def _minus_identity(update: PolynomialField) -> PolynomialField:
    parts = dict(update.coefficients)
    parts[1] = update.coefficient(1) - eye_array(update.n, format="csr")
    return PolynomialField(parts)
