"""Exported files, read back by Qiskit itself."""

import numpy as np
import pytest
from qiskit import qasm3, qpy
from qiskit.quantum_info import Statevector

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit


def vector(circuit, n_qubits):
    """The vector of a circuit read back, in the core's order, without its workspace."""
    bare = circuit.remove_final_measurements(inplace=False)
    return Statevector(bare).data.reshape(2**n_qubits, -1)[:, 0]


@pytest.mark.parametrize("spec", ["qiskit:aer", "qiskit:basic"])
def test_qpy_read_back_is_the_circuit(spec, tmp_path):
    circuit = measured(random_circuit(4, 30, 2))
    path = tmp_path / "circuit.qpy"
    get_backend(spec).compile(Program(circuit)).export(path)
    with path.open("rb") as file:
        [read] = qpy.load(file)
    np.testing.assert_allclose(vector(read, 4), simulate(circuit), rtol=0, atol=1e-12)


def test_qpy_tells_what_an_accepted_shot_reads(tmp_path):
    path = tmp_path / "circuit.qpy"
    circuit = postselected(3, 2, 1)
    executable = get_backend("qiskit:aer").compile(Program(circuit))
    executable.export(path)
    with path.open("rb") as file:
        [read] = qpy.load(file)
    assert tuple(read.metadata["accepted"]) == executable.measured[1] != ()
    assert read.num_clbits == 3 + len(executable.measured[1])
    assert read == executable.measured[0]


@pytest.mark.parametrize("circuit", [random_circuit(4, 30, 2), measured(random_circuit(4, 30, 2))], ids=str)
def test_openqasm_read_by_qiskit_is_the_circuit(circuit, tmp_path):
    path = tmp_path / "circuit.qasm"
    get_backend("qiskit:aer").compile(Program(circuit)).export(path)
    read = qasm3.load(path).reverse_bits()
    np.testing.assert_allclose(vector(read, 4), simulate(circuit), rtol=0, atol=1e-12)
