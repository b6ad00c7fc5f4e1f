"""A linear ODE as a recurrence: Taylor steps, so that every solver of recurrences serves it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from qgd_core.encodings.flow_slots import TaylorSlots
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.classical import upper_norm
from qgd_core.linear.needed import join, of_rates
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.recurrence import plan_history_kernel, plan_history_qsvt

# The Taylor share of the error: its order grows with the logarithm only.
_SHARE = 0.02
_MOST_ORDER = 40


def taylor_steps(problem: LinearODE, eps: float) -> LinearRecurrence:
    """The recurrence of steps h, |h A| <= 1, by the Taylor polynomial of least sufficient order.

    Arguments: problem; eps, 2-norm error of z(T) relative to problem.unit.
    Result: a recurrence whose last state is within eps * problem.unit of z(T), by the remainder of the series
    and the logarithmic norm. Its matrix is a polynomial of A: sparse A fills in as the order grows, and where the
    problem knows its slots, the step is that polynomial of their encoding, of one order more.
    Raises: PrecisionUnreachable past order 40.
    Source: Berry, Childs, Ostrander, Wang, arXiv:1701.03684, with the inner sums multiplied out.
    """
    steps = max(1, math.ceil(problem.time * upper_norm(problem.matrix)))
    h = problem.time / steps
    size = h * upper_norm(problem.matrix)
    growth = max(0.0, problem.log_norm)
    source = float(np.linalg.norm(problem.b))
    # Largest |z| on the way, and what one step's remainder does to it and to the source's integral.
    largest = math.exp(growth * problem.time) * (float(np.linalg.norm(problem.z0)) + problem.time * source)
    for order in range(1, _MOST_ORDER + 1):
        remainder = size ** (order + 1) / math.factorial(order + 1) * math.exp(size)
        step_growth = math.exp(growth * h) + remainder
        error = steps * step_growth**steps * remainder * (largest + h * source)
        if error <= eps * problem.unit:
            break
    else:
        raise PrecisionUnreachable(f"Order {_MOST_ORDER} leaves an error of {error:.1e}.", value=error)
    n = problem.z0.size
    # In slots the source is a column of the generator: its series is as long as the state's, less one.
    slots = None if problem.structure is None else TaylorSlots(problem.structure, h, order + 1)
    power = total = sp.csr_array(sp.eye_array(n))
    integral = power * h
    for k in range(1, order + 1):
        power = sp.csr_array(power @ problem.matrix) * (h / k)
        total, integral = total + power, integral + power * (h / (k + 1))
    if slots is not None:
        total = total + sp.csr_array(power @ problem.matrix) * (h / slots.order)
    return LinearRecurrence(
        sp.csr_array(total),
        np.asarray(integral @ problem.b),
        problem.z0,
        steps,
        problem.wanted,
        bound=problem.bound() + eps * problem.unit,
        structure=slots,
    )


def _route(name: str, solver: Callable[[LinearRecurrence, float], Any]) -> Callable[[LinearODE, float], Any]:
    def make(problem: LinearODE, eps: float) -> Any:
        recurrence = taylor_steps(problem, _SHARE * eps)
        ratio = recurrence.unit / problem.unit
        try:
            route = solver(recurrence, (1.0 - _SHARE) * eps / ratio)
        except PrecisionUnreachable as refusal:
            if not isinstance(refusal.value, float):
                raise
            # The steps were asked for an error of their own; the user asked for eps.
            reachable = refusal.value * ratio / (1.0 - _SHARE)
            raise PrecisionUnreachable(
                f"An error of {eps:.1e} is out of reach: {refusal.message}",
                subject=problem,
                value=reachable,
                remedy=f"Ask for {1.01 * reachable:.1e} or more, or a shorter time.",
            ) from refusal
        budget = route.error_budget.scaled(ratio)
        needed = join(of_rates(problem.z0.size), "powers of A", str(route.parameters["needed"]))
        return replace(
            route,
            solver=name,
            error_budget=replace(budget, discretisation=_SHARE * eps),
            parameters={**route.parameters, "needed": needed},
        )

    make.__doc__ = f"Plan dz/dt = A z + b by `taylor_steps` and {name.removeprefix('taylor_')}."
    return make


plan_taylor_marching = _route("taylor_marching", plan_marching)
plan_taylor_history_qsvt = _route("taylor_history_qsvt", plan_history_qsvt)
plan_taylor_history_kernel = _route("taylor_history_kernel", plan_history_kernel)
