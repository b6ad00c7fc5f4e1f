"""The Qiskit backend on simulators: programs fitted by the core, translated once, run on a target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from qiskit import QuantumCircuit

from qgd_backend_qiskit import clifford_t
from qgd_backend_qiskit.clifford_t import CliffordTOptions, synthesise, t_depth
from qgd_backend_qiskit.lower import NATIVE, ExportsQpy, Translator, read_gates
from qgd_backend_qiskit.targets import AerOptions, AerTarget, BasicOptions, BasicTarget, Target
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    Gate,
    Program,
    fit,
    read_options,
)


class QiskitBackend(Backend):
    """Programs on Qiskit's simulators; the target is "aer", "basic" or "clifford_t"."""

    name = "qiskit"

    def __init__(self, target: str, options: Mapping[str, Any]) -> None:
        self.form = "segments"
        self.target: Target
        self.synthesis_error: float | None = None
        self.capabilities = Capabilities(native=NATIVE, mid_circuit=target != "basic", postselect=True)
        if target == "aer":
            self._read_aer(read_options(AerOptions, options, "qiskit:aer"))
        elif target == "basic":
            read_options(BasicOptions, options, "qiskit:basic")
            self.target = BasicTarget()
        else:
            self.synthesis_error = read_options(
                CliffordTOptions, options, "qiskit:clifford_t"
            ).synthesis_error
            self.target = AerTarget(AerOptions())
            self.capabilities = replace(self.capabilities, native=clifford_t.NATIVE)
        self.capabilities = replace(self.capabilities, max_qubits=self.target.max_qubits)

    def compile(self, program: Program) -> QiskitExecutable:
        """Translate a program; see Backend.compile."""
        return QiskitExecutable(program, self)

    def _read_aer(self, options: AerOptions) -> None:
        noisy = options.noise_model is not None
        self.target = AerTarget(options)
        self.form = "measure" if noisy and options.postselect == "segments" else options.postselect
        self.capabilities = replace(
            self.capabilities, postselect=self.form != "counter", statevector=not noisy
        )


class QiskitExecutable(ExportsQpy):
    """A program as QuantumCircuits: one per segment, or one that measures the post-selections midway."""

    def __init__(self, program: Program, backend: QiskitBackend) -> None:
        lowered = fit(program.circuit, backend.capabilities)
        if backend.synthesis_error is not None:
            lowered = synthesise(lowered, backend.synthesis_error)
        self.target = backend.target
        translate = Translator().translate
        super().__init__(program, backend.capabilities, lowered, translate, whole=backend.form != "segments")

    @cached_property
    def t_depth(self) -> int:
        """The most T gates that follow one another on a path, summed over the segments."""
        return sum(t_depth(body) for body in self.bodies)

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
