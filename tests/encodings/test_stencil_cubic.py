"""Constant-coefficient Carleman steps of order 3 against kron algebra and the maps themselves."""

from dataclasses import replace

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.encodings import stencil
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.stencil import encode_stencil

HEAT = {-1: 0.2, 0: 0.55, 1: 0.2}
BALANCE = 0.8


def matrix_of(diagonals, n, *, periodic=False):
    """The diagonals on a line or round."""
    if periodic:
        return sum(value * np.roll(np.eye(n), d, axis=1) for d, value in diagonals.items())
    return sum(value * np.eye(n, k=d) for d, value in diagonals.items())


def wanted_cubic(linear, square):
    """[[W, C / b, 0], [0, W (x) W, 2 W (x) C / b], [0, 0, W^(x)3]] on [third, C, second, B, A]: C is a diagonal."""
    n, one = len(linear), np.eye(len(linear))
    whole = np.zeros((2, n) * 2 + (n,) + (2, n) * 2 + (n,))
    whole[0, 0, 0, 0, :, 0, 0, 0, 0, :] = linear
    whole[0, 0, 0, 0, :, 0, 0, 1] = square / BALANCE * np.einsum("ib,ia->iba", one, one)
    whole[0, 0, 1, :, :, 0, 0, 1] = np.einsum("ba,dc->bdac", linear, linear)
    twice = 2.0 * square / BALANCE * np.einsum("jb,ic,ia->jicba", linear, one, one)
    whole[0, 0, 1, :, :, 1, :, 1] = twice
    whole[1, :, 1, :, :, 1, :, 1] = np.einsum("kc,jb,ia->kjicba", linear, linear, linear)
    return whole.reshape(4 * n**3, 4 * n**3)


CUBIC = {
    "two rows": ({0: 0.5, 1: 0.2, -1: 0.1}, 0.2, 1, False),
    "signed": ({0: -0.6, -1: 0.3}, -0.4, 1, False),
    "growing": ({0: 1.2, 1: -0.1}, -0.5, 1, False),
    "linear": ({0: -0.9}, 0.0, 1, False),
    "linear and growing": ({0: 1.2, 1: 0.1}, 0.0, 1, False),
    "nearly linear": ({0: 1.0}, 1e-13, 1, False),
    "two rows, round": ({0: -0.5, 1: 0.3}, 0.2, 1, True),
}


@pytest.mark.parametrize(("diagonals", "square", "p", "periodic"), CUBIC.values(), ids=CUBIC)
def test_a_cubic_step_is_the_block_matrix_and_so_is_its_adjoint(assert_block, diagonals, square, p, periodic):
    linear = matrix_of(diagonals, 2**p, periodic=periodic)
    encoding = encode_stencil(diagonals, square, p, BALANCE, order=3, periodic=periodic)
    wanted, circuit, places = (
        wanted_cubic(linear, square),
        encoding.circuit(),
        np.flatnonzero(encoding.supported),
    )
    assert circuit.n_qubits == encoding.n_ancilla + encoding.n_system
    assert places.size == 2**p + 4**p + 8**p
    np.testing.assert_allclose(encoding.target.toarray(), wanted, rtol=0, atol=1e-15)
    assert_block(circuit, places, wanted, encoding.alpha, draws=1)
    assert_block(circuit.adjoint(), places, wanted.T, encoding.alpha, draws=1)
    w, c = sum(map(abs, diagonals.values())), abs(square) / BALANCE
    weights = [[w, c, 0], [0, w**2, 2 * w * c], [0, 0, w**3]]
    assert abs(encoding.alpha - np.linalg.norm(weights, 2)) < 1e-13


def test_a_gate_before_a_cubic_step_leaves_the_identity():
    diagonals, square, p, _ = CUBIC["signed"]
    encoding = encode_stencil(diagonals, square, p, BALANCE, order=3)
    for circuit, matrix in (
        (encoding.gated(), encoding.target),
        (encoding.gated().adjoint(), encoding.target.T),
    ):
        start = np.zeros((2, 2**encoding.n_ancilla, 2**encoding.n_system), dtype=complex)
        start[:, 0] = np.random.default_rng(1).normal(size=start.shape[2]) * encoding.supported
        still, moved = simulate(circuit, start.reshape(-1)).reshape(start.shape)
        np.testing.assert_allclose(still, start[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(encoding.alpha * moved[0], matrix @ start[1, 0], rtol=0, atol=1e-12)
    assert cost(encoding.gated()).two_qubit <= encoding.gated_cost()[0]


@pytest.mark.slow
def test_a_cubic_step_of_four_rows(assert_block):
    encoding = encode_stencil(HEAT, 0.3, 2, BALANCE, order=3)
    wanted = wanted_cubic(matrix_of(HEAT, 4), 0.3)
    assert_block(encoding.circuit(), np.flatnonzero(encoding.supported), wanted, encoding.alpha, draws=1)


def test_a_cubic_step_moves_every_degree_as_the_map():
    diagonals, square, n = {0: 0.5, 1: 0.2, -2: -0.3}, 0.4, 8
    for periodic in (False, True):
        linear = matrix_of(diagonals, n, periodic=periodic)
        v = np.random.default_rng(2).uniform(-0.5, 0.5, n)
        encoding = encode_stencil(diagonals, square, 3, BALANCE, order=3, periodic=periodic)
        found = encoding.layout.degrees(encoding.target @ encoding.layout.lift(v, BALANCE))
        moved, added = linear @ v, square * v**2
        np.testing.assert_allclose(found[1], moved + added, rtol=0, atol=1e-15)
        pairs = np.outer(moved, moved) + np.outer(moved, added) + np.outer(added, moved)
        np.testing.assert_allclose((found[2] + found[2].T) / 2, BALANCE * pairs, rtol=0, atol=1e-15)
        triples = BALANCE**2 * np.einsum("i,j,k->ijk", moved, moved, moved)
        np.testing.assert_allclose(found[3], triples, rtol=0, atol=1e-15)


def unmerged(monkeypatch):
    """Slots that differ pass for equal ones."""
    monkeypatch.setattr(stencil, "margolus", lambda: CircuitBuilder("nothing", 3).build())


def one_lowering_for_both(monkeypatch):
    kept = stencil._Levels.weigh

    def equal(*given):
        levels = kept(*given)
        return replace(levels, columns=(levels.columns[0],) * 2)

    monkeypatch.setattr(stencil._Levels, "weigh", equal)


def slot_a_always_moves(monkeypatch):
    kept = stencil._flip_all
    monkeypatch.setattr(
        stencil, "_flip_all", lambda builder, pairs: kept(builder, [] if len(pairs) == 1 else pairs)
    )


@pytest.mark.parametrize("plant", [unmerged, one_lowering_for_both, slot_a_always_moves])
def test_planted_bugs_of_a_cubic_step_are_seen(assert_block, plant, monkeypatch):
    diagonals, square, p, _ = CUBIC["two rows"]
    plant(monkeypatch)
    encoding = encode_stencil(diagonals, square, p, BALANCE, order=3)
    wanted = wanted_cubic(matrix_of(diagonals, 2**p), square)
    with pytest.raises(AssertionError):
        assert_block(encoding.circuit(), np.flatnonzero(encoding.supported), wanted, encoding.alpha, draws=1)


def test_order_three_of_a_million_rows_costs_half_of_what_was_known():
    """73 m + 78 CX a step."""
    step = encode_stencil(HEAT, 0.1, 20, order=3)
    assert cost(step.circuit()).two_qubit <= 740 < (73 * 20 + 78) / 2
    assert cost(encode_history(step, 20).circuit()).two_qubit < 900
