"""From the core's tree of native gates to Cirq circuits; gates are made once per name and angle."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from copy import copy

import cirq

from qgd_core.plugin import CLIFFORD_ROTATION_BASIS, Call, Circuit, Gate, Measure

NATIVE = CLIFFORD_ROTATION_BASIS
FIXED = {
    "x": cirq.X,
    "y": cirq.Y,
    "z": cirq.Z,
    "h": cirq.H,
    "s": cirq.S,
    "sdg": cirq.S**-1,
    "t": cirq.T,
    "tdg": cirq.T**-1,
    "cx": cirq.CNOT,
}
TURNED = {
    "rx": lambda angle: cirq.Rx(rads=angle),
    "ry": lambda angle: cirq.Ry(rads=angle),
    "rz": lambda angle: cirq.Rz(rads=angle),
    "phase": lambda angle: cirq.ZPowGate(exponent=angle / math.pi),
    "gphase": lambda angle: cirq.GlobalPhaseGate(cmath.exp(1j * angle)),
}


class Translator:
    """Translates lowered circuits; qubit q is LineQubit(q), and bit b the measurement key "b"."""

    def __init__(self) -> None:
        self._fixed: dict[str, cirq.Gate] = {}
        self._names: dict[int, tuple[str, tuple[float, ...]]] = {}
        self._blocks: dict[tuple[Circuit, tuple[int, ...]], list[cirq.Operation]] = {}

    def translate(self, circuit: Circuit) -> cirq.Circuit:
        """The whole circuit."""
        return cirq.Circuit(self._operations(circuit, tuple(range(circuit.n_qubits))))

    def read(self, circuit: cirq.Circuit) -> Iterator[Gate]:
        """The gates of a translated circuit in the core's names, global phases left out."""
        for operation in circuit.all_operations():
            name, params = self._names.get(id(operation.gate), ("gphase", ()))
            if name != "gphase":
                *controls, target = (qubit.x for qubit in operation.qubits)
                yield Gate(name.removeprefix("c"), (target,), params, tuple((q, 1) for q in controls))

    def _operations(self, circuit: Circuit, qubits: tuple[int, ...]) -> list[cirq.Operation]:
        """The operations of a block on these qubits, made at its first use there."""
        if (circuit, qubits) in self._blocks:
            return self._blocks[circuit, qubits]
        line = [cirq.LineQubit(q) for q in qubits]
        result: list[cirq.Operation] = []
        made = {
            key: self._gate(op.key, op.params).on(*(line[q] for q in op.qubits))
            for key, op in circuit.distinct.items()
            if isinstance(op, Gate)
        }
        for op in circuit.ops:
            if isinstance(op, Gate):
                result.append(made[id(op)])
            elif isinstance(op, Call):
                result += self._operations(op.circuit, tuple(qubits[q] for q in op.qubits)) * op.repeat
            elif isinstance(op, Measure):
                result += [cirq.measure(line[q], key=str(b)) for q, b in zip(op.qubits, op.bits, strict=True)]
            else:
                result += [cirq.reset(line[q]) for q in op.qubits]
        self._blocks[circuit, qubits] = result
        return result

    def _gate(self, name: str, params: tuple[float, ...]) -> cirq.Gate:
        """A gate of its own for each rotation; the others are made once."""
        if params:
            gate = TURNED[name](*params)
        elif name in self._fixed:
            return self._fixed[name]
        else:
            gate = self._fixed[name] = copy(FIXED[name])
        self._names[id(gate)] = name, params
        return gate
