"""Flows by Pauli strings' product formulas against an integrator, gates against emulation."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.ode import pauli_lchs
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.masks import Mask, PauliFormula, split_masks
from qgd_core.ode.pairs import bound_by_sizes, split_pairs
from qgd_core.ode.pauli_lchs import plan_pauli_lchs

PROBLEMS = {
    "one variable": LinearODE([[-0.7]], None, [-1.0], 1.0),
    "normal": LinearODE(np.diag([-1.0, -0.2, -0.5]), None, [1.0, -1.0, 0.5], 1.0),
    "not normal": LinearODE([[-0.9, 0.8], [0.0, -1.2]], None, [0.3, 1.0], 0.5),
    "source": LinearODE([[-0.8, 0.4], [-0.1, -0.6]], [0.1, -0.2], [1.0, -0.5], 0.5),
}


def truth(problem):
    a, b = problem.matrix.toarray(), problem.b
    run = solve_ivp(lambda _, z: a @ z + b, (0.0, problem.time), problem.z0, "DOP853", rtol=1e-11, atol=1e-12)
    return run.y[list(problem.wanted), -1]


def check(route, problem):
    share = route.error_budget.discretisation * problem.unit
    assert np.linalg.norm(route.emulate().value - truth(problem)) <= share + 1e-9
    program = route.compile()
    vector = simulate(program.circuit)
    amplitudes = vector[: 2**program.circuit.n_bits]
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    assert np.linalg.norm(route.read_amplitudes(amplitudes).value - truth(problem)) <= share + 1e-8
    assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
    built = cost(program.circuit)
    assert built.two_qubit <= route.resources.two_qubit
    assert built.rotations <= route.resources.rotations
    assert lower(program.circuit).n_qubits == route.qubits


@pytest.mark.parametrize("order", [2, None])
@pytest.mark.parametrize("name", PROBLEMS)
def test_gates_emulation_and_an_integrator_agree(name, order):
    check(plan_pauli_lchs(PROBLEMS[name], 0.2, "fitted", order), PROBLEMS[name])


def test_fourth_order_reaches_the_gates():
    route = plan_pauli_lchs(PROBLEMS["not normal"], 0.2, "fitted", 4)
    assert route.parameters["order"] == 4
    check(route, PROBLEMS["not normal"])


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("steps", [1, 4])
def test_the_commutator_bound_holds_at_every_node(order, steps):
    rng = np.random.default_rng(order)
    a = np.diag(-rng.uniform(0.1, 1.0, 4)) + np.diag(rng.normal(size=3), 1)[:4, :4] * 0.5
    a[0, 1] = a[0, 2] = a[1, 2] = 0.0
    a[0, 3], a[2, 1] = 0.4, -0.3
    formula = PauliFormula(*split_masks(sp.csr_array(a)), 0.7, steps, order)
    k = np.array([-2.0, 0.3, 1.1])
    limits = formula.bound().error(k, 0.7, steps)
    for node, limit in zip(k, limits, strict=True):
        got = formula.evolve(np.eye(4)[:, np.newaxis, :].astype(complex), np.array([node]))[:, 0].T
        exact = expm(0.7 * (1j * node * (a + a.T) / 2 + (a - a.T) / 2))
        assert 0 < np.linalg.norm(got - exact, 2) <= limit


def test_too_many_terms_are_refused():
    rng = np.random.default_rng(0)
    b = rng.normal(size=(31, 31))
    with pytest.raises(PrecisionUnreachable, match="nested commutators"):
        plan_pauli_lchs(LinearODE(-b @ b.T / 31, None, np.ones(31), 0.1), 0.1)
    with pytest.raises(ConfigError, match="fitted"):
        plan_pauli_lchs(PROBLEMS["normal"], 0.1, "fited")


def test_a_wrong_branch_sign_is_caught(monkeypatch):
    kept = Mask.circuit
    monkeypatch.setattr(Mask, "circuit", lambda self, nodes, time: kept(self.transpose(), nodes, time))
    with pytest.raises(AssertionError):
        check(plan_pauli_lchs(PROBLEMS["source"], 0.2, "fitted", 2), PROBLEMS["source"])


def band(q, seed):
    """A lossy generator of few diagonals on 2^q labels."""
    rng = np.random.default_rng(seed)
    parts = [rng.uniform(-0.3, 0.3, 2**q - abs(k)) for k in (-2, -1, 1)]
    return sp.csr_array(sp.diags_array([*parts, -rng.uniform(0.6, 1.0, 2**q)], offsets=[-2, -1, 1, 0]))


def test_pairs_are_the_masks_of_the_same_matrix():
    a = band(4, 0)
    diagonal, pairs = split_pairs(a)
    expected, masks = split_masks(a)
    np.testing.assert_array_equal(diagonal, expected)
    rng = np.random.default_rng(1)
    states, k = rng.normal(size=(2, 3, 16)) + 0j, np.array([-1.3, 0.0, 2.0])
    for pair, mask in zip(pairs, masks, strict=True):
        assert pair.word == mask.word
        np.testing.assert_array_equal(pair.whole().symmetric, mask.symmetric)
        np.testing.assert_array_equal(pair.whole().skew, mask.skew)
        assert pair.two_qubit(3) == mask.two_qubit(3)
        for one, other in ((pair, mask), (pair.transpose(), mask.transpose())):
            found = one.turn(states.copy(), k, 0.7)
            np.testing.assert_allclose(found, other.turn(states, k, 0.7), rtol=0, atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("steps", [1, 3])
def test_the_bound_by_sizes_holds_at_every_node(seed, steps):
    a = band(4, seed).toarray()
    formula = PauliFormula(*split_pairs(sp.csr_array(a)), 0.5, steps, 2)
    k = np.array([-4.0, 0.2, 1.5])
    limits = bound_by_sizes(formula.diagonal, formula.masks).error(k, 0.5, steps)
    for node, limit in zip(k, limits, strict=True):
        start = np.eye(16)[:, np.newaxis, :].astype(complex)
        got = formula.evolve(start, np.array([node]))[:, 0].T
        exact = expm(0.5 * (1j * node * (a + a.T) / 2 + (a - a.T) / 2))
        error = np.linalg.norm(got - exact, 2)
        assert limit / 60 < error <= limit


def test_a_band_of_too_many_commutators_is_bounded_by_sizes_and_reaches_the_gates(monkeypatch):
    monkeypatch.setattr(pauli_lchs, "_MOST_WORDS", 0)
    for problem in PROBLEMS.values():
        route = plan_pauli_lchs(problem, 0.2, "fitted")
        assert route.parameters["order"] == 2
        check(route, problem)
    with pytest.raises(PrecisionUnreachable, match="commutators"):
        plan_pauli_lchs(PROBLEMS["not normal"], 0.2, "fitted", 4)
