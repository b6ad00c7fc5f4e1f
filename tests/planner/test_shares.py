"""Each share of every route's budget against its own truth: quadrature, steps, polynomials, synthesis and shots apart."""

import inspect
import itertools
import math

import numpy as np
import pytest
from scipy.linalg import expm

from qgd_core.backends.registry import get_backend
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.linear.system import LinearSystem
from qgd_core.ode import mask_lchs
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.combination import Combination
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan
from qgd_core.planner.solvers import SOLVERS

PROBLEMS = {
    LinearSystem: LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5]),
    LinearRecurrence: LinearRecurrence([[0.6, 0.2], [-0.1, 0.7]], [0.1, 0.0], [1.0, -0.5], 2),
    LinearODE: LinearODE([[-1.6, 0.7], [-0.2, -1.1]], [0.3, -0.1], [1.0, -0.5], 0.8),
}
NAMES = list(SOLVERS)
EPS = {"euler_kernel": 0.1, "hhl": 0.1}


def gradient_step():
    """What only one route takes: three quadratic gradient steps of two weights around a centre that is no fixed point."""
    step = LowRankMap(np.array([0.02, -0.03]), np.array([0.8, 0.6]), np.array([0.08]), np.array([[0.6, 0.8]]))
    u0, scale = np.array([0.5, -0.6]), 0.9
    system = carleman(step.field(1.0), 2, step=1.0, scale=scale)
    slots = SlotSteps((step,), u0, scale, 3)
    return LinearRecurrence(system.matrix, system.source, system.lift(u0), 3, [1, 0], structure=slots)


def problem_of(name):
    return gradient_step() if name == "mask_lchs" else PROBLEMS[SOLVERS[name].problem]


@pytest.fixture
def flows(monkeypatch):
    """Every combined flow that is planned, with its nodes."""
    seen = []
    kept = Combination.plan

    def noted(self, name, nodes, *rest, **more):
        seen.append((self, nodes))
        return kept(self, name, nodes, *rest, **more)

    monkeypatch.setattr(Combination, "plan", noted)
    return seen


def exact(problem):
    """The answer by dense linear algebra."""
    if isinstance(problem, LinearSystem):
        return np.linalg.solve(problem.matrix.toarray(), problem.b)
    z = problem.z0
    if isinstance(problem, LinearODE):
        whole = adjoined(problem, 1.0)
        return (expm(problem.time * whole) @ np.append(1.0, z))[1:]
    for t in range(problem.steps):
        z = problem.matrix_at(t) @ z + problem.source_at(t)
    return z[list(problem.wanted)]


def adjoined(problem, constant):
    """The generator on (constant, z)."""
    return np.block(
        [[np.zeros((1, 1 + problem.z0.size))], [problem.b[:, None] / constant, problem.matrix.toarray()]]
    )


def by_nodes(problem, given, nodes):
    """The weighted sum of the exact unitary flows at the nodes, the growth put back by the ratio to the constant."""
    a = adjoined(problem, given.flow.constant) - given.flow.growth * np.eye(1 + problem.z0.size)
    loss, skew = -(a + a.T) / 2, (a - a.T) / 2
    whole = sum(
        weight * np.exp(-1j * k * nodes.tilt) * expm(problem.time * (skew - 1j * k * loss))
        for weight, k in zip(nodes.weights, nodes.k, strict=True)
    )
    state = whole @ np.append(given.flow.constant, problem.z0)
    return (given.flow.constant * state[1:] / state[0]).real


def by_trapezoid(problem, route):
    a, h, z = problem.matrix.toarray(), problem.time / route.parameters["steps"], problem.z0
    one = np.eye(z.size)
    for _ in range(route.parameters["steps"]):
        z = np.linalg.solve(one - h / 2 * a, (one + h / 2 * a) @ z + h * problem.b)
    return z


def by_euler(problem, route):
    a, h, z = problem.matrix.toarray(), problem.time / route.parameters["steps"], problem.z0
    for _ in range(route.parameters["steps"]):
        z = z + h * (a @ z + problem.b)
    return z


def by_taylor(problem, route):
    """Steps of the series of e^(hA), to the order that the plan names; the source's integral has as many terms."""
    a, h, z = problem.matrix.toarray(), problem.time / route.parameters["steps"], problem.z0
    powers = [np.linalg.matrix_power(h * a, k) for k in range(route.parameters["order"] + 1)]
    for _ in range(route.parameters["steps"]):
        z = sum(
            p @ z / math.factorial(k) + h * p @ problem.b / math.factorial(k + 1)
            for k, p in enumerate(powers)
        )
    return z


def halfway(name, problem, route, flows):
    """The answer with the discretisation of the route and nothing else wrong."""
    if name.startswith("taylor"):
        return by_taylor(problem, route)
    if name.startswith("trapezoid"):
        return by_trapezoid(problem, route)
    if name.startswith("euler"):
        return by_euler(problem, route)
    if name.endswith("lchs"):
        (pair,) = [one for one in flows if one[1].weights.size == route.parameters["number"]][-1:]
        return by_nodes(problem, *pair)
    return exact(problem)


