"""One table of problems for every solver, the pairs of a solver and a problem it takes, and the dense truth."""

from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.solvers import SOLVERS

EPS = 0.1


def turned(values, seed):
    """A matrix of these singular values between two random frames: not normal, but orthogonal where all are 1."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.normal(size=(len(values), len(values))))[0] for _ in range(2))
    return left * np.asarray(values) @ right


def drawn(n, seed):
    return np.random.default_rng(seed).normal(size=n)


def band(n, below, middle, above):
    return sp.diags_array([below, middle, above], offsets=[-1, 0, 1], shape=(n, n))


def systems():
    yield "one unknown", LinearSystem([[-0.5]], [2.0])
    yield "skewed, 2", LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5])
    padded = [[1.0, 0.2, 0.0], [0.0, 0.9, -0.2], [0.1, 0.0, 1.1]]
    yield "skewed, 3", LinearSystem(padded, [1.0, -0.5, 0.3])
    yield "both signs, 5", LinearSystem(np.diag([1.0, -0.7, 0.5, -0.4, 0.3]) + 0.05, drawn(5, 1))
    # What is declared of both edges of the spectrum, and of x, is exact.
    yield "orthogonal, 8", LinearSystem(turned(np.ones(8), 2), drawn(8, 2), smallest=1.0)
    edges, b = turned([1.0] * 4 + [0.125] * 4, 3), drawn(8, 3)
    x = np.linalg.solve(edges, b)
    exact = {"smallest": 0.125, "bound": np.linalg.norm(x), "floor": x.min()}
    yield "values at the edges, 8", LinearSystem(edges, b, **exact)
    ill, b = turned(np.geomspace(1.0, 1e-3, 8), 4), drawn(8, 4)
    yield "ill conditioned, 8", LinearSystem(ill, b, unit=np.linalg.norm(np.linalg.solve(ill, b)))
    yield "sparse, 33", LinearSystem(band(33, -0.4, 1.0, 0.3), drawn(33, 5))
    yield "symmetric, 64", LinearSystem(band(64, 0.5, 1.2, 0.5), drawn(64, 6))
    spread = turned(np.linspace(1.0, 0.2, 64), 7)
    yield "not normal, 64", LinearSystem(spread, drawn(64, 7), wanted=[0, 9, 63])


def recurrences():
    yield "one number", LinearRecurrence([[0.5]], [0.25], [-1.0], 3)
    yield "another number a step", LinearRecurrence([[[0.5]], [[0.8]], [[0.2]]], None, [1.0], 3)
    yield "source, 2", LinearRecurrence([[0.6, 0.2], [-0.1, 0.7]], [0.1, 0.0], [1.0, -0.5], 2)
    several = [turned([0.9, 0.6, 0.3], seed) for seed in (10, 11, 12)]
    sources = drawn(9, 8).reshape(3, 3)
    yield "another matrix and source a step, 3", LinearRecurrence(several, sources, drawn(3, 9), 3)
    shift = np.roll(np.eye(3), 1, axis=0)
    yield "norm 1 and a source, 3", LinearRecurrence(shift, [0.1, 0.0, 0.2], drawn(3, 14), 3)
    yield "norm 1, 5", LinearRecurrence(turned(np.ones(5), 13), None, drawn(5, 13), 4)
    yield "growing, 2", LinearRecurrence([[1.1, 0.3], [0.0, 0.9]], None, [1.0, -0.3], 4)
    nilpotent = np.diag(np.full(4, 0.9), 1)
    yield "singular from zero, 5", LinearRecurrence(nilpotent, drawn(5, 15), np.zeros(5), 3)
    spread = turned(np.linspace(0.9, 0.1, 8), 16)
    yield "source, 8", LinearRecurrence(spread, drawn(8, 16) / 4, drawn(8, 17), 3)
    yield "band, 33", LinearRecurrence(band(33, 0.25, 0.5, 0.2), np.full(33, 0.05), drawn(33, 18), 3)
    yield "band, 64", LinearRecurrence(band(64, 0.3, 0.5, 0.0), None, drawn(64, 19), 2, wanted=[0, 63])
    step = LowRankMap(np.zeros(2), np.array([0.8, 0.6]), np.array([0.05]), np.array([[0.6, 0.8]]))
    u0, scale = np.array([0.3, -0.4]), 1.4
    whole, slots = carleman(step.field(1.0), 2, step=1.0, scale=scale), SlotSteps((step,), u0, scale, 3)
    start = whole.lift(u0)
    yield "gradient step", LinearRecurrence(whole.matrix, whole.source, start, 3, range(2), structure=slots)


def flows():
    yield "one rate", LinearODE([[-0.7]], [0.2], [1.0], 1.0)
    yield "not normal, 2", LinearODE([[-0.5, 0.6], [-0.2, -0.8]], None, [1.0, -0.5], 0.8)
    # Its symmetric part has the eigenvalue 0.3.
    yield "almost dissipative, 2", LinearODE([[-0.2, 1.0], [0.0, -0.2]], None, [1.0, 0.5], 0.8)
    yield "rotation with a source, 2", LinearODE([[0.0, 1.0], [-1.0, 0.0]], [0.1, -0.2], [1.0, 0.0], 1.0)
    zero = [[0.0, 0.0, 0.0], [0.0, -1.0, 0.4], [0.0, -0.4, -0.5]]
    yield "zero mode, 3", LinearODE(zero, None, [1.0, 0.5, -0.5], 1.0)
    yield "normal from zero, 3", LinearODE(np.diag([-1.0, -0.5, -0.1]), [1.0, -1.0, 0.5], np.zeros(3), 1.0)
    stiff = np.diag([-0.01, -0.1, -1.0, -4.0, -16.0]) + np.diag(np.full(4, 0.05), 1)
    yield "stiff, 5", LinearODE(stiff, None, drawn(5, 20), 0.5)
    spread = turned(np.linspace(0.9, 0.1, 8), 21) - np.eye(8)
    yield "not normal, 8", LinearODE(spread, drawn(8, 21) / 4, drawn(8, 22), 1.0)
    yield "heat, 33", LinearODE(band(33, 1.0, -2.0, 1.0), None, np.sin(np.linspace(0.0, 3.0, 33)), 0.3)
    wind, wave = band(64, 0.5, -1.0, 0.3), np.cos(np.linspace(0.0, 3.0, 64))
    yield "heat and wind, 64", LinearODE(wind, None, wave, 0.3, wanted=[0, 31])


PROBLEMS = {LinearSystem: dict(systems()), LinearRecurrence: dict(recurrences()), LinearODE: dict(flows())}

NAMES = {kind: {name for name, row in SOLVERS.items() if row.problem is kind} for kind in PROBLEMS}
HISTORIES = {"history_qsvt", "history_hhl", "history_kernel"}
TAYLOR_HISTORIES = {"taylor_history_qsvt", "taylor_history_kernel"}
TRAPEZOIDS = {"trapezoid_qsvt", "trapezoid_kernel"}
LINEAR, FLOWS = NAMES[LinearSystem], NAMES[LinearODE]

# Pairs that do not apply, which test_bad_input sees refused.
BEYOND = {
    # Condition 1e3 needs more than 16 bits of phase.
    "ill conditioned, 8": {"hhl"},
    # Too many Pauli strings to bound their commutators.
    "not normal, 8": {"pauli_lchs"},
}
# Pairs that take more than a second to plan or to emulate.
SLOW = {
    "ill conditioned, 8": {"adiabatic", "cks"},
    "not normal, 64": {"adiabatic"},
    "another matrix and source a step, 3": HISTORIES | {"marching"},
    "norm 1 and a source, 3": HISTORIES,
    "norm 1, 5": HISTORIES,
    "singular from zero, 5": HISTORIES,
    "band, 64": HISTORIES,
    "stiff, 5": {"euler_kernel"},
    "heat, 33": TAYLOR_HISTORIES | {"taylor_marching"},
    "heat and wind, 64": FLOWS - {"lchs"},
}
# Circuits that are simulated at once, and those that take up to half a minute.
CIRCUITS = {
    "one unknown": LINEAR,
    "skewed, 2": LINEAR - {"adiabatic"},
    "skewed, 3": LINEAR - {"adiabatic", "hhl"},
    "both signs, 5": {"qsvt", "cks", "kernel_reflection", "kernel_ladder"},
    "orthogonal, 8": {"qsvt", "cks", "kernel_reflection"},
    "values at the edges, 8": {"qsvt", "cks"},
    "one number": NAMES[LinearRecurrence] - {"history_hhl"},
    "another number a step": NAMES[LinearRecurrence] - {"history_hhl"},
    "source, 2": {"marching", "history_qsvt", "history_kernel"},
    "norm 1 and a source, 3": {"marching"},
    "growing, 2": {"marching", "history_qsvt", "history_kernel"},
    "singular from zero, 5": {"marching"},
    "source, 8": {"marching"},
    "gradient step": {"marching", "mask_lchs", "history_qsvt"},
    "one rate": FLOWS,
    "not normal, 2": FLOWS - {"euler_kernel"},
    "almost dissipative, 2": FLOWS - {"euler_kernel"},
    "rotation with a source, 2": {"lchs", "pauli_lchs", "qsvt_lchs", "taylor_marching"},
    "zero mode, 3": {"lchs", "pauli_lchs", "qsvt_lchs", "taylor_marching", *TAYLOR_HISTORIES},
    "normal from zero, 3": {"lchs", "pauli_lchs", "taylor_marching", *TAYLOR_HISTORIES, *TRAPEZOIDS},
    "stiff, 5": {"lchs", "taylor_marching"},
    "not normal, 8": {"lchs", "taylor_marching"},
}
LARGE_CIRCUITS = {
    "skewed, 2": {"adiabatic"},
    "skewed, 3": {"adiabatic", "hhl"},
    "both signs, 5": {"hhl"},
    "orthogonal, 8": {"kernel_ladder"},
    "values at the edges, 8": {"kernel_reflection"},
    "ill conditioned, 8": {"qsvt", "cks"},
    "sparse, 33": {"qsvt", "cks", "kernel_reflection"},
    "symmetric, 64": {"qsvt", "cks"},
    "another number a step": {"history_hhl"},
    "another matrix and source a step, 3": {"marching", "history_qsvt", "history_kernel"},
    "norm 1 and a source, 3": {"history_qsvt", "history_kernel"},
    "norm 1, 5": {"marching", "history_qsvt", "history_kernel"},
    "singular from zero, 5": {"history_qsvt", "history_kernel"},
    "gradient step": {"history_kernel"},
    "not normal, 2": {"euler_kernel"},
    "rotation with a source, 2": {*TAYLOR_HISTORIES, *TRAPEZOIDS},
    "zero mode, 3": {"euler_kernel", *TRAPEZOIDS},
    "normal from zero, 3": {"qsvt_lchs"},
    "stiff, 5": {"pauli_lchs"},
    "not normal, 8": TAYLOR_HISTORIES,
    "heat, 33": {"lchs", "taylor_marching"},
    "heat and wind, 64": {"lchs"},
}


def applies(name, case):
    """Whether a solver takes a problem of the table."""
    row = SOLVERS[name]
    problem = PROBLEMS[row.problem].get(case)
    return problem is not None and row.takes(problem) and name not in BEYOND.get(case, ())


def parameters(pairs, slow):
    """The pairs as parameters, some of them marked slow."""
    return [
        pytest.param((name, case), id=f"{name}-{case}", marks=[pytest.mark.slow] if slow(name, case) else [])
        for name, case in pairs
    ]


PAIRS = [
    (name, case) for name, row in SOLVERS.items() for case in PROBLEMS[row.problem] if applies(name, case)
]
BUILT = [
    (name, case)
    for name, case in PAIRS
    if name in CIRCUITS.get(case, ()) or name in LARGE_CIRCUITS.get(case, ())
]


@cache
def planned(name, case, eps=EPS):
    row = SOLVERS[name]
    return row.make_plan(PROBLEMS[row.problem][case], eps)


@pytest.fixture(params=parameters(PAIRS, lambda name, case: name in SLOW.get(case, ())))
def route(request):
    """The plan of one solver for one problem of the table."""
    return planned(*request.param)


@pytest.fixture(
    params=parameters(
        BUILT, lambda name, case: any(name in table.get(case, ()) for table in (SLOW, LARGE_CIRCUITS))
    )
)
def built(request):
    """The same for those whose circuit can be simulated."""
    return planned(*request.param)


# A baseline that takes 1e5 steps for a stiff flow.
FINE = [pair for pair in PAIRS if pair != ("euler_kernel", "stiff, 5")]
# One problem of every kind.
FIRST = ("skewed, 2", "one number", "not normal, 2", "gradient step")


@pytest.fixture(
    params=parameters(FINE, lambda name, case: case not in FIRST or name in ("euler_kernel", "qsvt_lchs"))
)
def fine(request):
    """The same at a small error."""
    return planned(*request.param, eps=5e-3)


# Problems of which every route is planned in a few seconds.
QUICK = ("skewed, 2", "one number", "one rate")


@pytest.fixture(
    params=[
        pytest.param(problem, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
        for rows in PROBLEMS.values()
        for name, problem in rows.items()
    ]
)
def problem(request):
    """Every problem of the table."""
    return request.param


@pytest.fixture(params=[(name, case) for case, names in BEYOND.items() for name in names])
def beyond(request):
    """A solver, and a problem of the table that it does not serve."""
    name, case = request.param
    return name, PROBLEMS[SOLVERS[name].problem][case]


@pytest.fixture(scope="session")
def table():
    """The problems by kind and name, the pairs that are planned and those that are built."""
    return PROBLEMS, PAIRS, BUILT


@pytest.fixture(scope="session")
def exact():
    """exact(problem): the wanted numbers by dense linear algebra."""

    def answer(problem):
        if isinstance(problem, LinearSystem):
            x = np.linalg.solve(problem.matrix.toarray(), problem.b)
            return x[problem.wanted].mean(axis=1)
        z, wanted = problem.z0, list(problem.wanted)
        if isinstance(problem, LinearODE):
            whole = np.block(
                [[np.zeros((1, 1 + z.size))], [problem.b[:, np.newaxis], problem.matrix.toarray()]]
            )
            return (expm(problem.time * whole) @ np.append(1.0, z))[1:][wanted]
        for t in range(problem.steps):
            z = problem.matrix_at(t).toarray() @ z + problem.source_at(t)
        return z[wanted]

    return answer
