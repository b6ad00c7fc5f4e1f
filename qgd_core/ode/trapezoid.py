"""A linear ODE as one linear system: the implicit trapezoid, and the explicit Euler step as a baseline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.realisation import Realisation
from qgd_core.encodings.trapezoid_history import encode_trapezoid
from qgd_core.errors import ConfigError
from qgd_core.linear.base import Plan
from qgd_core.linear.needed import join, of_rates
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE, log_norm
from qgd_core.ode.history import History, room_for_copies
from qgd_core.ode.history_solve import plan_filter, plan_inverse
from qgd_core.ode.recurrence import plan_history_kernel
from qgd_core.ode.rules import Growth, Rule, euler_errors, powers, trapezoid_errors
from qgd_core.readout.frame import constant_for
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare


def plan_trapezoid_kernel(problem: LinearODE, eps: float, encoding: str = "auto") -> Plan:
    """Plan dz/dt = A z + b by the history of the implicit trapezoid and the projection on its kernel.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; encoding, of A with the constant
    coordinate adjoined: a name of `list_encodings`, that of the problem's structure, or "auto".
    Result: a plan whose discretisation share is its proven error: A-stable and of second order, at most
    T h^2/12 |A^2| |A z_0 + b| for a logarithmic norm of 0 or less, and grown by the norm's exponential above it. Steps
    and time register are those of least blocks times shots.
    Raises: PrecisionUnreachable when more than 1e6 steps are needed.
    Source: An, Onwunta, Yang, arXiv:2410.13189; the constant is Peano's for the trapezoidal rule.
    """
    return _plan(problem, eps, encoding, "trapezoid_kernel", plan_filter, _projected)


def plan_trapezoid_qsvt(problem: LinearODE, eps: float, encoding: str = "auto") -> Plan:
    """Plan the same history by the polynomial inverse; arguments and result as above."""
    return _plan(problem, eps, encoding, "trapezoid_qsvt", plan_inverse, _inverted)


def plan_euler_kernel(problem: LinearODE, eps: float, encoding: str = "auto") -> Plan:
    """Plan dz/dt = A z + b by explicit Euler steps, Eq 6 and the projection on its kernel: a baseline of first order.

    Arguments and result as for `plan_trapezoid_kernel`, the steps' error at most sum_k |1 + hA|^k h^2/2 |A| |A z_0 + b|
    times the growth of z'; as many as make blocks times shots fewest.
    Source: Liu et al., arXiv:2011.03185, with Eq 6 of arXiv:2303.03428.
    """
    rule = Rule(problem, eps, euler_errors(problem))
    least = rule.least

    def price(steps: int) -> float:
        return min(_projected(steps.bit_length() + more, steps) for more in (0, 1))

    _, steps = rule.cheapest(least, 16 * least, price)
    share = eps * rule.share(steps)
    h = problem.time / steps
    recurrence = LinearRecurrence(
        sp.csr_array(sp.eye_array(problem.z0.size) + h * problem.matrix),
        h * problem.b,
        problem.z0,
        steps,
        problem.wanted,
        bound=problem.bound() + share * problem.unit,
    )
    ratio = recurrence.unit / problem.unit
    route = plan_history_kernel(recurrence, (eps - share) / ratio, encoding, assembled=False)
    budget = replace(route.error_budget.scaled(ratio), discretisation=share)
    return replace(
        route,
        solver="euler_kernel",
        problem=problem,
        error_budget=budget,
        parameters=_parameters(problem, route, steps),
    )


def _parameters(problem: LinearODE, route: Plan, steps: int) -> dict[str, float | str]:
    """The route's own, with the steps and what their number needed."""
    needed = join(of_rates(problem.z0.size), str(route.parameters["needed"]))
    return {**route.parameters, "steps": steps, "needed": needed}


def _plan(
    problem: LinearODE,
    eps: float,
    encoding: str,
    name: str,
    solver: Callable[[LinearODE, History, float], Plan],
    price: Callable[[int, int], float],
) -> Plan:
    """The cheaper of the two time registers that promise the least price of steps on them times shots."""
    rule = Rule(problem, eps, trapezoid_errors(problem))
    least = rule.least
    found = [
        (*rule.cheapest(least, 2**n_time - 1, partial(price, n_time)), n_time)
        for n_time in range(least.bit_length(), least.bit_length() + 4)
    ]
    plans = []
    for _, steps, n_time in sorted(found)[:2]:
        share = eps * rule.share(steps)
        bound = problem.bound() + share * problem.unit
        near = LinearODE(
            problem.matrix, problem.b, problem.z0, problem.time, problem.wanted, bound, problem.structure
        )
        route = solver(near, lay_out_trapezoid(near, steps, n_time, encoding), eps - share)
        plans.append(
            replace(
                route,
                solver=name,
                problem=problem,
                error_budget=replace(route.error_budget, discretisation=share),
                parameters=_parameters(problem, route, steps),
            )
        )
    best, *others = sorted(plans, key=lambda plan: plan.resources.two_qubit * plan.shots)
    return replace(best, losers=tuple(others))


