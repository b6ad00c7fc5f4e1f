"""Which qubit a bit reads, and the amplitudes over the bits."""

import numpy as np
import pytest

from qgd_core.backends.bits import inline, measured_qubits, restrict, uses_mid_circuit
from qgd_core.circuit.circuit import Call, CircuitBuilder, unroll
from qgd_core.circuit.ops import Measure
from qgd_core.errors import UnsupportedOperation


def build(n_qubits, n_bits, *steps):
    builder = CircuitBuilder("toy", n_qubits, n_bits)
    for name, *args in steps:
        getattr(builder, name)(*args)
    return builder.build()


def test_measurements_inside_blocks_are_found_on_the_callers_qubits():
    inner = build(2, 3, ("measure", [0, 1], [2, 0]))
    outer = build(4, 3, ("call", inner, [3, 1]), ("measure", [2], [1]))
    assert measured_qubits(outer) == {0: 1, 1: 2, 2: 3}


def test_inline_opens_only_what_is_not_unitary():
    unitary = build(1, 0, ("gate", "x", [0]))
    inner = build(2, 1, ("call", unitary, [1]), ("postselect", [0]))
    builder = CircuitBuilder("outer", 3, 1)
    builder.call(unitary, [0])
    builder.call(inner, [2, 0], repeat=2)
    ops = list(inline(builder.build()))
    assert [type(op).__name__ for op in ops] == ["Call", "Call", "PostSelect", "Call", "PostSelect"]
    assert [op.qubits for op in ops] == [(0,), (0,), (2,), (0,), (2,)]
    assert next(op for op in ops if isinstance(op, Call)).circuit is unitary


def test_the_last_write_of_a_bit_wins():
    assert measured_qubits(build(2, 1, ("measure", [0], [0]), ("measure", [1], [0]))) == {0: 1}


def test_mid_circuit_means_reset_or_a_gate_after_the_measurement():
    block = build(2, 0, ("gate", "h", [1]))
    assert not uses_mid_circuit(build(2, 1, ("measure", [0], [0]), ("gate", "h", [1])))
    assert not uses_mid_circuit(build(2, 1, ("measure", [0], [0]), ("postselect", [0])))
    assert uses_mid_circuit(build(2, 1, ("reset", [1])))
    assert uses_mid_circuit(build(2, 1, ("measure", [0], [0]), ("call", block, [1, 0])))
    assert uses_mid_circuit(build(2, 1, ("measure", [0], [0]), ("gate", "x", [1], (), ((0, 0),))))


def test_restrict_reorders_to_the_bits_and_keeps_unmeasured_qubits_at_zero():
    vector = np.zeros(8, dtype=complex)
    vector[0b110], vector[0b010], vector[0b100] = 0.5, 0.25j, -0.125  # qubit 2 is never measured
    circuit = build(3, 2, ("measure", [1, 0], [0, 1]))
    np.testing.assert_array_equal(restrict(vector, circuit), [0, -0.125, 0.25j, 0.5])


def test_a_bit_never_written_reads_zero():
    vector = np.array([0.6, 0.8j])
    np.testing.assert_array_equal(restrict(vector, build(1, 2, ("measure", [0], [1]))), [0.6, 0.8j, 0, 0])
    np.testing.assert_array_equal(restrict(vector, build(1, 2, ("measure", [0], [0]))), [0.6, 0, 0.8j, 0])


def test_restrict_refuses_what_is_not_a_vector_over_the_bits():
    vector = np.array([0.6, 0.8, 0, 0], dtype=complex)
    with pytest.raises(UnsupportedOperation, match="do not end in") as caught:
        restrict(vector, build(2, 1, ("measure", [0], [0])))
    assert caught.value.value == pytest.approx(0.8, abs=1e-15)
    with pytest.raises(UnsupportedOperation, match="Two bits"):
        restrict(vector, build(2, 2, ("measure", [0], [0]), ("measure", [0], [1])))


def test_inline_and_unroll_see_the_same_measurements():
    inner = build(2, 2, ("gate", "h", [0]), ("measure", [1], [1]))
    outer = build(3, 2, ("call", inner, [2, 0]))
    assert [op for op in inline(outer) if isinstance(op, Measure)] == [
        op for op in unroll(outer) if isinstance(op, Measure)
    ]
