"""The Qiskit backend: programs fitted by the core, translated once, run on a target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qiskit import QuantumCircuit

from qgd_backend_qiskit.lower import NATIVE, Translator, read_gates
from qgd_backend_qiskit.targets import AerOptions, AerTarget, BasicOptions, BasicTarget, Target
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    Gate,
    Program,
    SegmentedExecutable,
    fit,
    read_options,
)


class QiskitBackend(Backend):
    """Programs on Qiskit; the target is "aer" or "basic"."""

    name = "qiskit"

    def __init__(self, target: str, options: Mapping[str, Any]) -> None:
        self.form = "segments"
        self.target: Target
        if target == "aer":
            chosen = read_options(AerOptions, options, "qiskit:aer")
            self.form = chosen.postselect
            self.target = AerTarget(chosen)
        else:
            read_options(BasicOptions, options, "qiskit:basic")
            self.target = BasicTarget()
        self.capabilities = Capabilities(
            native=NATIVE,
            mid_circuit=target == "aer",
            postselect=self.form != "counter",
            max_qubits=self.target.max_qubits,
        )

    def compile(self, program: Program) -> QiskitExecutable:
        """Translate a program; see Backend.compile."""
        return QiskitExecutable(program, self)


class QiskitExecutable(SegmentedExecutable[QuantumCircuit]):
    """A program as QuantumCircuits: one per segment, or one that measures the post-selections midway."""

    def __init__(self, program: Program, backend: QiskitBackend) -> None:
        lowered = fit(program.circuit, backend.capabilities)
        self.target = backend.target
        translate = Translator().translate
        super().__init__(program, backend.capabilities, lowered, translate, whole=backend.form != "segments")

    def _evolve(self, body: QuantumCircuit, state: ComplexArray | None) -> ComplexArray:
        return self.target.evolve(body, state)

    def _sample(
        self, body: QuantumCircuit, state: ComplexArray | None, qubits: tuple[int, ...], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        if shots > self.target.most_shots:
            return super()._sample(body, state, qubits, shots, seed)
        return self.target.sample(body, state, [body.num_qubits - 1 - q for q in qubits], shots, seed)

    def _measure(self, body: QuantumCircuit, shots: int, seed: int) -> dict[int, int]:
        return self.target.measure(body, shots, seed)

    def _gates(self, body: QuantumCircuit) -> Iterable[Gate]:
        return read_gates(body)
