"""What is written to a file: it is the circuit that runs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from qgd_core.backends.bits import restrict
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.conformance.reader import read_qasm
from qgd_core.conformance.subject import Subject, check, same_vector


@check("gates")
def exported_circuits_read_back(subject: Subject) -> None:
    """An exported OpenQASM 3 file, read back, gives the same amplitudes over the bits."""
    for circuit in (
        measured(random_circuit(4, 20, subject.seed), [2, 0, 3, 1]),
        postselected(3, 2, subject.seed),
    ):
        read = read_qasm(_exported(subject, circuit))
        expected = restrict(subject.truth(circuit), circuit)
        same_vector(restrict(simulate(read), read), expected, f"{circuit.name}, exported")


def _exported(subject: Subject, circuit: Circuit) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder, "circuit.qasm")
        subject.compile(circuit).export(path)
        return path.read_text(encoding="utf-8")
