"""The conformance suite, and what is Braket's own."""

import subprocess
import sys

import braket.circuits
import numpy as np
import pytest
from braket.ir.openqasm import Program as OpenQASM

from qgd_core.backends.registry import get_backend
from qgd_core.backends.segments import project
from qgd_core.circuit.ops import PostSelect
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance import conformance
from qgd_core.conformance.cases import postselected, random_circuit

test_local = conformance("braket:local")


def test_no_control_modifier_is_ever_written():
    executable = get_backend("braket").compile(Program(random_circuit(5, 60, 1)))
    [body] = executable.bodies
    assert "ctrl" not in body
    assert "\ncnot" in body


@pytest.mark.parametrize("circuit", [random_circuit(3, 20, 2), postselected(3, 2, 1)], ids=str)
def test_json_read_by_brakets_sdk_is_the_circuit(circuit, tmp_path):
    path = tmp_path / "circuit.json"
    executable = get_backend("braket").compile(Program(circuit))
    executable.export(path)
    read = braket.circuits.Circuit.from_ir(OpenQASM.parse_raw(path.read_text()))
    gates = [one for one in read.instructions if one.operator.name != "Measure"]
    measures = [one for one in read.instructions if one.operator.name == "Measure"]
    assert len(measures) == executable.lowered.n_bits + len(executable.measured[1])
    vector = braket.circuits.Circuit(gates).to_unitary()[:, 0]
    if not measures:
        np.testing.assert_allclose(vector.reshape(8, -1)[:, 0], simulate(circuit), rtol=0, atol=1e-12)
        return
    kept = PostSelect(executable.lowered.ops[-1].qubits, executable.measured[1])
    vector = project(vector, kept)  # the only post-selection is the last op but for the measurements
    np.testing.assert_allclose(vector.reshape(8, -1)[:, 0], simulate(circuit), rtol=0, atol=1e-12)


def test_the_package_imports_no_sdk():
    script = "import sys, qgd_backend_braket as p; p.qgd_backend(); assert 'braket' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
