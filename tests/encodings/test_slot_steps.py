"""A whole window in slots: gates, emulation and the assembled Carleman system agree, and costs are known first."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from qgd_core.carleman.system import carleman
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import sample, simulate
from qgd_core.dynamics.frame import change, rotate
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching


def window(n, rank, seed, offset=0.02, steps=4, wanted=None):
    """A recurrence with its structure, as a training window makes them."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(rank, n))
    f = rng.normal(size=n)
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
        wanted=range(n) if wanted is None else wanted,
        structure=SlotSteps((step,), u0, 1.7, steps),
    )


def stochastic(n, rank, seed, steps=3):
    """A map a step, each in its own eigenframe, as minibatches make them."""
    rng = np.random.default_rng(seed)
    maps, frames, systems = [], [], []
    for t in range(steps):
        y, f = rng.normal(size=(rank, n)), rng.normal(size=n)
        step = LowRankMap(
            0.02 * f / np.linalg.norm(f),
            rng.uniform(0.4, 0.9, n),
            rng.uniform(0.02, 0.1, rank),
            y / np.linalg.norm(y, axis=1)[:, np.newaxis],
        )
        frame = ortho_group.rvs(n, random_state=100 * seed + t)
        maps.append(step)
        frames.append(frame)
        systems.append(carleman(rotate(step.field(0.5), frame.T), order=2, step=0.5, scale=1.7))
    u0 = rng.uniform(-0.4, 0.4, n)
    return LinearRecurrence(
        [system.matrix for system in systems],
        np.array([system.source for system in systems]),
        systems[0].lift(u0),
        steps,
        wanted=range(n),
        structure=SlotSteps(tuple(maps), u0, 1.7, steps, tuple(frames)),
    )


def rotating(n, rank, seed, steps=3):
    """A map a step whose values stand on other axes than its argument, and whose squares go elsewhere: momentum's."""
    rng = np.random.default_rng(seed)
    maps, frames, images, fields = [], [], [], []
    for t in range(steps):
        y, x, f = rng.normal(size=(rank, n)), rng.normal(size=(rank, n)), rng.normal(size=n)
        step = LowRankMap(
            0.02 * f / np.linalg.norm(f),
            rng.uniform(0.4, 0.9, n),
            rng.uniform(0.02, 0.1, rank),
            y / np.linalg.norm(y, axis=1)[:, np.newaxis],
            x / np.linalg.norm(x, axis=1)[:, np.newaxis],
        )
        frame, image = (ortho_group.rvs(n, random_state=100 * seed + 2 * t + i) for i in range(2))
        maps.append(step)
        frames.append(frame)
        images.append(image)
        # u -> image map(frame^T u), less u: a field whose unit step it is.
        turned = change(step.polynomial(), frame.T, image)
        fields.append(turned + PolynomialField({1: -np.eye(n)}))
    u0 = rng.uniform(-0.4, 0.4, n)
    systems = [carleman(field, order=2, step=1.0, scale=1.7) for field in fields]
    return LinearRecurrence(
        [system.matrix for system in systems],
        np.array([system.source for system in systems]),
        systems[0].lift(u0),
        steps,
        wanted=range(n),
        structure=SlotSteps(tuple(maps), u0, 1.7, steps, tuple(frames), tuple(images)),
    )


WINDOWS = {
    "two": window(2, 1, 0),
    "four": window(4, 2, 1),
    "padded": window(3, 1, 2),
    "no offset": window(4, 2, 3, offset=0.0),
    "some entries": window(4, 1, 4, wanted=[2, 0]),
    "no cubic part": window(2, 0, 5),
    "a map a step": stochastic(4, 2, 6),
    "a map a step, two variables": stochastic(2, 1, 7),
    "a map a step, padded": stochastic(3, 1, 8),
    "values on other axes": rotating(4, 2, 9),
    "values on other axes, one term": rotating(3, 1, 10),
}


@pytest.mark.parametrize("problem", WINDOWS.values(), ids=WINDOWS)
def test_gates_emulation_and_the_assembled_recurrence_agree(problem):
    plan = plan_marching(problem, 0.05, "slots")
    program = plan.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    assert np.abs(vector[2**program.circuit.n_bits :]).max() == 0
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        plan.read_amplitudes(amplitudes).value, problem.classical(), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(plan.emulate().value, problem.classical(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("problem", WINDOWS.values(), ids=WINDOWS)
def test_the_plan_knows_its_costs_before_building(problem):
    plan = plan_marching(problem, 0.05, "slots")
    circuit = plan.compile().circuit
    counts = cost(circuit)
    assert circuit.n_qubits == plan.qubits
    assert counts.two_qubit <= plan.resources.two_qubit
    assert counts.rotations <= plan.resources.rotations
    accepted = float(np.linalg.norm(simulate(circuit)) ** 2)
    assert plan.success_probability <= accepted + 1e-12
    assert plan.emulate().accepted == pytest.approx(accepted, rel=0, abs=1e-12)


def test_the_planned_shots_keep_the_sampling_error_below_its_share():
    problem = WINDOWS["two"]
    plan = plan_marching(problem, 0.05, "slots")
    errors = []
    for seed in range(20):
        counts, _ = sample(plan.compile().circuit, plan.shots, seed)
        estimate = plan.read_counts(counts, plan.shots)
        errors.append(np.linalg.norm(estimate.value - problem.classical()))
    assert 0.005 * problem.unit <= max(errors) <= 0.05 * problem.unit


def test_auto_takes_slots_and_keeps_the_encoding_from_entries_as_a_loser():
    plan = plan_marching(WINDOWS["four"], 0.05)
    assert plan.parameters["encoding"] == "slots"
    (loser,) = plan.losers
    assert loser.parameters["encoding"] != "slots"
    assert plan.resources.two_qubit * plan.shots < loser.resources.two_qubit * loser.shots
    np.testing.assert_allclose(plan.emulate().value, loser.emulate().value, rtol=0, atol=1e-12)
    assert plan_marching(WINDOWS["four"], 0.05, "row_column").parameters["encoding"] == "row_column"


def test_a_start_at_the_centre_still_moves():
    problem = window(3, 1, 7, offset=0.1)
    structure = SlotSteps(problem.structure.maps, np.zeros(3), 1.7, 4)
    z0 = np.zeros_like(problem.z0)
    still = LinearRecurrence(
        problem.matrices[0], problem.sources[0], z0, 4, wanted=range(3), structure=structure
    )
    plan = plan_marching(still, 0.1, "slots")
    np.testing.assert_allclose(plan.emulate().value, still.classical(), rtol=0, atol=1e-12)


def test_half_of_the_shots_of_a_dissipative_window_are_accepted():
    plan = plan_marching(window(4, 2, 3, offset=0.0, steps=10), 0.05, "slots")
    assert plan.success_probability >= 0.45
