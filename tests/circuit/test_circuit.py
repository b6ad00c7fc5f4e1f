from __future__ import annotations

import numpy as np
import pytest

from qgd_core.circuit.circuit import Circuit, CircuitBuilder, unroll
from qgd_core.circuit.ops import GATES, Gate
from qgd_core.circuit.simulate import unitary
from qgd_core.errors import ConfigError

ROUNDING = 1e-12


@pytest.fixture
def builder():
    return CircuitBuilder("block", 3, 1)


@pytest.fixture
def tree(random_tree):
    return random_tree(np.random.default_rng(0), 3, 2)


def test_adjoint_is_the_inverse(tree, dense):
    np.testing.assert_allclose(unitary(tree.adjoint()), dense(tree).conj().T, rtol=0, atol=ROUNDING)


def test_repeat_is_the_power(tree, dense):
    np.testing.assert_allclose(
        unitary(tree.repeat(5)), np.linalg.matrix_power(dense(tree), 5), rtol=0, atol=ROUNDING
    )
    np.testing.assert_allclose(unitary(tree.repeat(0)), np.eye(8), rtol=0, atol=0)


@pytest.mark.parametrize("values", [(1,), (0,), (0, 1), ()])
def test_controlled_acts_in_one_block_of_the_matrix(tree, dense, values):
    expected = np.eye(2 ** (3 + len(values)), dtype=complex)
    place = 8 * int("".join(map(str, values)) or "0", 2)
    expected[place : place + 8, place : place + 8] = dense(tree)
    np.testing.assert_allclose(unitary(tree.controlled(values)), expected, rtol=0, atol=ROUNDING)


def test_unroll_resolves_qubits_controls_adjoints_and_repeats():
    inner = CircuitBuilder("inner", 2)
    inner.gate("s", [1])
    inner.gate("ry", [0], [0.5], [(1, 0)])
    outer = CircuitBuilder("outer", 3)
    outer.call(inner.build(), [2, 0], controls=[(1, 1)], adjoint=True, repeat=2)
    ry = Gate("ry", (2,), (-0.5,), ((1, 1), (0, 0)))
    sdg = Gate("sdg", (0,), (), ((1, 1),))
    assert list(unroll(outer.build())) == [ry, sdg, ry, sdg]


def test_blocks_compare_by_identity_and_print_in_one_line():
    block = CircuitBuilder("leaf", 1).build()
    for _ in range(60):
        builder = CircuitBuilder("twice", 1)
        builder.call(block, [0])
        builder.call(block, [0])
        block = builder.build()
    assert repr(block) == "Circuit('twice', n_qubits=1, n_bits=0, 2 ops)"
    assert Circuit("a", 1, ()) != Circuit("a", 1, ())


def test_unitary_blocks_are_told_from_those_that_measure(builder, tree):
    assert tree.is_unitary
    builder.postselect([0])
    assert not builder.build().repeat(2).is_unitary


@pytest.mark.parametrize("name", GATES)
def test_the_adjoint_gate_has_the_adjoint_matrix(name, random_gate):
    (gate,) = random_gate(np.random.default_rng(0), 3, name, 0).ops
    np.testing.assert_allclose(gate.adjoint().matrix(), gate.matrix().conj().T, rtol=0, atol=ROUNDING)


def wrong_uses(builder):
    """Each wrong use, and a piece of the sentence it earns."""
    block = CircuitBuilder("leaf", 2).build()
    measuring = CircuitBuilder("measuring", 1, 2)
    measuring.measure([0], [1])
    measuring = measuring.build()
    return [
        (lambda: CircuitBuilder("none", -1), "-1 qubits"),
        (lambda: builder.gate("cnot", [0]), "Unknown gate 'cnot'"),
        (lambda: builder.gate("ry", [0]), "do not fit"),
        (lambda: builder.gate("x", [0, 1]), "do not fit"),
        (lambda: builder.gate("mux_ry", [0, 1], [0.1, 0.2, 0.3]), "do not fit"),
        (lambda: builder.gate("mux_ry", [], []), "do not fit"),
        (lambda: builder.gate("diagonal", [0, 1], [0.1, 0.2]), "do not fit"),
        (lambda: builder.gate("ry", [0], [float("nan")]), "NaN or infinite"),
        (lambda: builder.gate("ry", [0], ["a"]), "real numbers"),
        (lambda: builder.gate("x", [3]), "below 3"),
        (lambda: builder.gate("x", [-1]), "below 3"),
        (lambda: builder.gate("x", [0.5]), "whole numbers"),
        (lambda: builder.gate("x", [0], controls=[(0, 1)]), "distinct"),
        (lambda: builder.gate("x", [0], controls=[(1, 2)]), "control value"),
        (lambda: builder.gate("x", [0], controls=[1]), "pairs"),
        (lambda: builder.gate("swap", [1, 1]), "distinct"),
        (lambda: builder.call(block, [0]), "acts on 2 qubits, got 1"),
        (lambda: builder.call(block, [0, 1], repeat=-1), "repeated -1 times"),
        (lambda: builder.call(block, [0, 1], controls=[(1, 1)]), "distinct"),
        (lambda: builder.call(block, [0, 1], controls=[(2, 3)]), "control value"),
        (lambda: builder.call(measuring, [0]), "writes 2 bits"),
        (lambda: builder.call(measuring, [0], adjoint=True), "no adjoint"),
        (lambda: builder.call(measuring, [0], controls=[(1, 1)]), "no adjoint or controlled"),
        (lambda: builder.measure([0], [1]), "one bit below 1"),
        (lambda: builder.measure([0, 1], [0]), "one bit below 1"),
        (lambda: builder.reset([5]), "below 3"),
        (lambda: builder.postselect([0], [2]), "0 or 1"),
        (lambda: builder.postselect([0, 1], [0]), "0 or 1"),
    ]


@pytest.mark.parametrize("case", range(28))
def test_wrong_uses_are_refused_by_name(builder, case):
    cases = wrong_uses(builder)
    assert len(cases) == 28
    use, words = cases[case]
    with pytest.raises(ConfigError, match=words):
        use()
    assert builder.build().ops == ()


def test_equal_gates_of_a_builder_are_one_object_and_different_ones_are_not(builder):
    for angle in (0.1, 0.2, 0.1):
        builder.gate("rz", [0], [angle])
    builder.gate("rz", [1], [0.1])
    builder.gate("rz", [0], [0.1], ((1, 1),))
    builder.gate("rz", [0], [0.1], ((1, 0),))
    circuit = builder.build()
    assert circuit.ops[0] is circuit.ops[2]
    assert [op.params[0] for op in circuit.ops] == [0.1, 0.2, 0.1, 0.1, 0.1, 0.1]
    assert len(circuit.distinct) == 5
    assert list(circuit.distinct.values()) == [circuit.ops[i] for i in (0, 1, 3, 4, 5)]
