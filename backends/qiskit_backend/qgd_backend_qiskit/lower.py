"""From the core's tree of native gates to QuantumCircuits: each block once, then composed where it is called."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from qiskit import QuantumCircuit, qpy
from qiskit.circuit import CircuitInstruction, Instruction
from qiskit.circuit import library as qk

from qgd_core.plugin import Call, Circuit, Gate, Measure, Reset, SegmentedExecutable

GATES = {
    "x": qk.XGate,
    "y": qk.YGate,
    "z": qk.ZGate,
    "h": qk.HGate,
    "s": qk.SGate,
    "sdg": qk.SdgGate,
    "t": qk.TGate,
    "tdg": qk.TdgGate,
    "rx": qk.RXGate,
    "ry": qk.RYGate,
    "rz": qk.RZGate,
    "phase": qk.PhaseGate,
    "cx": qk.CXGate,
}
NATIVE = frozenset(GATES) | {"gphase"}
_NAMES = {"p": "phase", "cx": "x"}


class Translator:
    """Translates lowered circuits; qubit q of n becomes qubit n-1-q, so that Qiskit's order reads big-endian."""

    def __init__(self) -> None:
        self._blocks: dict[Circuit, QuantumCircuit] = {}

    def translate(self, circuit: Circuit) -> QuantumCircuit:
        """The whole circuit, qubits and bits in Qiskit's order."""
        result = QuantumCircuit(circuit.n_qubits, circuit.n_bits)
        self._fill(result, circuit, range(circuit.n_qubits)[::-1])
        return result

    def _block(self, circuit: Circuit) -> QuantumCircuit:
        """A unitary block in the core's order, made once."""
        if circuit not in self._blocks:
            block = QuantumCircuit(circuit.n_qubits)
            self._fill(block, circuit, range(circuit.n_qubits))
            self._blocks[circuit] = block
        return self._blocks[circuit]

    def _fill(self, result: QuantumCircuit, circuit: Circuit, order: range) -> None:
        qubits = [result.qubits[place] for place in order]
        bits = result.clbits[::-1]
        add = result._append
        made = {
            key: CircuitInstruction(_gate(op.key, op.params), [qubits[q] for q in op.qubits])
            for key, op in circuit.distinct.items()
            if isinstance(op, Gate) and op.name != "gphase"
        }
        for op in circuit.ops:
            if id(op) in made:
                add(made[id(op)])
            elif isinstance(op, Gate):
                result.global_phase += op.params[0]
            elif isinstance(op, Call):
                for _ in range(op.repeat):
                    result.compose(
                        self._block(op.circuit), [qubits[q] for q in op.qubits], inplace=True, copy=False
                    )
            elif isinstance(op, Measure):
                result.measure([qubits[q] for q in op.qubits], [bits[b] for b in op.bits])
            elif isinstance(op, Reset):
                result.reset([qubits[q] for q in op.qubits])


def read_gates(circuit: QuantumCircuit) -> Iterator[Gate]:
    """The gates of a translated circuit in the core's names and order of qubits, global phase left out."""
    last = circuit.num_qubits - 1
    for instruction in circuit.data:
        operation = instruction.operation
        if operation.name in ("measure", "reset"):
            continue
        *controls, target = (last - circuit.find_bit(qubit).index for qubit in instruction.qubits)
        params = tuple(float(p) for p in operation.params)
        name = _NAMES.get(operation.name, operation.name)
        yield Gate(name, (target,), params, tuple((q, 1) for q in controls))


class ExportsQpy(SegmentedExecutable[QuantumCircuit]):
    """An executable that also exports Qiskit's own format."""

    def export(self, path: str | Path) -> None:
        """Write the circuit as QPY where the suffix is .qpy, as OpenQASM 3 otherwise; see Executable.export.

        Post-selected qubits are measured into spare bits; metadata["accepted"] is what they read when accepted.
        """
        if Path(path).suffix != ".qpy":
            super().export(path)
            return
        circuit, wanted = self.measured
        circuit = circuit.copy()
        circuit.metadata = {"accepted": list(wanted)}
        with Path(path).open("wb") as file:
            qpy.dump(circuit, file)


@lru_cache(maxsize=100_000)
def _gate(key: str, params: tuple[float, ...]) -> Instruction:
    return GATES[key](*params)
