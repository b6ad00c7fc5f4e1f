"""From the core's tree of native gates to lists of PennyLane operators, each block once per place it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pennylane as qml
from pennylane.measurements import MeasurementValue
from pennylane.operation import Operator

from qgd_core.plugin import CLIFFORD_ROTATION_BASIS, Call, Circuit, Gate, Measure

NATIVE = CLIFFORD_ROTATION_BASIS
GATES = {
    "x": qml.PauliX,
    "y": qml.PauliY,
    "z": qml.PauliZ,
    "h": qml.Hadamard,
    "s": qml.S,
    "sdg": lambda wires: qml.adjoint(qml.S(wires)),
    "t": qml.T,
    "tdg": lambda wires: qml.adjoint(qml.T(wires)),
    "rx": qml.RX,
    "ry": qml.RY,
    "rz": qml.RZ,
    "phase": qml.PhaseShift,
    "gphase": lambda angle, wires: qml.GlobalPhase(-angle),  # PennyLane's sign is the other one
    "cx": qml.CNOT,
}
_NAMES = {
    "PauliX": "x",
    "PauliY": "y",
    "PauliZ": "z",
    "Hadamard": "h",
    "S": "s",
    "Adjoint(S)": "sdg",
    "T": "t",
    "Adjoint(T)": "tdg",
    "RX": "rx",
    "RY": "ry",
    "RZ": "rz",
    "PhaseShift": "phase",
    "CNOT": "x",
}


class Translator:
    """Translates lowered circuits; qubit q is wire q, and `bits` holds what was last measured into each bit."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[Circuit, tuple[int, ...]], list[Operator]] = {}
        self.bits: dict[int, MeasurementValue] = {}

    def translate(self, circuit: Circuit) -> list[Operator]:
        """The operators of the whole circuit."""
        return self._operators(circuit, tuple(range(circuit.n_qubits)))

    def _operators(self, circuit: Circuit, qubits: tuple[int, ...]) -> list[Operator]:
        if (circuit, qubits) not in self._blocks:
            made = {
                key: GATES[op.key](*op.params, wires=[qubits[q] for q in op.qubits])
                for key, op in circuit.distinct.items()
                if isinstance(op, Gate)
            }
            result: list[Operator] = []
            for op in circuit.ops:
                if isinstance(op, Gate):
                    result.append(made[id(op)])
                elif isinstance(op, Call):
                    inner = self._operators(op.circuit, tuple(qubits[q] for q in op.qubits))
                    result += inner * op.repeat
                elif isinstance(op, Measure):
                    for qubit, bit in zip(op.qubits, op.bits, strict=True):
                        self.bits[bit] = qml.measure(qubits[qubit])
                        result += self.bits[bit].measurements
                else:
                    for qubit in op.qubits:
                        result += qml.measure(qubits[qubit], reset=True).measurements
            self._blocks[circuit, qubits] = result
        return self._blocks[circuit, qubits]


def read_gates(operators: Iterable[Operator]) -> Iterator[Gate]:
    """The gates of a translated circuit in the core's names, measurements and global phases left out."""
    for operator in operators:
        if operator.name in _NAMES:
            *controls, target = operator.wires
            params = tuple(float(p) for p in operator.parameters)
            yield Gate(_NAMES[operator.name], (target,), params, tuple((q, 1) for q in controls))
