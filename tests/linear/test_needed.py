"""What plans say that they needed classically, against what they were seen to call."""

import functools

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.linear.system import LinearSystem
from qgd_core.ode import adjoined, flow, history, lchs
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.planner.solvers import SOLVERS

# Only three numbers are read: what the read-outs work out is smaller than the matrix.
N, READ = 8, (0, 1, 2)
RNG = np.random.default_rng(5)
NOISE = RNG.normal(size=(N, N)) / 8
PROBLEMS = {
    LinearSystem: LinearSystem(np.eye(N) + NOISE, np.ones(N), READ),
    LinearRecurrence: LinearRecurrence(0.5 * np.eye(N) + NOISE / 2, None, np.ones(N), 2, READ),
    LinearODE: LinearODE(NOISE - np.eye(N), None, np.ones(N), 0.5, READ),
}


@pytest.fixture
def seen(monkeypatch):
    """Names of the dense cubic routines called on matrices of at least `rows` rows."""
    calls, least = set(), N

    def watch(module, name):
        kept = getattr(module, name)

        @functools.wraps(kept)
        def watched(a, *args, **kwargs):
            cubic = name != "norm" or 2 in args[:1]
            if cubic and np.ndim(a) == 2 and min(np.shape(a)) >= least:
                calls.add(name)
            return kept(a, *args, **kwargs)

        monkeypatch.setattr(module, name, watched)

    for name in ("svd", "eigh", "eigvalsh", "inv", "norm"):
        watch(np.linalg, name)
    for module, name in ((flow, "eigvalsh"), (history, "eigvalsh"), (adjoined, "expm"), (lchs, "expm")):
        watch(module, name)
    watch(scipy.linalg, "eigh")
    return calls


@pytest.mark.parametrize("name", [name for name in SOLVERS if name not in ("mask_lchs", "pauli_lchs")])
def test_every_route_says_which_dense_routines_it_called(name, seen):
    plan = SOLVERS[name].make_plan(PROBLEMS[SOLVERS[name].problem], 0.3)
    plan.emulate()
    needed = plan.parameters["needed"]
    assert seen, name
    assert "^3" in needed
    assert needed in plan.explain()
    if seen & {"svd", "norm"} and not seen & {"eigvalsh", "eigh"}:
        assert "singular value" in needed or "norms" in needed
    if seen & {"eigvalsh", "eigh"}:
        assert "eigenv" in needed


def test_few_strings_need_eigenvalues_and_norms(seen):
    paired = np.kron(np.eye(4), [[-1.0, 0.2], [-0.2, -1.0]])[:7, :7]
    plan = SOLVERS["pauli_lchs"].make_plan(LinearODE(paired, None, np.ones(7), 0.2, READ), 0.3)
    assert seen >= {"eigvalsh", "norm"}
    assert "eigenvalues" in plan.parameters["needed"]
    assert "norms of nested commutators" in plan.parameters["needed"]


def test_a_dense_encoding_is_named():
    problem = PROBLEMS[LinearRecurrence]
    assert (
        "dense singular value decomposition, D^3"
        in SOLVERS["marching"].make_plan(problem, 0.3, "svd").parameters["needed"]
    )
    assert (
        "decomposition" not in SOLVERS["marching"].make_plan(problem, 0.3, "row_column").parameters["needed"]
    )


@pytest.mark.parametrize("kind", PROBLEMS)
def test_nothing_dense_past_the_limit_and_nothing_dense_is_claimed(kind, seen):
    n = 600
    step = sp.diags_array([0.1, 0.5, 0.1], offsets=[-1, 0, 1], shape=(n, n), format="csr")
    if kind is LinearSystem:
        plan = SOLVERS["qsvt"].make_plan(LinearSystem(step, np.ones(n), READ), 0.3, "band")
        assert "factorisation" in plan.parameters["needed"]
    elif kind is LinearRecurrence:
        plan = SOLVERS["marching"].make_plan(LinearRecurrence(step, None, np.ones(n), 2, READ), 0.3, "band")
    else:
        ode = LinearODE(step - sp.eye_array(n), None, np.ones(n), 0.5, READ)
        plan = SOLVERS["taylor_marching"].make_plan(ode, 0.3)
    assert not seen
    assert "^3" not in plan.parameters["needed"]


def test_masks_need_an_eigenframe_of_the_variables_alone(seen):
    n = 3
    step = LowRankMap(np.zeros(n), np.array([0.6, 0.7, 0.8]), np.array([0.05]), np.ones((1, n)) / np.sqrt(n))
    start = np.array([0.3, -0.2, 0.1])
    system = carleman(step.field(1.0), 2, step=1.0, scale=2.0)
    known = SlotSteps((step,), start, 2.0, 4)
    problem = LinearRecurrence(system.matrix, system.source, system.lift(start), 4, range(n), structure=known)
    plan = SOLVERS["mask_lchs"].make_plan(problem, 0.1)
    # Nothing of the D = 12 rows is turned into a dense matrix.
    assert not seen
    assert "eigenframe, n^3" in plan.parameters["needed"]
    assert plan.parameters["needed"] in plan.explain()