@pytest.mark.parametrize("eps", [0.1, 1e-3])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "mask_lchs"])
def test_discretisation_and_polynomial_each_keep_their_share(name, eps, flows):
    problem = problem_of(name)
    route = plan(problem, max(eps, EPS.get(name, 0.0)), name)
    shares = route.error_budget
    middle = halfway(name, problem, route, flows)
    rest = np.linalg.norm(route.emulate().value - middle) / problem.unit
    discretised = np.linalg.norm(middle - exact(problem)) / problem.unit
    quadrature = route.parameters.get("quadrature", shares.discretisation)
    assert discretised <= quadrature + 1e-12
    # What is left of the discretisation is the product formula's.
    assert rest <= shares.polynomial + (shares.discretisation - quadrature) + 1e-10
    assert (shares.polynomial > 0) == (name not in ("marching", "taylor_marching", "lchs", "pauli_lchs"))
    assert (shares.discretisation > 0) == isinstance(problem, LinearODE)


@pytest.mark.parametrize("eps", [0.1, 1e-2, 2e-3])
def test_masks_keep_what_couplings_nodes_and_product_formula_may_miss(eps, monkeypatch):
    """Against dense exponentials: of the flow that was kept, and of the flows at its nodes."""
    problem, seen, kept = gradient_step(), [], mask_lchs._plan
    monkeypatch.setattr(mask_lchs, "_plan", lambda *given: seen.append(given[1]) or kept(*given))
    route = plan(problem, eps, "mask_lchs")
    (layout, nodes), shares = (seen[-1].layout, seen[-1].nodes), route.parameters
    flow, (labels, constant) = layout.flow, layout.labels
    a = np.zeros((layout.start.size,) * 2)
    a[np.ix_(labels, labels)] = flow.matrix.toarray()
    loss, skew = -(a + a.T) / 2, (a - a.T) / 2
    whole = sum(
        weight * expm(flow.time * (skew - 1j * k * loss))
        for weight, k in zip(nodes.weights, nodes.k, strict=True)
    )
    state, pruned = whole @ layout.start, expm(flow.time * a) @ layout.start
    at_nodes = flow.offset + (layout.readout.constant * state[:2] / state[constant]).real
    steps = [exact(problem), flow.offset + pruned[:2], at_nodes, route.emulate().value]
    missed = [np.linalg.norm(after - before) / problem.unit for before, after in itertools.pairwise(steps)]
    for error, name in zip(missed, ("left out", "quadrature", "product formula"), strict=True):
        assert 0.0 < error <= shares[name] + 1e-10
    whole_error = np.linalg.norm(steps[-1] - steps[0]) / problem.unit
    assert 0.0 < whole_error <= route.error_budget.discretisation + 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_the_spread_of_sampled_answers_is_the_one_that_shots_were_planned_for(name):
    problem = problem_of(name)
    route = plan(problem, 0.1, name)
    value, machine = route.emulate().value, get_backend("emulator")
    errors = np.array([run_plan(route, machine, route.shots, seed).value - value for seed in range(40)])
    sizes = np.linalg.norm(errors, axis=1)
    assert sizes.max() <= route.error_budget.shots * problem.unit
    reported = np.array([run_plan(route, machine, route.shots, 99).stderr])
    spread = np.sqrt((errors**2).mean(axis=0))
    # A mean of 40 squares: within a third but for one in a thousand.
    assert np.all(spread <= 1.5 * reported)
    assert np.linalg.norm(spread) >= 0.5 * np.linalg.norm(reported)


SYNTHESISED = ["marching", "qsvt", "taylor_marching", "mask_lchs"]
SYNTHESISED += [
    pytest.param(name, marks=pytest.mark.slow) for name in ("lchs", "pauli_lchs", "cks", "kernel_reflection")
]


@pytest.mark.parametrize("name", SYNTHESISED)
def test_a_circuit_in_clifford_and_t_keeps_the_share_of_synthesis(name):
    """Every rotation synthesised for real, at the error that the plan leaves to all of them."""
    problem = problem_of(name)
    route = plan(problem, 0.3, name)
    machine = get_backend("qiskit:clifford_t", synthesis_error=route.resources.synthesis)
    executable = machine.compile(route.compile())
    found = route.read_amplitudes(executable.amplitudes()).value
    moved = np.linalg.norm(found - route.emulate().value) / problem.unit
    assert 0.0 < moved <= route.error_budget.synthesis
    assert executable.counts().rotations == 0


SHARED = [name for name in NAMES if "share" in inspect.signature(SOLVERS[name].make_plan).parameters]


@pytest.mark.parametrize("name", SHARED)
def test_a_better_split_is_not_found_by_moving_a_share(name):
    """Half and twice each share that a caller may choose: no cheaper, but for the steps of whole numbers."""
    problem = problem_of(name)
    make = SOLVERS[name].make_plan
    best = make(problem, 0.05)
    spent = 0.05 - best.error_budget.shots
    assert spent > 0.0
    price = best.resources.two_qubit * best.shots
    for factor in (0.5, 2.0):
        other = make(problem, 0.05, share=min(0.9, factor * spent / 0.05))
        assert price <= 1.1 * other.resources.two_qubit * other.shots
