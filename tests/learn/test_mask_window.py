"""Windows of the reference problem as flows by XOR masks, planned blind, against true gradient descent."""

import sys
from pathlib import Path

import pytest

from qgd_core.circuit.counts import cost
from qgd_core.learn.settings import Settings
from qgd_core.learn.window import plan_window

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from training import Case, errors


@pytest.fixture(scope="module")
def case():
    return Case(4)


@pytest.mark.parametrize(("newton_steps", "budget"), [(1, 0.05), (1, 0.03), (2, 0.03)])
def test_a_window_of_four_weights_keeps_its_figures(case, newton_steps, budget):
    """Whatever the budget leaves to sampling, exact amplitudes are within 5e-3 of the move, one Newton step or two."""
    settings = Settings(steps=10, newton_steps=newton_steps, budget=budget, solver="mask_lchs")
    plan = plan_window(case.loss, case.start, settings)
    exact, affine, *_ = errors(plan, case, case.loss, settings)
    assert cost(plan.route.compile().circuit).two_qubit <= 1100
    assert plan.route.qubits <= 8
    assert exact <= min(5e-3, affine / 3)
