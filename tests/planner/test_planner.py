import dataclasses

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.errors import ConfigError, PrecisionUnreachable, UnknownBackend
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import solve

PROBLEM = LinearRecurrence([[0.6, 0.2], [-0.1, 0.7]], [0.1, 0.0], [1.0, -0.5], 3)


@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_solve_is_exact_on_amplitudes_and_within_budget_on_shots(backend):
    exact = solve(PROBLEM, 0.05, backend=backend)
    np.testing.assert_allclose(exact.value, PROBLEM.classical(), rtol=0, atol=1e-9)
    assert np.all(exact.stderr == 0)
    shots = plan(PROBLEM, 0.05).shots
    sampled = solve(PROBLEM, 0.05, backend=backend, shots=shots, seed=3)
    assert np.linalg.norm(sampled.value - PROBLEM.classical()) <= sampled.error_budget.total * PROBLEM.unit
    assert sampled.resources.shots == shots
    assert sampled.success_probability == pytest.approx(exact.success_probability, abs=0.05)


def test_a_seed_repeats_and_matters():
    first, again, other = (solve(PROBLEM, 0.05, shots=500, seed=s).value for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


@pytest.mark.parametrize("eps", [0.0, -1.0, float("nan"), "0.1"])
def test_an_eps_that_is_no_positive_number_is_refused(eps):
    with pytest.raises(ConfigError, match="eps"):
        plan(PROBLEM, eps)


def test_unknown_names_offer_the_nearest_one():
    with pytest.raises(ConfigError, match="Did you mean 'marching'"):
        plan(PROBLEM, 0.1, solver="marchin")
    with pytest.raises(UnknownBackend):
        solve(PROBLEM, 0.1, backend="nonesuch")
    with pytest.raises(ConfigError, match=r"get_backend\('reference'\)"):
        plan(PROBLEM, 0.1, backend="reference")


def test_a_plan_too_wide_for_the_backend_says_so(monkeypatch):
    small = get_backend("reference")
    monkeypatch.setattr(small, "capabilities", dataclasses.replace(small.capabilities, max_qubits=1))
    with pytest.raises(PrecisionUnreachable, match="qubits; the backend has 1"):
        plan(LinearRecurrence([[0.5]], [0.25], [-1.0], 2), 0.4, backend=small)


def test_amplification_is_an_option_of_every_route():
    hard = LinearSystem([[1.0, 0.6], [0.6, 0.5]], [1.0, -0.3], bound=8.2, floor=-6.5)
    plain, amplified = plan(hard, 0.1, "qsvt"), plan(hard, 0.1, "qsvt", amplified=True)
    assert amplified.resources.two_qubit * amplified.shots < plain.resources.two_qubit * plain.shots
    found = solve(hard, 0.1, "qsvt", amplified=True)
    assert found.success_probability > 50 * plain.emulate().accepted
    np.testing.assert_allclose(found.value, plain.emulate().value, rtol=0, atol=1e-9)


def test_the_explanation_gives_the_reason_that_held():
    system = LinearSystem([[1.0, 0.3], [-0.2, 0.8]], [1.0, -0.5])
    assert (
        "marching is chosen: least two-qubit gates times shots."
        in plan(PROBLEM, 0.1, thorough=True).explain()
    )
    qsvt, cks = plan(system, 0.1, "qsvt"), plan(system, 0.1, "cks")
    assert "cks is the one route that was planned." in cks.explain()
    said = dataclasses.replace(cks, losers=(qsvt,)).explain()
    assert f"of what scales and fits the backend; qsvt by band on {qsvt.qubits} qubits takes fewer." in said
    # A dense factorisation of the step is cheaper here, and does not scale.
    dense = plan(PROBLEM, 0.1, "history_kernel").explain()
    assert "fits the backend; history_kernel by framed history of svd on 10 qubits takes fewer." in dense
