"""Large flows by sparse products: against dense exponentials, and as the circuit's branch would be."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm

from qgd_core.errors import ConfigError
from qgd_core.ode import adjoined, lchs
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.lchs import plan_lchs
from qgd_core.ode.turned import decay, decays, turn

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("time", [0.0, 0.3, -2.0, 40.0])
def test_turns_and_decays_are_exponentials(time):
    m = RNG.normal(size=(12, 12))
    skew, loss = (m - m.T) / 8, m @ m.T / 12
    v = RNG.normal(size=12)
    bound = np.linalg.norm(skew, 2) * 1.3
    turned = turn(sp.csr_array(skew), bound, time, v)
    assert not np.iscomplexobj(turned)
    np.testing.assert_allclose(turned, expm(skew * time) @ v, rtol=0, atol=1e-12)
    w = v + 1j * RNG.normal(size=12)
    bound = np.linalg.norm(loss, 2) * 1.2
    found = decay(sp.csr_array(loss), bound, time, w)
    np.testing.assert_allclose(found, expm(-1j * time * loss) @ w, rtol=0, atol=1e-11)


@pytest.mark.parametrize("complex_start", [False, True])
def test_decays_of_all_nodes_share_one_recurrence(complex_start):
    m = RNG.normal(size=(12, 12))
    loss, angles = m @ m.T / 12, np.array([-3.0, -0.2, 0.0, 0.2, 3.0])
    weights = np.array([1j, 2.0, 0.5, 2.0, -1j])
    v = RNG.normal(size=12) + (1j * RNG.normal(size=12) if complex_start else 0.0)
    found = decays(sp.csr_array(loss), np.linalg.norm(loss, 2) * 1.1, angles, weights, v)
    assert np.iscomplexobj(found) == complex_start
    expected = sum(w * expm(-1j * angle * loss) @ v for w, angle in zip(weights, angles, strict=True))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("nodes", ["low_somma", "fitted"])
@pytest.mark.parametrize("order", [2, 4])
def test_the_sparse_branch_is_the_dense_one(monkeypatch, nodes, order):
    n = 9
    a = -0.4 * np.eye(n) + 0.2 * np.eye(n, k=1) - 0.1 * np.eye(n, k=-1)
    problem = LinearODE(a, 0.1 * np.eye(n)[3], np.eye(n)[0], 1.0, [2, 0, 5], bound=1.0)
    dense = plan_lchs(problem, 1e-2, nodes, order=order)
    expected = dense.emulate()
    monkeypatch.setattr(adjoined, "_DENSE_QUBITS", 2)
    plan = plan_lchs(problem, 1e-2, nodes, order=order)
    found = plan.emulate()
    assert plan.parameters["needed"] == "row and column sums"
    # Bounds stand in the place of eigenvalues: as many steps or more, and the error stays within its share.
    assert plan.queries >= dense.queries
    error = np.linalg.norm(found.value - problem.classical())
    assert error <= plan.error_budget.discretisation * problem.unit
    assert plan.success_probability <= found.accepted <= plan.most_accepted
    assert np.linalg.norm(found.value - expected.value) <= 2 * error + 1e-3
    with pytest.raises(ConfigError, match="eigenvectors"):
        plan.compile()


def test_the_same_nodes_and_steps_give_the_branch_of_the_circuit(monkeypatch):
    n = 9
    a = -0.4 * np.eye(n) + 0.2 * np.eye(n, k=1) - 0.1 * np.eye(n, k=-1)
    problem = LinearODE(a, 0.1 * np.eye(n)[3], np.eye(n)[0], 1.0, [2, 0, 5], bound=1.0)
    expected = plan_lchs(problem, 1e-2).compile().branch()
    monkeypatch.setattr(lchs, "_branch", lchs._large_branch)
    np.testing.assert_allclose(plan_lchs(problem, 1e-2).compile().branch(), expected, rtol=0, atol=1e-9)
