"""From the core's native gates to Qulacs circuits, and back for counting.

Qulacs counts qubits from the least significant, so qubit q of n is its n - 1 - q: its vectors then need no
reordering. Its RX turns by minus the angle, RotX by the angle. A phase gate would become a bare matrix that cannot
be told from others when it is read back; the core makes it of RZ and a global phase.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from typing import Any

from qulacs import QuantumCircuit, gate

from qgd_core.plugin import CLIFFORD_ROTATION_BASIS, Circuit, Gate, unroll

NATIVE = CLIFFORD_ROTATION_BASIS - {"phase"}
FIXED = {
    **{"x": gate.X, "y": gate.Y, "z": gate.Z, "h": gate.H},
    **{"s": gate.S, "sdg": gate.Sdag, "t": gate.T, "tdg": gate.Tdag},
}
GATES = FIXED | {
    "rx": gate.RotX,
    "ry": gate.RotY,
    "rz": gate.RotZ,
    "gphase": lambda angle: gate.DiagonalMatrix([0], [cmath.exp(1j * angle)] * 2),
    "cx": gate.CNOT,
}
NAMES = {make(0).get_name(): name for name, make in FIXED.items()} | {
    "X-rotation": "rx",
    "Y-rotation": "ry",
    "Z-rotation": "rz",
    "CNOT": "x",
}


def translate(circuit: Circuit) -> QuantumCircuit:
    """The Qulacs circuit for a lowered unitary one."""
    result = QuantumCircuit(circuit.n_qubits)
    for op in unroll(circuit):
        if isinstance(op, Gate):
            qubits = [circuit.n_qubits - 1 - q for q in op.qubits]
            result.add_gate(GATES[op.key](*qubits, *op.params))
    return result


def read_gates(circuit: QuantumCircuit) -> Iterator[Gate]:
    """The gates of a translated circuit in the core's names, global phases left out."""
    last = circuit.get_qubit_count() - 1
    for i in range(circuit.get_gate_count()):
        found = circuit.get_gate(i)
        if found.get_name() in NAMES:
            name = NAMES[found.get_name()]
            targets = tuple(last - q for q in found.get_target_index_list())
            controls = tuple((last - q, 1) for q in found.get_control_index_list())
            yield Gate(name, targets, _angles(name, found.get_matrix()), controls)


def _angles(name: str, matrix: Any) -> tuple[float, ...]:
    """The angle of a rotation, read from its matrix; none for other gates."""
    sine = {"rx": -matrix[1, 0].imag, "ry": matrix[1, 0].real, "rz": matrix[1, 1].imag}.get(name)
    return () if sine is None else (2 * math.atan2(sine, matrix[1, 1].real),)
