"""The flow through the states of a recurrence against the matrix logarithm, the modified field and dense algebra."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm, logm

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.frame import eigenframe
from qgd_core.dynamics.modified import modified_field
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import NotDissipative
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.step_flow import logarithm, step_flow


def gradient(n=3, seed=0, source=0.0):
    """Minus the gradient of a random cubic, in its eigenframe."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(4, n)) / np.sqrt(n)
    tensor = np.einsum("qi,qj,qk->ijk", vectors, vectors, vectors).reshape(n, -1)
    parts = {0: source * rng.normal(size=n), 1: -np.diag(rng.uniform(0.1, 0.6, n)), 2: -0.1 * tensor}
    return PolynomialField(parts)


def recurrence(field, u0, steps, wanted=None, scale=1.0):
    system = carleman(field, 2, step=1.0, scale=scale)
    n = field.n
    return LinearRecurrence(
        system.matrix, system.source, system.lift(u0), steps, range(n) if wanted is None else wanted
    )


U0 = np.array([0.3, -0.2, 0.1])


def test_the_matrix_is_the_logarithm_of_the_discrete_carleman_matrix():
    problem = recurrence(gradient(), U0, 7, scale=1.3)
    dense = problem.matrix_at(0).toarray()
    got = logarithm(problem.matrix_at(0), 3).toarray()
    np.testing.assert_allclose(got, logm(dense), rtol=0, atol=1e-12)
    np.testing.assert_allclose(expm(got), dense, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_carleman_matrix_of_the_modified_field(seed):
    field = gradient(4, seed)
    own = carleman(modified_field(field, 1.0, 2), 2, "continuous").matrix.toarray()
    # The modified field's own eigenframe is the field's: already diagonal.
    np.testing.assert_allclose(
        eigenframe(field)[1].coefficient(1).toarray(),
        np.diag(np.sort(np.diag(field.coefficient(1).toarray()))),
        atol=1e-15,
        rtol=0,
    )
    matrix = carleman(field, 2, step=1.0).matrix
    np.testing.assert_allclose(logarithm(matrix, 4).toarray(), own, rtol=0, atol=1e-10)


def test_a_source_is_met_to_second_order_but_for_what_drives_the_first_degree():
    """There it is of first order times the square of the couplings."""
    errors = []
    for source in (0.02, 0.01):
        matrix = carleman(gradient(source=source), 2, step=1.0).matrix
        missed = np.abs(logarithm(matrix, 3).toarray() - logm(matrix.toarray()))
        errors.append(
            [missed[:3, 3:].max(), missed[:3, :3].max(), missed[3:, :3].max(), missed[3:, 3:].max()]
        )
    assert np.all(np.array(errors[0]) < [2e-4, 5e-6, 2e-4, 1e-5])
    assert np.all(np.array(errors[0]) / errors[1] > [1.9, 3.5, 3.5, 3.5])


def test_couplings_between_degrees_are_met_to_third_order():
    """Both ways at once, where nothing else is off the diagonal: what is left falls like their fourth power."""
    rng = np.random.default_rng(3)
    between = np.kron([[0, 1], [1, 0]], np.ones((3, 3))) * rng.normal(size=(6, 6))
    errors = []
    for size in (0.02, 0.01):
        matrix = np.diag(rng.permutation(6) * 0.0 + [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]) + size * between
        errors.append(np.abs(logarithm(sp.csr_array(matrix), 3).toarray() - logm(matrix)).max())
    assert errors[0] < 1e-4
    assert errors[0] / errors[1] > 14


@pytest.mark.parametrize("source", [0.0, 0.02])
def test_it_ends_where_the_recurrence_ends(source):
    problem = recurrence(gradient(source=source), U0, 9)
    flow = step_flow(problem, 3, 0.7)
    got = flow.offset + flow.rows() @ flow.start
    assert flow.drift < (1e-11 if not source else 3e-4)
    assert np.linalg.norm(got - problem.classical()) <= flow.drift + 1e-13
    assert np.linalg.norm(problem.classical() - flow.offset) <= flow.bound
    whole = np.linalg.solve(np.eye(9) - problem.matrix_at(0).toarray(), problem.source_at(0))
    np.testing.assert_allclose(flow.offset, whole[:3], rtol=0, atol=1e-10)
    assert bool(source) == bool(flow.offset.any())


def test_rows_are_those_of_the_matrix_and_of_the_recurrence():
    problem, weights = recurrence(gradient(source=0.01), U0, 5), np.array([1.0] * 3 + [0.7] * 6)
    flow = step_flow(problem, 3, 0.7)
    np.testing.assert_allclose(flow.rows(), expm(flow.matrix.toarray() * 5)[:3], rtol=0, atol=1e-12)
    power = np.linalg.matrix_power(problem.matrix_at(0).toarray(), 5)
    np.testing.assert_allclose(flow.exact, power[:3] / weights, rtol=0, atol=1e-13)


def test_the_drift_holds_for_every_sign_of_the_start():
    problem = recurrence(gradient(source=0.02), U0, 9)
    flow = step_flow(problem, 3, 1.0).pruned(1e-2)
    rng = np.random.default_rng(0)
    whole = step_flow(problem, 3, 1.0)
    kept = [int(np.flatnonzero(whole.start == one)[0]) for one in flow.start]
    for _ in range(50):
        signs = rng.choice([-1.0, 1.0], size=9)
        other = dataclasses.replace(flow, start=flow.start * signs[kept])
        truth = whole.exact @ (whole.start * signs)
        assert np.linalg.norm(other.rows() @ other.start - truth) <= flow.drift


@pytest.mark.parametrize("wanted", [[2, 0], [5], [1, 7]])
def test_wanted_entries_of_any_degree_come_first(wanted):
    problem = recurrence(gradient(), U0, 6, wanted)
    flow = step_flow(problem, 3, 0.4)
    np.testing.assert_allclose(flow.rows() @ flow.start, problem.classical(), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(flow.start[: len(wanted)], problem.z0[wanted])


@pytest.mark.parametrize("limit", [1e-4, 1e-3, 1e-2])
def test_pruning_keeps_its_word_and_drops_coordinates(limit):
    problem = recurrence(gradient(5, 2), np.array([0.02, -0.05, 0.01, 0.9, 0.1]), 8)
    small = step_flow(problem, 5, 1.0).pruned(limit)
    change = small.rows() @ small.start - problem.classical()
    assert np.linalg.norm(change) <= small.drift <= limit
    assert small.start.size < problem.z0.size
    assert np.linalg.norm(problem.classical()) <= small.bound + 1e-12
    assert np.array_equal(small.start[:5], problem.z0[:5])


def test_pruning_would_notice_a_dropped_giant():
    """The drift of an empty coupling is what the coupling does, not zero."""
    problem = recurrence(gradient(3, 1), np.array([0.8, -0.5, 0.3]), 8)
    bare = step_flow(problem, 3, 1.0).pruned(1e9)
    assert bare.start.size == 3
    change = bare.rows() @ bare.start - problem.classical()
    assert 1e-3 < np.linalg.norm(change) <= bare.drift


def test_what_cannot_be_pruned_so_finely_stays_whole():
    problem = recurrence(gradient(source=0.02), U0, 9)
    flow = step_flow(problem, 3, 1.0)
    assert flow.pruned(1e-14) is flow


def test_what_no_flow_can_do_is_refused():
    overshooting = PolynomialField({1: -np.diag([0.2, 1.4]), 2: np.zeros((2, 4))})
    with pytest.raises(NotDissipative, match="overshoots"):
        step_flow(recurrence(overshooting, np.ones(2), 3), 2, 1.0)
    flat = LinearRecurrence([[1.0, 0.0], [0.0, 0.5]], [0.1, 0.0], [0.1, 0.01], 3)
    with pytest.raises(NotDissipative, match="fixed point"):
        step_flow(flat, 1, 1.0)
