"""One table of problems for every linear solver, with the dense truth beside each."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import ortho_group

from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.linear.system import LinearSystem

CASES = json.loads((Path(__file__).parents[1] / "data" / "linear_systems.json").read_text())["cases"]


def with_values(values, seed):
    """A non-normal matrix with these singular values."""
    n = len(values)
    left, right = ortho_group.rvs(n, random_state=seed), ortho_group.rvs(n, random_state=seed + 50)
    return left @ np.diag(values) @ right


def systems():
    rng = np.random.default_rng(1)
    yield "one unknown", LinearSystem([[-0.5]], [2.0])
    yield "normal", LinearSystem(np.diag([1.0, -0.4, 0.5, 0.8]), rng.normal(size=4))
    yield "values at the edge", LinearSystem(ortho_group.rvs(4, random_state=3), rng.normal(size=4))
    yield "padded", LinearSystem(with_values([2.0, 1.0, 0.7], 5), rng.normal(size=3))
    yield "triangular", LinearSystem(np.eye(4) + np.diag([1.0, -1.0, 1.0], 1), rng.normal(size=4))
    yield "ill conditioned", LinearSystem(with_values([1.0, 0.5, 0.1, 0.05], 6), rng.normal(size=4))
    yield (
        "sparse",
        LinearSystem(sp.diags_array([1.0, -0.6, 0.2], offsets=[0, -1, 2], shape=(7, 7)), np.ones(7)),
    )
    yield (
        "some entries",
        LinearSystem(with_values([1.0, 0.8, 0.5, 0.4], 7), rng.normal(size=4), wanted=[2, 0]),
    )
    yield (
        "known beforehand",
        LinearSystem(
            np.diag([1.0, 0.5, 0.25]), [1.0, 1.0, 0.5], smallest=0.2, bound=4.0, floor=0.0, unit=2.0
        ),
    )
    a = np.kron(np.eye(2), with_values([1.0, 0.6], 8))
    yield "in two places", LinearSystem(a, np.tile(rng.normal(size=2), 2), wanted=[(0, 2), (1, 3)])
    yield "peers 8", LinearSystem(CASES[0]["A"], CASES[0]["b"])


SYSTEMS = dict(systems())


@pytest.fixture(params=SYSTEMS)
def system(request):
    """One row of the table."""
    return SYSTEMS[request.param]


@pytest.fixture
def peers():
    """The cases that other packages were measured on: (A, b) by size."""
    return {case["n"]: (np.array(case["A"]), np.array(case["b"])) for case in CASES}


def _truth(problem):
    x = np.linalg.solve(problem.matrix.toarray(), problem.b)
    return x[problem.wanted].mean(axis=1)


@pytest.fixture
def truth():
    """x[wanted] by dense elimination."""
    return _truth


@pytest.fixture
def check():
    """Hold a plan to the dense truth, its circuit to its emulation, and both to what was planned."""

    def run(plan):
        problem = plan.problem
        value = _truth(problem)
        share = plan.error_budget.polynomial * problem.unit
        assert np.linalg.norm(plan.emulate().value - value) <= share + 1e-9
        program = plan.compile()
        vector = simulate(program.circuit)
        amplitudes = vector[: 2**program.circuit.n_bits]
        assert np.abs(vector[2**program.circuit.n_bits :]).max() == 0  # all else was rejected
        branch = program.branch()
        turn = np.vdot(branch, amplitudes)
        np.testing.assert_allclose(amplitudes, branch * turn / abs(turn), rtol=0, atol=1e-9)
        assert np.linalg.norm(plan.read_amplitudes(amplitudes).value - value) <= share + 1e-8
        accepted = float(np.vdot(amplitudes, amplitudes).real)
        assert plan.success_probability <= accepted + 1e-12
        built = cost(program.circuit)
        assert built.two_qubit <= plan.resources.two_qubit
        assert built.rotations <= plan.resources.rotations
        assert lower(program.circuit).n_qubits <= plan.qubits

    return run
