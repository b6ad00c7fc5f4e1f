"""Recurrences that histories are laid out for, and what every layout, its plans and its gates are held to."""

from dataclasses import replace

import numpy as np
import pytest

from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.ode import history as history_module
from qgd_core.ode import history_plan
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.history_solve import plan_filter

M = np.array([[0.7, 0.2], [-0.1, 0.6]])
RECURRENCES = {
    "homogeneous": LinearRecurrence(M, None, [1.0, -0.5], 3),
    "source": LinearRecurrence(M, [0.1, -0.3], [1.0, -0.5], 5),
    "zero start": LinearRecurrence(M, [0.1, -0.3], [0.0, 0.0], 3),
    "some entries": LinearRecurrence([[0.9, 0.1], [0.0, -0.4]], [0.1, 0.2], [1.0, 1.0], 2, wanted=[1]),
    "not normal": LinearRecurrence([[0.9, 0.4], [0.0, 0.8]], [0.1, 0.2], [1.0, 0.3], 4),
    "growing": LinearRecurrence([[1.1, 0.1], [0.0, 0.9]], None, [1.0, -0.3], 4),
    "one entry": LinearRecurrence([[0.5]], [0.25], [-1.0], 3),
}


def random_window(n=2, rank=1, seed=0, offset=0.02, steps=4):
    """A recurrence whose steps know their slots."""
    rng = np.random.default_rng(seed)
    y, f = rng.normal(size=(rank, n)), rng.normal(size=n)
    step = LowRankMap(
        offset * f / np.linalg.norm(f),
        rng.uniform(0.4, 0.9, n),
        rng.uniform(0.02, 0.1, rank),
        y / np.linalg.norm(y, axis=1)[:, np.newaxis],
    )
    u0 = rng.uniform(-0.4, 0.4, n)
    system = carleman(step.field(0.5), order=2, step=0.5, scale=1.7)
    return LinearRecurrence(
        system.matrix,
        system.source,
        system.lift(u0),
        steps,
        wanted=range(n),
        structure=SlotSteps((step,), u0, 1.7, steps),
    )


def run_to_end(problem):
    z = problem.z0
    for t in range(problem.steps):
        z = problem.matrix_at(t) @ z + problem.source_at(t)
    return z[list(problem.wanted)]


@pytest.fixture(scope="session")
def recurrences():
    """The table, by name."""
    return RECURRENCES


@pytest.fixture(params=RECURRENCES)
def recurrence(request):
    """One row of the table."""
    return RECURRENCES[request.param]


@pytest.fixture(scope="session")
def window():
    """window(n, rank, seed, offset, steps): a recurrence in slots."""
    return random_window


@pytest.fixture(scope="session")
def end_of():
    """end_of(problem): z_T[wanted] by plain products."""
    return run_to_end


@pytest.fixture(scope="session")
def check_spectrum():
    """check_spectrum(history): its bounds hold; returns them with the dense values, smallest and gap."""

    def check(history):
        matrix = history.encoding.target.toarray()
        projected = matrix - np.outer(history.right, history.right @ matrix)
        values, gaps = (np.linalg.svd(a, compute_uv=False) for a in (matrix, projected))
        assert history.smallest <= values[-1]
        assert gaps[-1] < 1e-12
        assert history.smallest <= history.gap <= gaps[-2]
        return (history.smallest, values[-1]), (history.gap, gaps[-2])

    return check


@pytest.fixture(scope="session")
def check_share():
    """check_share(route, problem, eps): the emulated error is within the polynomial's share, the success as planned."""

    def check(route, problem, eps):
        assert route.error_budget.total == pytest.approx(eps)
        found = route.emulate()
        error = np.linalg.norm(found.value - run_to_end(problem))
        assert error <= route.error_budget.polynomial * problem.unit + 1e-10
        assert route.success_probability <= found.accepted + 1e-12

    return check


@pytest.fixture(scope="session")
def check_gates():
    """check_gates(route, problem): gates and emulation agree to 1e-9, and both with the recurrence and the costs."""

    def check(route, problem):
        program = route.compile()
        vector = simulate(program.circuit)
        amplitudes, branch = vector[: 2**program.circuit.n_bits], program.branch()
        np.testing.assert_allclose(np.abs(amplitudes), np.abs(branch), rtol=0, atol=1e-9)
        assert np.abs(vector[amplitudes.size :]).max(initial=0.0) == 0.0
        assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
        error = np.linalg.norm(route.read_amplitudes(amplitudes).value - run_to_end(problem))
        assert error <= route.error_budget.polynomial * problem.unit + 1e-8
        counts = cost(program.circuit)
        assert counts.two_qubit <= route.resources.two_qubit
        assert counts.rotations <= route.resources.rotations
        assert lower(program.circuit).n_qubits <= route.qubits

    return check


