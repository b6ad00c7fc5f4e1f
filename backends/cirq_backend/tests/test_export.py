"""Exported files, read back by Cirq itself."""

import cirq
import numpy as np
from cirq.contrib.qasm_import import circuit_from_qasm

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit


def test_json_read_back_is_the_circuit(tmp_path):
    circuit = measured(random_circuit(4, 30, 2))
    path = tmp_path / "circuit.json"
    executable = get_backend("cirq").compile(Program(circuit))
    executable.export(path)
    read = cirq.Circuit(op for op in cirq.read_json(path).all_operations() if not cirq.is_measurement(op))
    line = cirq.LineQubit.range(executable.lowered.n_qubits)
    vector = read.final_state_vector(qubit_order=line, dtype=np.complex128)
    np.testing.assert_allclose(vector.reshape(16, -1)[:, 0], simulate(circuit), rtol=0, atol=1e-12)


def test_json_holds_a_key_per_bit_and_per_postselected_qubit(tmp_path):
    path = tmp_path / "circuit.json"
    executable = get_backend("cirq").compile(Program(postselected(3, 2, 1)))
    executable.export(path)
    keys = cirq.read_json(path).all_measurement_key_names()
    assert keys == {str(bit) for bit in range(3 + len(executable.measured[1]))}


def test_any_other_suffix_is_openqasm(tmp_path):
    path = tmp_path / "circuit.qasm"
    get_backend("cirq").compile(Program(random_circuit(2, 5, 1))).export(path)
    assert path.read_text().startswith("OPENQASM 3.0;")


def test_openqasm_read_by_cirq_is_the_circuit_but_for_the_global_phase(tmp_path):
    circuit = measured(random_circuit(4, 30, 2))
    path = tmp_path / "circuit.qasm"
    executable = get_backend("cirq").compile(Program(circuit))
    executable.export(path)
    lines = path.read_text().splitlines()
    phase = sum(
        float(line[7:-2]) for line in lines if line.startswith("gphase(")
    )  # no gate of Cirq's importer
    read = circuit_from_qasm("\n".join(line for line in lines if not line.startswith("gphase(")))
    assert {str(key) for key in read.all_measurement_key_names()} == {f"b_{bit}" for bit in range(4)}
    gates = cirq.Circuit(op for op in read.all_operations() if not cirq.is_measurement(op))
    line = [cirq.NamedQubit(f"q_{q}") for q in range(executable.lowered.n_qubits)]
    vector = gates.final_state_vector(qubit_order=line, dtype=np.complex128) * np.exp(1j * phase)
    np.testing.assert_allclose(vector.reshape(16, -1)[:, 0], simulate(circuit), rtol=0, atol=1e-12)
