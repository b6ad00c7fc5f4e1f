"""The synthesis share: a branch moved by what it allows stays within the share, whatever the direction."""

import math

import numpy as np
import pytest

from qgd_core.circuit.counts import rotation_t_count
from qgd_core.linear.synthesis import synthesis_share
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import solve
from qgd_core.planner.solvers import SOLVERS

PROBLEMS = {
    LinearSystem: LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5]),
    LinearRecurrence: LinearRecurrence([[0.6, 0.2], [-0.1, 0.7]], [0.1, 0.0], [1.0, -0.5], 2),
    LinearODE: LinearODE([[-0.5, 0.6], [-0.2, -0.8]], None, [1.0, -0.5], 0.8),
}
NAMES = [name for name in SOLVERS if name != "mask_lchs"]


def worst(route, problem, size, *, on_sphere=False):
    """What a change of this length in the branch does to the answer at most: by the measured Jacobian.

    On the sphere: the whole state keeps its length, so that a branch of length sqrt(p) grows by sqrt(1 - p) at most.
    """
    branch = route.branch()
    value = route.readout.from_amplitudes(branch).value
    step = 1e-7
    columns = []
    for i in np.flatnonzero(np.abs(branch) > 1e-3):
        moved = branch.copy()
        moved[i] += step * branch[i] / abs(branch[i])
        columns.append((route.readout.from_amplitudes(moved).value - value) / step)
    jacobian = np.array(columns).T
    if on_sphere:
        seen = np.abs(branch[np.abs(branch) > 1e-3])
        lost = 1.0 - math.sqrt(max(0.0, 1.0 - float(seen @ seen)))
        jacobian = jacobian - lost * np.outer(jacobian @ seen, seen) / (seen @ seen)
    return size * np.linalg.norm(jacobian, 2) / problem.unit


@pytest.mark.parametrize("name", NAMES)
def test_a_branch_that_synthesis_moves_stays_within_its_share(name):
    problem = PROBLEMS[SOLVERS[name].problem]
    route = plan(problem, 0.3, name)
    shares = route.error_budget
    assert shares.total == pytest.approx(0.3)
    assert shares.synthesis > 0
    assert worst(route, problem, route.resources.synthesis) <= shares.synthesis * 1.001
    assert route.resources.t_gates == rotation_t_count(route.resources.rotations, route.resources.synthesis)
    assert all(loser.error_budget.synthesis == shares.synthesis for loser in route.losers)


@pytest.mark.parametrize("name", ["marching", "qsvt", "lchs"])
def test_the_share_is_not_far_from_what_is_used(name):
    problem = PROBLEMS[SOLVERS[name].problem]
    route = plan(problem, 1e-3, name)
    assert worst(route, problem, route.resources.synthesis) >= 0.05 * route.error_budget.synthesis


def test_amplified_routes_keep_within_it_too():
    hard = LinearSystem([[1.0, 0.6], [0.6, 0.5]], [1.0, -0.3], bound=8.2, floor=-6.5)
    route = plan(hard, 0.1, "qsvt", amplified=True)
    assert route.parameters["amplification rounds"] >= 1
    moved = worst(route, hard, route.resources.synthesis, on_sphere=True)
    assert moved <= route.error_budget.synthesis * 1.001


@pytest.mark.parametrize("eps", [1e-6, 1e-2, 0.5])
def test_the_share_is_the_cheapest(eps):
    share = synthesis_share(eps)

    def cost(part):
        return math.log(1e6 / (part * eps)) / (1.0 - part) ** 2

    assert 0.005 < share < 0.1
    assert cost(share) <= 1.0001 * min(cost(part) for part in np.geomspace(1e-3, 0.9, 2000))


def test_a_solution_counts_its_t_gates_at_the_accuracy_of_its_plan():
    problem = PROBLEMS[LinearRecurrence]
    found, route = solve(problem, 0.05, "marching"), plan(problem, 0.05, "marching")
    assert found.resources.synthesis == route.resources.synthesis
    assert found.resources.t_gates == rotation_t_count(found.resources.rotations, route.resources.synthesis)
    assert found.resources.t_gates <= route.resources.t_gates
    finer = plan(problem, 5e-4, "marching")
    assert finer.resources.t_gates > route.resources.t_gates
