from __future__ import annotations

import numpy as np
import pytest

from qgd_core.circuit.circuit import Call, CircuitBuilder
from qgd_core.circuit.counts import cost, count
from qgd_core.circuit.lower import CLIFFORD_ROTATION_BASIS, lower
from qgd_core.circuit.ops import Gate
from qgd_core.errors import ConfigError


def blocks_below(circuit):
    found = {circuit}
    for op in circuit.ops:
        if isinstance(op, Call):
            found |= blocks_below(op.circuit)
    return found


@pytest.mark.parametrize("seed", range(25))
def test_random_trees_are_exact_in_native_gates(seed, dense, random_tree, assert_clean):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    circuit = random_tree(rng, n, 2)
    lowered = lower(circuit)
    assert lowered.n_qubits <= n + 6
    assert_clean(lowered, dense(circuit))
    for block in blocks_below(lowered):
        for op in block.ops:
            if isinstance(op, Gate):
                assert op.key in CLIFFORD_ROTATION_BASIS
            else:
                assert (op.controls, op.adjoint) == ((), False)
    assert lower(lowered) is lowered


@pytest.mark.parametrize("values", [(0,), (1,), (0, 1, 0)])
@pytest.mark.parametrize("seed", range(5))
def test_controlled_and_inverted_trees_are_exact(seed, values, dense, random_tree, assert_clean):
    circuit = random_tree(np.random.default_rng(seed), 3, 2).adjoint().controlled(values)
    assert_clean(lower(circuit), dense(circuit))


def test_six_qubits(dense, random_tree, assert_clean):
    circuit = random_tree(np.random.default_rng(11), 6, 2)
    assert_clean(lower(circuit), dense(circuit))


def test_each_block_is_lowered_once_and_repeats_stay():
    leaf = CircuitBuilder("leaf", 2)
    leaf.gate("ry", [0], [0.3], [(1, 0)])
    leaf = leaf.build()
    root = CircuitBuilder("root", 4)
    for qubits in ([0, 1], [2, 3], [3, 0]):
        root.call(leaf, qubits, repeat=10**9)
        root.call(leaf, qubits, adjoint=True)
    root.call(leaf, [0, 1], controls=[(2, 1), (3, 0)], repeat=7)
    root.call(leaf, [0, 1], controls=[(3, 1)])
    lowered = lower(root.build())
    assert sorted(block.name for block in blocks_below(lowered)) == ["c_leaf", "leaf", "leaf_dg", "root"]
    calls = [op for op in lowered.ops if isinstance(op, Call)]
    assert [op.repeat for op in calls] == [10**9, 1, 10**9, 1, 10**9, 1, 7, 1]


def test_workspace_is_shared_between_ops():
    builder = CircuitBuilder("pool", 5)
    for target in range(5):
        builder.gate("x", [target], controls=[(q, 1) for q in range(5) if q != target])
    assert lower(builder.build()).n_qubits == 7


def test_what_is_not_unitary_stays(random_marching):
    circuit, _ = random_marching(np.random.default_rng(3))
    before, after = count(circuit), count(lower(circuit))
    assert (before["postselect"], before["measure"]) == (after["postselect"], after["measure"]) == (12, 2)


def test_post_selected_trees_are_exact(dense, random_marching, assert_clean):
    circuit, _ = random_marching(np.random.default_rng(2))
    assert_clean(lower(circuit), dense(circuit))


def test_controls_go_to_what_does_not_cancel():
    oracle = CircuitBuilder("oracle", 2)
    oracle.gate("mux_ry", [0, 1], [0.1, 0.5])
    oracle = oracle.build()
    signal = CircuitBuilder("signal", 2)
    for angle in (0.1, 0.2, 0.3):
        signal.call(oracle, [0, 1])
        signal.gate("rz", [0], [angle])
        signal.call(oracle.adjoint(), [0, 1])
        signal.gate("rz", [0], [angle])
    signal = signal.build()
    assert cost(signal.controlled()).two_qubit == cost(signal).two_qubit + 6 * 2


def test_native_circuits_come_back_as_they_are():
    builder = CircuitBuilder("native", 2)
    builder.gate("h", [0])
    builder.gate("x", [1], controls=[(0, 1)])
    native = builder.build()
    assert lower(native) is native
    outer = CircuitBuilder("outer", 2)
    outer.call(native, [1, 0], repeat=3)
    outer.gate("h", [0])
    outer = outer.build()
    assert lower(outer) is outer


def test_an_unknown_native_name_is_refused():
    with pytest.raises(ConfigError, match="Unknown native gate 'cnot'"):
        lower(CircuitBuilder("c", 1).build(), frozenset({"cnot"}))


def test_blocks_that_only_call_another_are_seen_through(dense, random_tree, assert_clean):
    block = random_tree(np.random.default_rng(4), 2, 1)
    wrapped = block.repeat(2).controlled((0,)).adjoint().repeat(3).adjoint()
    outer = CircuitBuilder("outer", 4)
    outer.call(wrapped, [3, 0, 2], controls=[(1, 1)], adjoint=True, repeat=2)
    outer.gate("h", [0])
    outer = outer.build()
    lowered = lower(outer)
    assert_clean(lowered, dense(outer))
    (call,) = (op for op in lowered.ops if isinstance(op, Call))
    assert (call.circuit.name, call.repeat) == ("c_block1_dg", 12)
