"""Every solver of the table past a thousand rows: planned and emulated without anything dense, or refused in words."""

import sys
from pathlib import Path

import numpy as np
import pytest

from qgd_core.errors import PrecisionUnreachable
from qgd_core.planner.choose import SOLVERS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from emulation import problem_of

SIZE = 3000
# What refuses says why: too many commutators, or all generators assembled as one matrix.
REFUSED = {"pauli_lchs": "nested commutators", "qsvt_lchs": "assembled as one matrix"}
# Baselines of thousands of queries, and the route whose problem is another one.
LONG = {"euler_kernel", "mask_lchs", "trapezoid_qsvt"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(SOLVERS) - LONG))
def test_thousands_of_unknowns_are_planned_and_emulated(name):
    solver = SOLVERS[name]
    problem = problem_of(solver.problem, SIZE)
    if name in REFUSED:
        with pytest.raises(PrecisionUnreachable, match=REFUSED[name]):
            solver.make_plan(problem, 1e-2)
        return
    plan = solver.make_plan(problem, 1e-2)
    found = plan.emulate()
    shares = plan.error_budget
    error = np.linalg.norm(found.value - problem.classical())
    assert error <= (shares.total - shares.shots) * problem.unit + 1e-9
    assert plan.success_probability <= found.accepted + 1e-12
