"""A flow on labels: its parts of the error against dense exponentials, the constant's place, and the cost of its circuit."""

import dataclasses

import numpy as np
import pytest
from scipy.linalg import expm

from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.mask_layout import MaskLayout
from qgd_core.ode.nodes import fit_nodes
from qgd_core.ode.step_flow import step_flow


@pytest.fixture
def layout():
    """Two numbers of four coordinates, one of which reaches them through another one alone."""
    step = np.diag([0.8, 0.7, 0.6, 0.5])
    step[0, 2], step[1, 2], step[1, 3], step[2, 0] = 0.1, -0.05, 0.08, 0.02
    problem = LinearRecurrence(step, [0.1, 0.0, 0.0, 0.0], [0.4, -0.3, 0.2, 0.5], 4, [0, 1])
    return MaskLayout(step_flow(problem, 2, 0.8))


def dense(layout):
    """Generator, start and rows of the recurrence on labels, from the flow's arrays and its labels."""
    size, (labels, constant) = layout.start.size, layout.labels
    a, rows = np.zeros((size, size)), np.zeros((3, size))
    a[np.ix_(labels, labels)] = layout.flow.matrix.toarray()
    rows[0, constant] = 1.0
    rows[1:, labels] = layout.flow.exact
    return a, rows


def weighed(layout, nodes):
    """The weighted sum of the exact flows at the nodes."""
    a, _ = dense(layout)
    loss, skew, time = -(a + a.T) / 2, (a - a.T) / 2, layout.flow.time
    whole = [w * expm(time * (skew - 1j * k * loss)) for w, k in zip(nodes.weights, nodes.k, strict=True)]
    return sum(whole)


def missed(layout, found, true):
    """How far numbers read as ratios to the constant may be off, by defects row by row."""
    defects, s = np.abs(found - true) @ np.abs(layout.start), layout.readout.constant
    return (s * np.linalg.norm(defects[1:]) + layout.flow.bound * defects[0]) / (s - defects[0])


def test_each_part_of_the_error_is_that_of_dense_exponentials(layout):
    (nodes, *_), formula = fit_nodes(layout.largest, 1e-2), layout.formula(2)
    a, rows = dense(layout)
    wanted = [layout.labels[1], 0, 1]
    at_nodes = weighed(layout, nodes)[wanted]
    columns = formula.evolve(np.repeat(np.eye(8)[:, None], nodes.k.size, axis=1).astype(complex), nodes.k)
    product = np.einsum("j,cjr->rc", nodes.weights, columns)[wanted]
    quadrature, formulas = layout.errors(formula, nodes)
    assert quadrature == pytest.approx(missed(layout, at_nodes, expm(4 * a)[wanted]), rel=1e-8)
    assert formulas == pytest.approx(missed(layout, product, at_nodes), rel=1e-8)
    assert layout.error(formula, nodes) == pytest.approx(missed(layout, product, rows), rel=1e-8)
    assert 0 < quadrature < 0.1
    assert 0 < formulas < 0.1


def test_the_loss_is_measured_with_its_couplings(layout):
    a, _ = dense(layout)
    exact = 4 * np.linalg.eigvalsh(-(a + a.T) / 2)[-1]
    assert -4 * a.diagonal().min() < exact <= layout.largest < 1.1 * exact


def test_rows_in_pieces_are_the_same_rows(layout, monkeypatch):
    (nodes, *_), formula = fit_nodes(layout.largest, 1e-2), layout.formula(1)
    whole = layout.error(formula, nodes)
    monkeypatch.setattr("qgd_core.ode.mask_layout._MOST_HELD", 1)
    assert layout.error(formula, nodes) == pytest.approx(whole, rel=1e-12)


def test_what_was_dropped_is_added_to_the_error(layout):
    (nodes, *_), formula = fit_nodes(layout.largest, 1e-2), layout.formula(3)
    more = MaskLayout(dataclasses.replace(layout.flow, lost=np.array([0.0, 0.01])))
    assert more.error(formula, nodes) > layout.error(formula, nodes) + 0.003


def test_a_constant_that_is_lost_among_the_errors_is_no_answer(layout):
    (nodes, *_) = fit_nodes(layout.largest, 1e-2)
    wrong = dataclasses.replace(nodes, weights=np.zeros_like(nodes.weights))
    assert layout.error(layout.formula(1), wrong) == np.inf


def test_the_frame_brings_constant_and_numbers_to_the_read_out(layout):
    z = np.zeros(8)
    z[layout.labels[1]], z[0], z[1] = layout.readout.constant, 0.03, -0.02
    found = layout.readout.columns @ [layout.readout.constant, 0.03, -0.02]
    np.testing.assert_allclose((layout.frame @ z[:4])[:3], found, rtol=0, atol=1e-14)
    np.testing.assert_allclose(layout.frame @ layout.frame.T, np.eye(4), rtol=0, atol=1e-14)