@pytest.fixture(scope="session")
def check_planted(check_gates):
    """check_planted(layouts): the gates of the first layout of one entry fail what they are held to."""

    def check(layouts):
        problem = RECURRENCES["one entry"]
        route = plan_filter(problem, layouts(problem)[0], 0.05)
        with pytest.raises(AssertionError):
            check_gates(route, problem)

    return check


def read_one_block_early(monkeypatch):
    kept = history_plan.CopiedReadout
    monkeypatch.setattr(
        history_plan, "CopiedReadout", lambda frame, b, size, copies, n: kept(frame, b, size, copies + 1, n)
    )


def start_one_block_late(monkeypatch):
    kept = history_module.History.prepare_right
    monkeypatch.setattr(
        history_module.History,
        "prepare_right",
        lambda history: kept(replace(history, first=history.first + 1)),
    )


@pytest.fixture(params=[read_one_block_early, start_one_block_late])
def misplaced(request, monkeypatch):
    """A block in the wrong place, planted."""
    request.param(monkeypatch)


def gradient_steps(n=3, seed=0, steps=6, offset=0.0, wanted=None, bend=0.08):
    """A quadratic gradient step in its eigenframe, as a window hands it over."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(2, n))
    step = LowRankMap(
        offset=offset * rng.normal(size=n),
        multipliers=1.0 - np.sort(rng.uniform(0.1, 0.5, n)),
        weights=bend * rng.uniform(0.5, 1.0, 2),
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
    )
    u0 = rng.uniform(-0.6, 0.6, n)
    scale = 0.7 / np.linalg.norm(u0)
    system = carleman(step.field(1.0), 2, step=1.0, scale=scale)
    return LinearRecurrence(
        system.matrix,
        system.source,
        system.lift(u0),
        steps,
        range(n) if wanted is None else wanted,
        structure=SlotSteps((step,), u0, scale, steps),
    )


DESCENTS = {
    "one variable": gradient_steps(1, 1),
    "two": gradient_steps(2, 2),
    "three": gradient_steps(3, 3),
    "four": gradient_steps(4, 4),
    "some entries": gradient_steps(4, 5, wanted=[2, 0]),
    "source": gradient_steps(2, 6, offset=0.004, bend=0.04),
    "far from the fixed point": gradient_steps(3, 7, offset=0.05),
    "a product wanted": gradient_steps(2, 8, wanted=[1, 3]),
    "one step": gradient_steps(2, 9, steps=1),
}


def check_mask_plan(route, problem):
    """Hold a plan to the exact recurrence, its circuit to its emulation, and both to what was planned."""
    truth = problem.classical()
    share = route.error_budget.discretisation * problem.unit
    assert share <= 0.9 * route.error_budget.total * problem.unit + 1e-12
    assert np.linalg.norm(route.emulate().value - truth) <= share + 1e-9
    program = route.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    assert np.abs(vector[2**program.circuit.n_bits :]).max() == 0
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    assert np.linalg.norm(route.read_amplitudes(amplitudes).value - truth) <= share + 1e-8
    assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
    built = cost(program.circuit)
    assert built.two_qubit <= route.resources.two_qubit <= 1.3 * built.two_qubit + 8
    assert built.rotations <= route.resources.rotations
    assert lower(program.circuit).n_qubits == route.qubits


@pytest.fixture(scope="session")
def descent():
    """descent(n, seed, steps, ...): a random quadratic gradient step in its eigenframe, over and over."""
    return gradient_steps


@pytest.fixture(scope="session")
def descents():
    """Such recurrences of every kind, by name."""
    return DESCENTS


@pytest.fixture(params=DESCENTS.values(), ids=DESCENTS)
def one_descent(request):
    """Each of them."""
    return request.param


@pytest.fixture(scope="session")
def check_masks():
    """check_masks(route, problem): a plan by masks, its emulation and its circuit against the exact recurrence."""
    return check_mask_plan
