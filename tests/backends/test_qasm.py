"""OpenQASM 3 out, read back here by a few lines that know nothing of the writer."""

import re

import numpy as np
import pytest

from qgd_core.backends.qasm import STANDARD, statements, to_qasm
from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.lower import lower
from qgd_core.circuit.ops import Gate
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.errors import UnsupportedOperation

STATEMENT = re.compile(r"(\w+)(?:\((.*)\))? ?((?:q\[\d+\](?:, )?)*);")


def read(text):
    """The circuit of a program, its measurements as (qubit, bit) pairs, and its header."""
    lines = text.splitlines()
    width = next(int(m[1]) for line in lines if (m := re.fullmatch(r"qubit\[(\d+)\] q;", line)))
    builder, pairs = CircuitBuilder("read", width), []
    for line in lines[lines.index(f"qubit[{width}] q;") + 1 :]:
        if m := re.fullmatch(r"b\[(\d+)\] = measure q\[(\d+)\];", line):
            pairs.append((int(m[2]), int(m[1])))
        elif not line.startswith("bit["):
            m = STATEMENT.fullmatch(line)
            qubits = [int(q) for q in re.findall(r"\d+", m[3])]
            name = {"cx": "x", "p": "phase"}.get(m[1], m[1])
            n_controls = m[1] == "cx"
            controls = [(q, 1) for q in qubits[:n_controls]]
            builder.gate(name, qubits[n_controls:], [float(m[2])] if m[2] else [], controls)
    return builder.build(), pairs


@pytest.mark.parametrize("seed", range(3))
def test_a_circuit_written_and_read_back_is_the_same(seed):
    circuit = lower(random_circuit(4, 30, seed))
    again, _ = read(to_qasm(circuit))
    np.testing.assert_array_equal(simulate(again), simulate(circuit))


def test_measurements_keep_qubits_and_bits():
    circuit = measured(random_circuit(3, 2, 1, depth=0), [2, 0, 1])
    assert read(to_qasm(lower(circuit)))[1] == [(2, 0), (0, 1), (1, 2)]


def test_postselected_qubits_are_measured_into_spare_bits_that_a_comment_names():
    builder = CircuitBuilder("kept", 3, 1)
    builder.postselect([2, 0], [1, 0])
    builder.measure([1], [0])
    text = to_qasm(builder.build())
    assert "// accepted: b[1..2] = 10" in text
    assert "bit[3] b;" in text
    assert read(text)[1] == [(2, 1), (0, 2), (1, 0)]


def test_a_gate_without_a_name_is_refused():
    with pytest.raises(UnsupportedOperation, match="'mux_ry'"):
        to_qasm(Circuit("mux", 1, (Gate("mux_ry", (0,), (0.1,)),)))


@pytest.mark.parametrize("name", ["reference", "emulator", "qiskit:aer"])
def test_every_executable_exports(name, tmp_path):
    circuit = postselected(3, 1, 1)
    program = Program(circuit, lambda: simulate(circuit))
    get_backend(name).compile(program).export(tmp_path / "circuit.qasm")
    text = (tmp_path / "circuit.qasm").read_text()
    assert text.startswith("OPENQASM 3.0;")
    assert text == to_qasm(lower(circuit))


def test_each_angle_stands_at_its_own_gate_whatever_stands_between():
    builder = CircuitBuilder("angles", 3, 1)
    angles = [0.1, 1 / 3, -2e-17, 7.0]
    for i, angle in enumerate(angles):
        builder.gate("rz", [i % 3], [angle])
        builder.gate("x", [(i + 1) % 3], (), ((i % 3, 1),))
    builder.measure([0], [0])
    text = "\n".join(statements(builder.build(), STANDARD)).splitlines()
    assert [float(line[3 : line.index(")")]) for line in text[:8:2]] == angles
    assert text[1] == "cx q[0], q[1];"
    assert text[-1] == "b[0] = measure q[0];"


def test_what_the_builder_knows_of_forms_is_what_stands_in_the_ops():
    circuit = random_circuit(4, 60, 3)
    assert circuit.forms == Circuit("same", 4, circuit.ops).forms