def _projected(n_time: int, steps: int) -> float:
    """Blocks times shots of the kernel projection, which keeps the part of the blocks in use that are copies."""
    return 2.0**n_time * (1.0 + steps / 2.0 ** room_for_copies(n_time, steps))


def _inverted(n_time: int, steps: int) -> float:
    """Blocks times shots of the inverse, which falls with the condition number."""
    return 8.0**n_time / 2.0 ** room_for_copies(n_time, steps)


def lay_out_trapezoid(problem: LinearODE, steps: int, n_time: int, encoding: str = "auto") -> History:
    """The history of `steps` trapezoid steps on 2**n_time blocks, with as many copies of the end as there is room for.

    Arguments: problem; steps, T >= 1; n_time, with 2**n_time above T; encoding, of A and its constant coordinate.
    Result: an exact history of the steps; its blocks before the copies hold (1 - h A / 2)^-1 (z + h b / 2).
    Raises: ConfigError for an unknown encoding.
    Source: as `plan_trapezoid_kernel`.
    """
    realisation, inner = _realise(problem, encoding)
    (generator,) = realisation.encodings
    h, n_idle = problem.time / steps, room_for_copies(n_time, steps)
    copies, constant = 2**n_idle, float(realisation.start[0])
    column = sp.csr_array(inner.b[:, np.newaxis] / constant)
    whole_matrix = sp.csr_array(
        sp.block_array([[sp.csr_array((1, 1)), None], [column, inner.matrix]], format="csr")
    )
    inverse, rate = math.inf, h * log_norm(whole_matrix)
    if rate < 2.0:
        whole, active = Growth.of(rate), 2**n_time - copies
        inverse = max(1.0, whole.rest) * (powers(whole.ratio, active) + copies * whole.ratio**active)
    return History(
        encoding=encode_trapezoid(generator, h, n_time, n_idle),
        realisation=realisation,
        first=2**n_time - copies - steps,
        copies=copies,
        sizes=np.hypot(constant, _sizes(inner, steps, copies)),
        inverse=inverse,
    )


def _realise(problem: LinearODE, encoding: str) -> tuple[Realisation, LinearODE]:
    """The generator laid out, and the same flow in the coordinates of that layout, the constant left out."""
    slots = problem.structure
    if slots is not None and encoding in ("auto", slots.method):
        realisation = slots.realise(problem.wanted, problem.bound())
        (generator,) = realisation.encodings
        used = np.flatnonzero(generator.supported)
        matrix, start = sp.csr_array(generator.target)[used][:, used], realisation.start[used]
        column = matrix[:, [0]].toarray()[1:, 0]
        return realisation, LinearODE(matrix[1:, 1:], start[0] * column, start[1:], problem.time)
    constant = constant_for(problem.bound(), len(problem.wanted)) or 1.0
    matrix, start = _augment(problem, constant)
    if not matrix.count_nonzero():
        raise ConfigError("A and b are zero: the answer is the start.", subject=problem)
    generator = block_encode(matrix, encoding)
    start = np.concatenate([start, np.zeros(2**generator.n_system - start.size)])
    return Realisation(
        method=generator.method,
        encodings=(generator,),
        start=start,
        prepare=lambda: prepare(start, "start"),
        prepare_cost=start.size - 2,
        readout=SimplexReadout(len(problem.wanted), constant),
    ), problem


def _augment(problem: LinearODE, constant: float) -> tuple[sp.csr_array, RealArray]:
    """A on (constant, wanted, others), the source being the constant's column; and the start."""
    others = np.ones(problem.z0.size, dtype=bool)
    others[list(problem.wanted)] = False
    order = np.concatenate([np.array(problem.wanted, dtype=np.int64), np.flatnonzero(others)])
    places = np.zeros(order.size, dtype=np.int32)
    places[order] = np.arange(1, order.size + 1)
    entries, source = sp.coo_array(problem.matrix), np.flatnonzero(problem.b)
    rows, columns = (places[index] for index in entries.coords)
    matrix = sp.csr_array(
        (
            np.concatenate([problem.b[source] / constant, entries.data]),
            (
                np.concatenate([places[source], rows]),
                np.concatenate([np.zeros(source.size, np.int32), columns]),
            ),
        ),
        shape=(order.size + 1,) * 2,
    )
    return matrix, np.concatenate([[constant], problem.z0[order]])


def _sizes(problem: LinearODE, steps: int, copies: int) -> RealArray:
    """Upper limits on |z|, the constant left out, in every block in use."""
    h = problem.time / steps
    growth = Growth.of(h * problem.log_norm)
    source = growth.rest * h * float(np.linalg.norm(problem.b))
    start = float(np.linalg.norm(problem.z0))
    sizes = [growth.rest * start + source / 2.0]
    for _ in range(steps - 1):
        sizes.append(growth.ratio * sizes[-1] + source)
    end = growth.ratio**steps * start + source * powers(growth.ratio, steps)
    return np.array([*sizes, *[end] * copies])
