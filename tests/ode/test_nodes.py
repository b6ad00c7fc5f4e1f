import numpy as np
import pytest
from scipy.linalg import expm

from qgd_core.errors import PrecisionUnreachable
from qgd_core.ode import nodes as module
from qgd_core.ode.nodes import NODES, Nodes, cauchy


def operator_sum(nodes, a):
    """The combination of unitaries for e^a, term by term."""
    loss, skew = -(a + a.T) / 2, (a - a.T) / 2
    return sum(
        w * np.exp(-1j * k * nodes.tilt) * expm(-1j * k * loss + skew)
        for w, k in zip(nodes.weights, nodes.k, strict=True)
    )


@pytest.mark.parametrize("eps", [1e-1, 1e-2])
@pytest.mark.parametrize("largest", [0.5, 5.0, 20.0])
@pytest.mark.parametrize("name", NODES)
def test_the_scalar_error_is_below_eps(name, largest, eps):
    nodes = NODES[name](largest, eps)
    x = np.linspace(0.0, largest, 3001)
    sums = np.exp(-1j * np.outer(x + nodes.tilt, nodes.k)) @ nodes.weights
    assert np.abs(sums - np.exp(-x)).max() <= eps
    assert nodes.norm >= 0.98 * (1 - eps)
    assert nodes.weights.size == 2**nodes.n_qubits


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["low_somma", "an_childs_lin", "fitted"])
def test_the_operator_error_is_below_eps_for_flows_that_are_not_normal(name, seed):
    rng = np.random.default_rng(seed)
    b = rng.normal(size=(4, 4))
    a = -b @ b.T / 2 + 3 * (b - b.T)
    nodes = NODES[name](float(np.linalg.eigvalsh(-(a + a.T) / 2)[-1]), 1e-2)
    error = np.linalg.norm(operator_sum(nodes, a) - expm(a), 2)
    # Fitted nodes are measured on scalars; on operators up to 1.3 times that was seen.
    assert error <= (1e-2 if nodes.proven else 1.3e-2)


def test_the_first_kernel_is_proven_for_flows_that_are_not_normal():
    a = np.array([[-0.6, 1.9], [-1.3, -1.4]])
    nodes = cauchy(float(np.linalg.eigvalsh(-(a + a.T) / 2)[-1]), 0.1)
    assert np.linalg.norm(operator_sum(nodes, a) - expm(a), 2) <= 0.1


@pytest.mark.parametrize("name", ["cauchy", "an_childs_lin"])
def test_a_spacing_twice_as_wide_is_too_wide(name):
    """The bound on the images is no luxury: with every second node, where the cut stays, the error is past eps."""
    nodes = NODES[name](12.0, 1e-2)
    wide = Nodes(2 * nodes.spacing, 2 * nodes.weights[::2], 0.5, True)
    k = nodes.k[::2]
    x = np.linspace(0.0, 12.0, 2001)
    assert np.abs(np.exp(-1j * np.outer(x, k)) @ wide.weights - np.exp(-x)).max() > 1e-2


def test_an_childs_lin_needs_far_fewer_nodes_than_the_first_kernel():
    first, better = NODES["cauchy"](5.0, 1e-3), NODES["an_childs_lin"](5.0, 1e-3)
    assert better.weights.size < first.weights.size / 8
    assert better.norm < 2.5


def test_only_fitted_nodes_are_not_proven():
    assert {name: row(2.0, 0.1).proven for name, row in NODES.items()} == {
        "low_somma": True,
        "cauchy": True,
        "an_childs_lin": True,
        "fitted": False,
    }


def test_an_undersampled_grid_is_seen_by_the_finer_one():
    """Nodes that fit a coarse grid exactly are wrong between its points."""
    nodes = NODES["fitted"](10.0, 1e-2)
    half = nodes.k[nodes.weights.size // 2 :]
    x = np.linspace(0.0, 10.0, half.size)
    basis = 2.0 * np.cos(np.outer(x, half))
    bad = np.linalg.solve(basis + 1e-9 * np.eye(half.size), np.exp(-x))
    overfit = Nodes(nodes.spacing, np.concatenate([bad[::-1], bad]).astype(complex), 0.0, False)
    assert overfit.error(10.0) > 10 * nodes.error(10.0)


def test_a_programme_on_too_few_points_is_caught(monkeypatch):
    """Planted: every twelfth constraint alone. The fit is wrong between its points, and the finer grid refuses it."""
    kept = module.linprog
    x = np.linspace(0.0, 10.0, 3001)

    def few(c, A_ub, b_ub):
        return kept(c, A_ub=A_ub[::12], b_ub=b_ub[::12])

    def error(nodes):
        return np.abs(np.exp(-1j * np.outer(x, nodes.k)) @ nodes.weights - np.exp(-x)).max()

    assert error(module._fit(10.0, 1e-2, 2.0 * np.pi / 16.0, 5)) <= 1e-2
    monkeypatch.setattr(module, "linprog", few)
    module._fitted.cache_clear()
    assert error(module._fit(10.0, 1e-2, 2.0 * np.pi / 16.0, 5)) > 2e-2
    assert all(error(nodes) <= 1e-2 for nodes in module.fit_nodes(10.0, 1e-2))
    # With the check planted away too, such nodes would come out.
    monkeypatch.setattr(Nodes, "error", lambda self, largest, density=16: 0.0)
    module._fitted.cache_clear()
    assert max(map(error, module.fit_nodes(10.0, 1e-2))) > 2e-2
    module._fitted.cache_clear()


def test_too_many_nodes_are_refused():
    with pytest.raises(PrecisionUnreachable, match="nodes"):
        cauchy(10.0, 1e-7)
