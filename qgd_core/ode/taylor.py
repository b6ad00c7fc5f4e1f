"""A linear ODE as a recurrence: Taylor steps, so that every solver of recurrences serves it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from qgd_core.budget import easier, in_sight
from qgd_core.encodings.flow_slots import TaylorSlots
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.classical import upper_norm
from qgd_core.linear.needed import join, of_rates
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.recurrence import plan_history_kernel, plan_history_qsvt

_MOST_ORDER = 40
# The part of an error that the series may take at most, and how many orders that stay below it are compared.
_MOST_SHARE, _ORDERS = 0.9, 4
_MOST_STEPS = 10**6
# Logarithms past this are not raised to numbers.
_MOST_EXPONENT = 230.0


def taylor_steps(problem: LinearODE, eps: float) -> LinearRecurrence:
    """The recurrence of steps h, |h A| <= 1, by the Taylor polynomial of least sufficient order.

    Arguments: problem; eps, 2-norm error of z(T) relative to problem.unit.
    Result: a recurrence whose last state is within eps * problem.unit of z(T), by the remainder of the series
    and the logarithmic norm. Its matrix is a polynomial of A: sparse A fills in as the order grows, and where the
    problem knows its slots, the step is that polynomial of their encoding, of one order more.
    Raises: PrecisionUnreachable past order 40 or 1e6 steps.
    Source: Berry, Childs, Ostrander, Wang, arXiv:1701.03684, with the inner sums multiplied out.
    """
    series = _Series.of(problem)
    order = series.least(eps)
    n, h = problem.z0.size, series.h
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
        series.steps,
        problem.wanted,
        bound=problem.bound() + eps * problem.unit,
        structure=slots,
    )


@dataclass(frozen=True, eq=False)
class _Series:
    """Steps h with |h A| <= 1, and bounds on the error of z(T) by their Taylor polynomials, relative to problem.unit."""

    problem: LinearODE
    steps: int
    h: float
    size: float

    @classmethod
    def of(cls, problem: LinearODE) -> _Series:
        """The fewest steps."""
        problem.check_growth()
        norm = upper_norm(problem.matrix)
        if problem.time * norm > _MOST_STEPS:
            raise PrecisionUnreachable(
                f"A flow of norm times time {problem.time * norm:.1e} needs as many Taylor steps, more than"
                f" {_MOST_STEPS:.0e}, whatever the error.",
                subject=problem,
                remedy="Take a shorter time, or use lchs, whose steps may be longer.",
            )
        steps = max(1, math.ceil(problem.time * norm))
        return cls(problem, steps, problem.time / steps, problem.time / steps * norm)

    def error(self, order: int) -> float:
        """The remainders of all steps, grown to the end by the logarithmic norm."""
        problem, growth = self.problem, max(0.0, self.problem.log_norm)
        source = float(np.linalg.norm(problem.b))
        # Largest |z| on the way, and what one step's remainder does to it and to the source's integral.
        largest = math.exp(growth * problem.time) * (
            float(np.linalg.norm(problem.z0)) + problem.time * source
        )
        remainder = self.size ** (order + 1) / math.factorial(order + 1) * math.exp(self.size)
        step_growth = math.exp(growth * self.h) + remainder
        grown = self.steps * math.log(step_growth)
        if grown > _MOST_EXPONENT:
            return math.inf
        return self.steps * math.exp(grown) * remainder * (largest + self.h * source) / problem.unit

    def least(self, eps: float) -> int:
        """The least order within eps."""
        for order in range(1, _MOST_ORDER + 1):
            if self.error(order) <= eps:
                return order
        left = self.error(_MOST_ORDER)
        reachable = in_sight(left / _MOST_SHARE)
        raise PrecisionUnreachable(
            f"Order {_MOST_ORDER} leaves an error of {left:.1e}.",
            subject=self.problem,
            value=reachable,
            remedy=easier(reachable, f"order {_MOST_ORDER}", "take a shorter time"),
        )

    def spent(self, eps: float) -> float:
        """The error of the order of least gates times shots, at most 0.9 eps."""
        least = self.least(_MOST_SHARE * eps)
        orders = range(least, min(least + _ORDERS, _MOST_ORDER + 1))
        best = min(orders, key=lambda order: self._gates(order) / (1.0 - self.error(order) / eps) ** 2)
        return self.error(best)

    def _gates(self, order: int) -> float:
        """About what a step of that order costs: its terms in slots, its entries without."""
        matrix = self.problem.matrix
        if self.problem.structure is not None:
            return order + 1.0
        return float(min(matrix.shape[0] ** 2, matrix.shape[0] + order * matrix.nnz))


def _route(name: str, solver: Callable[[LinearRecurrence, float], Any]) -> Callable[[LinearODE, float], Any]:
    def make(problem: LinearODE, eps: float) -> Any:
        series = _Series.of(problem)
        spent = series.spent(eps)
        recurrence = taylor_steps(problem, spent)
        ratio = recurrence.unit / problem.unit
        try:
            route = solver(recurrence, (eps - spent) / ratio)
        except PrecisionUnreachable as refusal:
            # The steps were asked for an error of their own; the user asked for eps.
            reachable = math.inf if refusal.value is None else refusal.value * ratio
            if refusal.value is None or in_sight(reachable) is None:
                raise PrecisionUnreachable(
                    f"{series.steps} Taylor steps are too many: {refusal.message}",
                    subject=problem,
                    remedy="Take a shorter time, or use another route.",
                ) from refusal
            while reachable - series.spent(reachable) < refusal.value * ratio:
                reachable *= 1.01
            raise PrecisionUnreachable(
                f"An error of {eps:.1e} is out of reach: {refusal.message}",
                subject=problem,
                value=reachable,
                remedy=re.sub(r"Ask for \S+", f"Ask for {1.01 * reachable:.1e}", refusal.remedy),
            ) from refusal
        budget = route.error_budget.scaled(ratio)
        needed = join(of_rates(problem.z0.size), "powers of A", str(route.parameters["needed"]))
        chosen = {"steps": series.steps, "order": series.least(spent)}
        return replace(
            route,
            solver=name,
            problem=problem,
            error_budget=replace(budget, discretisation=spent),
            parameters={**route.parameters, **chosen, "needed": needed},
        )

    make.__doc__ = f"Plan dz/dt = A z + b by `taylor_steps` and {name.removeprefix('taylor_')}."
    return make


plan_taylor_marching = _route("taylor_marching", plan_marching)
plan_taylor_history_qsvt = _route("taylor_history_qsvt", plan_history_qsvt)
plan_taylor_history_kernel = _route("taylor_history_kernel", plan_history_kernel)
