"""Mask formulas against dense matrix exponentials, node by node, and their circuits against both."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import unitary
from qgd_core.ode.labels import choose_labels, place
from qgd_core.ode.masks import MaskFormula, split_masks
from qgd_core.ode.nodes import Nodes


def triangular(q=3, seed=0, couplings=0.3):
    """A diagonal that decays and random entries above it: the shape of a Carleman matrix in its eigenframe."""
    rng = np.random.default_rng(seed)
    size = 2**q
    above = np.triu(rng.normal(size=(size, size)), 1) * (rng.random((size, size)) < 0.4)
    return np.diag(-rng.uniform(0.1, 0.8, size)) + couplings * above


def grid(m=2, spacing=0.7, seed=1):
    rng = np.random.default_rng(seed)
    return Nodes(spacing, rng.normal(size=2**m) + 1j * rng.normal(size=2**m), 0.0, False)


def generator(a, k):
    """i k S + K with S, K the symmetric and the antisymmetric part."""
    return 1j * k * (a + a.T) / 2 + (a - a.T) / 2


def test_the_parts_add_up_and_each_is_one_sparse():
    a = triangular() + np.random.default_rng(5).normal(size=(8, 8)) * 0.1
    diagonal, masks = split_masks(sp.csr_array(a))
    total = np.diag(diagonal)
    for mask in masks:
        for label in range(8):
            total[label, label ^ mask.word] += mask.symmetric[label] + mask.skew[label]
    np.testing.assert_allclose(total, a, rtol=0, atol=1e-15)


@pytest.mark.parametrize("word", [1, 2, 4, 3, 5, 6, 7])
def test_one_mask_is_the_exponential_of_its_entries_to_second_order(word):
    a = np.zeros((8, 8))
    rng = np.random.default_rng(word)
    for label in range(8):
        a[label, label ^ word] = rng.normal()
    (mask,) = split_masks(sp.csr_array(a))[1]
    errors = []
    for time in (0.2, 0.1):
        got = mask.turn(np.eye(8)[:, np.newaxis, :].astype(complex), np.array([1.3]), time)[:, 0].T
        errors.append(np.linalg.norm(got - expm(generator(a, 1.3) * time), 2))
    assert errors[0] < 0.1
    assert 7.0 < errors[0] / errors[1] < 9.0


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_the_circuit_is_the_formula_at_every_node(stages):
    a, nodes = triangular(seed=stages), grid()
    diagonal, masks = split_masks(sp.csr_array(a))
    formula = MaskFormula(diagonal, masks, 1.5, stages)
    circuit = formula.circuit(nodes)
    dense = unitary(circuit).reshape(4, 8, 4, 8)
    for j, k in enumerate(nodes.k):
        own = formula.evolve(np.eye(8)[:, np.newaxis, :].astype(complex), np.array([k]))[:, 0].T
        np.testing.assert_allclose(dense[j, :, j, :], own, rtol=0, atol=1e-12)
    counted = cost(circuit)
    assert counted.two_qubit <= formula.two_qubit(2)
    assert counted.rotations <= formula.rotations(2)


def test_rows_are_the_rows_of_the_combination():
    nodes = grid()
    nodes = Nodes(nodes.spacing, nodes.weights, 0.4, False)
    diagonal, masks = split_masks(sp.csr_array(triangular()))
    formula = MaskFormula(diagonal, masks, 1.0, 2)
    columns = formula.evolve(np.repeat(np.eye(8)[:, np.newaxis, :], 4, axis=1).astype(complex), nodes.k)
    weights = nodes.weights * np.exp(-0.4j * nodes.k)
    whole = np.einsum("j,cjr->rc", weights, columns)
    np.testing.assert_allclose(formula.rows([2, 5], nodes), whole[[2, 5]], rtol=0, atol=1e-13)


@pytest.mark.parametrize("stages", [1, 2])
def test_gauss_points_integrate_weak_masks_to_order_two_r(stages):
    """What is linear in the couplings falls like T^(2 r + 1); Strang's formula is r = 1."""
    a = triangular(couplings=1e-6, seed=3)
    errors = []
    for time in (2.0, 1.0):
        formula = MaskFormula(*split_masks(sp.csr_array(a)), time, stages)
        got = formula.evolve(np.eye(8)[:, np.newaxis, :].astype(complex), np.array([0.8]))[:, 0].T
        errors.append(np.linalg.norm(got - expm(generator(a, 0.8) * time)) * 1e6)
    assert errors[0] < 1.0
    assert errors[0] / errors[1] > 0.8 * 2 ** (2 * stages + 1)


def test_labels_gather_entries_in_few_masks():
    rng = np.random.default_rng(0)
    a = np.diag(-np.ones(14))
    for row, column in ((3, 13), (2, 13), (3, 10), (2, 10), (1, 10)):
        a[row, column] = rng.normal()
    matrix = sp.csr_array(a)
    labels, constant = choose_labels(matrix, 4, range(4, 8))
    assert labels[:4] == [0, 1, 2, 3]
    assert sorted([*labels, constant]) == sorted(set(labels) | {constant})
    assert constant in range(4, 8)
    assert max(labels) < 16
    placed = place(matrix, labels, 16)
    np.testing.assert_array_equal(placed.toarray()[np.ix_(labels, labels)], a)
    assert len(split_masks(placed)[1]) <= 3
    # In their own order they need more.
    assert len(split_masks(place(matrix, range(14), 16))[1]) > 3
