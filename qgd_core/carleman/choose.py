"""Choice of the Carleman order and scale for a requested truncation error."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import real_vector
from qgd_core.carleman.bounds import FLOW_BOUNDS, continuous_majorant, discrete_majorant
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.system import FORMS, CarlemanSystem, carleman
from qgd_core.dynamics.numbers import nonnegative_number, positive_number, whole_number
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError, PrecisionUnreachable

SCALES = np.geomspace(0.1, 1.0, 10)


@dataclass(frozen=True)
class OrderChoice:
    """The order, the error promised for it, and what the promise rests on (`rigorous` unless an estimate)."""

    order: int
    error: float
    reason: str
    rigorous: bool


def choose_order(
    field: PolynomialField,
    u0: ArrayLike,
    T: float,
    eps: float,
    form: str = "discrete",
    step: float | None = None,
    max_order: int = 6,
    max_dimension: int = 100_000,
) -> OrderChoice:
    """Choose the smallest order whose truncation error is known to be at most eps.

    Arguments: field; u0 (n,), measured from the centre; T, steps or time; eps, absolute, 2-norm of u; form and step
    as in carleman; max_order and max_dimension, where to stop.
    Result: an OrderChoice. Each order is tried with the bounds that need norms only, then with the certificate; if no
    order passes, the first whose distance to the next order is at most eps is taken as an estimate.
    Raises: PrecisionUnreachable, with the smallest error found, when no order passes; ConfigError for bad input.
    Source: qgd_core.carleman.bounds, qgd_core.carleman.certificate.
    """
    if not isinstance(field, PolynomialField):
        raise ConfigError(f"{type(field).__name__} is not a PolynomialField.", subject=field)
    start, eps = real_vector(u0, "u0", field.n), positive_number(eps, "eps")
    T = whole_number(T, "T") if form == "discrete" else nonnegative_number(T, "T")
    most, largest = whole_number(max_order, "max_order", 1), whole_number(max_dimension, "max_dimension", 1)
    orders = [n for n in range(1, most + 1) if Basis(field.n, n).dimension <= largest]
    systems = []
    for order in orders:
        name, bound = cheapest_bound(field, start, T, order, form, step)
        if bound <= eps:
            return OrderChoice(order, bound, name, rigorous=True)
        systems.append(carleman(field, order, form=form, step=step))
        bound = systems[-1].error_bound(start, T)
        if bound <= eps:
            return OrderChoice(order, bound, "certificate along the truncated run", rigorous=True)
    # Answers that have left all bounds are no estimate of one another.
    with np.errstate(invalid="ignore", over="ignore"):
        answers = [system.classical(start, T) for system in systems]
        gaps = [float(np.nan_to_num(np.linalg.norm(b - a), nan=np.inf)) for a, b in pairwise(answers)]
    for order, gap in zip(orders, gaps, strict=False):
        if gap <= eps:
            return OrderChoice(order, gap, f"estimate: order {order} against {order + 1}", rigorous=False)
    raise PrecisionUnreachable(
        f"No order up to {orders[-1] if orders else 0} brings the truncation error to {eps}.",
        value=min(gaps, default=float("inf")),
        remedy="Shorten the window, move the centre nearer, or allow a larger order.",
    )


def cheapest_bound(
    field: PolynomialField, u0: ArrayLike, T: float, order: int, form: str, step: float | None
) -> tuple[str, float]:
    """The least of the bounds that need norms only, with its name; see qgd_core.carleman.bounds."""
    start = real_vector(u0, "u0", field.n)
    size = float(np.linalg.norm(start))
    if form not in FORMS:
        raise ConfigError(f"form {form!r} must be one of {FORMS}.", subject=form)
    if form == "discrete":
        if step is None:
            raise ConfigError("The discrete form needs a step.", subject="step", remedy="Pass step=eta.")
        return "norm majorant", discrete_majorant(step_map(field, step), order, size, int(T))
    bounds = {name: bound(field, order, start, T) for name, bound in FLOW_BOUNDS.items()}
    bounds["norm majorant"] = continuous_majorant(field, order, size, T)
    name = min(bounds, key=lambda key: bounds[key])
    return name, bounds[name]


def choose_scale(system: CarlemanSystem, u0: ArrayLike) -> float:
    """Choose the scale g that makes the truncated matrix grow least, among g |u0| from 0.1 to 1.

    Arguments: system; u0 (n,), measured from the centre.
    Result: g, the one of least log_norm; 1 when u0 = 0. The truncated trajectory does not depend on it, only
    norms, log-norms and the weights of amplitudes do.
    Raises: ConfigError when u0 has a wrong shape.
    Source: F_k -> g^(1-k) F_k; g |u0| <= 1 keeps the lifted start of size at most sqrt(N).
    """
    size = float(np.linalg.norm(real_vector(u0, "u0", system.n)))
    if size == 0.0:
        return 1.0
    scales = SCALES / size
    return float(min(scales, key=lambda g: system.rescaled(float(g)).log_norm()))
