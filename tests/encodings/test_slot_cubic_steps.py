"""A window of order 3 in slots: gates, emulation and the assembled Carleman system agree."""

import numpy as np
import pytest

from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.low_rank_cubic import LowRankCubic
from qgd_core.encodings.slot_cubic_steps import CubicSlotSteps, cubic_start, cubic_start_cost
from qgd_core.encodings.slots_cubic import CubicLayout
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching


def window(n=2, rank=1, seed=0, steps=3, order=3):
    """A recurrence of order 3 with its structure, or the same of order 2 without."""
    rng = np.random.default_rng(seed)
    y, f = rng.normal(size=(rank, n)), rng.normal(size=n)
    step = LowRankCubic(
        LowRankMap(
            0.02 * f / np.linalg.norm(f),
            rng.uniform(0.4, 0.9, n),
            rng.uniform(0.02, 0.1, rank),
            y / np.linalg.norm(y, axis=1)[:, np.newaxis],
        ),
        rng.uniform(-0.05, 0.05, rank),
    )
    u0 = rng.uniform(-0.4, 0.4, n)
    system = carleman(step.field(0.5), order=order, step=0.5, scale=1.7)
    structure = CubicSlotSteps(step, u0, 1.7, steps) if order == 3 else None
    problem = LinearRecurrence(
        system.matrix, system.source, system.lift(u0), steps, wanted=range(n), structure=structure
    )
    return problem, step, u0


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_emulation_follows_the_assembled_system(n, rank):
    problem, _, _ = window(n, rank, seed=n)
    plan = plan_marching(problem, 0.05, "slots_cubic")
    np.testing.assert_allclose(plan.emulate().value, problem.classical(), rtol=0, atol=1e-12)


def test_gates_follow_the_emulation():
    problem, _, _ = window(2, 1, steps=2)
    plan = plan_marching(problem, 0.05, "slots_cubic")
    program = plan.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        plan.read_amplitudes(amplitudes).value, problem.classical(), rtol=0, atol=1e-12
    )
    counts = cost(program.circuit)
    assert counts.two_qubit <= plan.resources.two_qubit
    assert counts.rotations <= plan.resources.rotations


def test_order_three_is_nearer_to_the_map_than_order_two():
    errors = []
    for order in (2, 3):
        problem, step, u = window(4, 2, seed=3, steps=8, order=order)
        for _ in range(8):
            u = step.polynomial()(u)
        errors.append(np.linalg.norm(problem.classical() / 1.7 - u))
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_start_vector(n):
    layout, v = CubicLayout(tuple(range(n))), np.random.default_rng(n).normal(size=n)
    wanted = layout.lift_cubic(v, (0.7, 0.4))
    circuit = cubic_start(layout.place(v), (0.7, 0.4))
    np.testing.assert_allclose(simulate(circuit), wanted / np.linalg.norm(wanted), rtol=0, atol=1e-14)
    counts = cost(circuit)
    assert counts["cx"] <= cubic_start_cost(layout.n_slot)
    assert counts.rotations <= cubic_start_cost(layout.n_slot) + 1
