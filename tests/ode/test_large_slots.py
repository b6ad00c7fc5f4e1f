"""Steps in slots of more variables than are assembled: marched, and solved as a history, by their classical action."""

import numpy as np
import pytest
from scipy.sparse import eye_array
from scipy.sparse.linalg import LinearOperator

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching
from qgd_core.ode.recurrence import plan_history_qsvt

N, STEPS = 40, 6


@pytest.mark.parametrize("make", [plan_marching, plan_history_qsvt])
def test_forty_variables(make):
    rng = np.random.default_rng(0)
    f, y = rng.normal(size=N), rng.normal(size=(2, N))
    step = LowRankMap(
        0.02 * f / np.linalg.norm(f),
        rng.uniform(0.3, 0.9, N),
        np.array([0.05, 0.03]),
        y / np.linalg.norm(y, axis=1)[:, np.newaxis],
    )
    field = {k: step.polynomial().coefficient(k) for k in range(3)}
    field[1] = field[1] - eye_array(N)
    start = 0.1 * np.ones(N)
    system = carleman(PolynomialField(field), order=2, step=1.0, scale=1.0)
    slots = SlotSteps((step,), start, 1.0, STEPS)
    problem = LinearRecurrence(
        system.matrix, system.source, system.lift(start), STEPS, range(N), structure=slots
    )
    assert isinstance(slots.realise((0,), 1.0).encodings[0].target, LinearOperator)
    route = make(problem, 0.1, "slots")
    share = max(route.error_budget.polynomial, 1e-12) * problem.unit
    assert np.linalg.norm(route.emulate().value - problem.classical()) <= share
