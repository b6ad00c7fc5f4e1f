"""The conformance suite, and what is PennyLane's own."""

import subprocess
import sys

import numpy as np
import pennylane as qml
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance import conformance
from qgd_core.conformance.cases import measured, random_circuit
from qgd_core.conformance.checks.midway import follow, reset_and_reuse
from qgd_core.conformance.checks.postselection import marching
from qgd_core.conformance.subject import likely
from qgd_core.errors import UnknownBackend

test_lightning = conformance("pennylane:lightning.qubit")
test_default = pytest.mark.slow(conformance("pennylane:default.qubit"))


@pytest.mark.parametrize("device", ["lightning.qubit", "default.qubit"])
def test_measuring_midway_repeats_with_its_seed_and_counts_what_was_postselected(device):
    builder = CircuitBuilder("midway", 2, 3)
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.3))])
    builder.measure([0], [0])
    builder.reset([0])
    builder.gate("h", [0])
    builder.postselect([0], [1])
    builder.gate("ry", [1], [2 * np.arcsin(np.sqrt(0.6))])
    builder.measure([1], [2])
    executable = get_backend(f"pennylane:{device}").compile(Program(builder.build()))
    outcomes = executable.run(20_000, seed=2)
    assert outcomes == executable.run(20_000, seed=2) != executable.run(20_000, seed=3)
    odds = {0b000: 0.7 * 0.4, 0b001: 0.7 * 0.6, 0b100: 0.3 * 0.4, 0b101: 0.3 * 0.6}
    assert set(outcomes.counts) == set(odds)
    for key, share in odds.items():
        expected = 20_000 * share / 2
        assert abs(outcomes.counts[key] - expected) < 5 * np.sqrt(expected)


def test_openqasm_read_by_pennylane_is_the_circuit_but_for_the_global_phase(tmp_path):
    circuit = random_circuit(4, 30, 2)
    path = tmp_path / "circuit.qasm"
    executable = get_backend("pennylane").compile(Program(circuit))
    executable.export(path)
    lines = path.read_text().splitlines()
    phase = sum(float(line[7:-2]) for line in lines if line.startswith("gphase("))  # read with the other sign
    text = "\n".join(
        line for line in lines if not line.startswith(("gphase(", "include"))
    )  # the library is built in
    tape = qml.tape.make_qscript(qml.from_qasm3(text))()
    vector = qml.matrix(tape, wire_order=[f"q[{q}]" for q in range(executable.lowered.n_qubits)])[:, 0]
    vector = vector * np.exp(1j * phase)
    np.testing.assert_allclose(vector.reshape(16, -1)[:, 0], simulate(circuit), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "circuit",
    [measured(random_circuit(2, 6, 1, max_controls=1), [1, 0]), marching(2, 1), reset_and_reuse()],
    ids=str,
)
def test_a_device_of_mixed_states_samples_and_declares_no_vector(circuit):
    backend = get_backend("pennylane:default.mixed")
    assert not backend.capabilities.statevector
    outcomes = backend.compile(Program(circuit)).run(2000, seed=3)
    likely(outcomes.counts, follow(circuit), 2000, circuit.name)
    assert backend.compile(Program(circuit)).run(2000, seed=3) == outcomes


def test_an_unknown_device_is_named():
    with pytest.raises(UnknownBackend, match=r"no device 'heavy.qubit'"):
        get_backend("pennylane:heavy.qubit")


def test_the_package_imports_no_sdk():
    script = "import sys, qgd_backend_pennylane as p; p.qgd_backend(); assert 'pennylane' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
