from __future__ import annotations

import numpy as np
import pytest

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.multiplex import fold, split, unfold
from qgd_core.circuit.ops import Gate
from qgd_core.circuit.simulate import unitary

ROUNDING = 1e-12


def built(name, targets, params, controls=()):
    builder = CircuitBuilder(name, 5)
    builder.gate(name, targets, params, controls)
    return builder.build()


@pytest.mark.parametrize("name", ["mux_ry", "mux_rz"])
@pytest.mark.parametrize("m", range(5))
def test_unfolding_is_exact_and_takes_2_to_the_m_rotations_and_cx(name, m, dense):
    rng = np.random.default_rng(m)
    circuit = built(name, rng.permutation(5)[: m + 1], rng.normal(size=2**m))
    gates = unfold(circuit.ops[0])
    np.testing.assert_allclose(unitary(Circuit("c", 5, tuple(gates))), dense(circuit), rtol=0, atol=ROUNDING)
    assert sum(g.name == "x" for g in gates) == (2**m if m else 0)
    assert sum(g.name == name[4:] for g in gates) == 2**m


def test_selects_that_no_angle_depends_on_are_left_out(dense):
    table = np.broadcast_to(np.random.default_rng(0).normal(size=(1, 2, 1, 2)), (2, 2, 2, 2))
    circuit = built("mux_ry", [3, 0, 4, 1, 2], table.reshape(-1))
    gates = unfold(circuit.ops[0])
    assert {q for g in gates for q in g.qubits} == {0, 1, 2}
    assert len(gates) == 8
    np.testing.assert_allclose(unitary(Circuit("c", 5, tuple(gates))), dense(circuit), rtol=0, atol=ROUNDING)


def test_rotations_by_zero_are_left_out_with_their_cx(dense):
    parity = np.array([1, -1, -1, 1, -1, 1, 1, -1]) * 0.4
    circuit = built("mux_rz", [0, 1, 2, 3], parity)
    gates = unfold(circuit.ops[0])
    assert [g.key for g in gates] == ["cx", "cx", "cx", "rz", "cx", "cx", "cx"]
    np.testing.assert_allclose(unitary(Circuit("c", 5, tuple(gates))), dense(circuit), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_splitting_a_diagonal_is_exact(m, dense):
    rng = np.random.default_rng(m)
    circuit = built("diagonal", rng.permutation(5)[:m], rng.normal(size=2**m))
    gates = split(circuit.ops[0])
    assert [g.name for g in gates] == ["mux_rz"] * m + ["gphase"]
    np.testing.assert_allclose(unitary(Circuit("c", 5, tuple(gates))), dense(circuit), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize(
    ("name", "size", "n_params"),
    [("ry", 1, 1), ("rz", 1, 1), ("phase", 1, 1), ("mux_ry", 3, 4), ("diagonal", 2, 4)],
)
def test_a_control_becomes_a_select_whose_idle_half_is_zero(name, size, n_params, value, dense):
    rng = np.random.default_rng(n_params)
    circuit = built(name, range(size), rng.normal(size=n_params), [(4, value)])
    folded = fold(circuit.ops[0])
    assert folded.controls == ()
    assert folded.targets[0] == 4
    np.testing.assert_allclose(unitary(Circuit("c", 5, (folded,))), dense(circuit), rtol=0, atol=ROUNDING)


def test_angles_past_a_full_turn_keep_their_sign():
    (gate,) = unfold(Gate("mux_rz", (0,), (2 * np.pi,)))
    assert gate == Gate("rz", (0,), (2 * np.pi,))
