"""Queries against T from plans and from built trees, beside theorems 1 and 2 of arXiv:2303.03428."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from growth import FIELDS, history, marching


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("dissipative", 1.05), ("zero mode", 2.0)])
@pytest.mark.parametrize("make", [marching, history])
def test_queries_grow_as_the_theorems_say_and_trees_as_planned(make, name, most):
    steps, weighted = (8, 16, 32), []
    for t in steps:
        plan, built = make(FIELDS[name], t)
        assert built == plan.queries
        weighted.append(built / np.sqrt(plan.success_probability))
    assert np.polyfit(np.log(steps), np.log(weighted), 1)[0] <= most
