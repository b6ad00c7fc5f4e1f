"""The Qiskit backend: programs fitted by the core, translated once, run on a target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from qiskit import QuantumCircuit

from qgd_backend_qiskit.lower import NATIVE, Translator, read_gates
from qgd_backend_qiskit.targets import AerOptions, AerTarget, BasicOptions, BasicTarget, Target
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    Gate,
    Outcomes,
    Program,
    SegmentedExecutable,
    accept,
    draw_seeds,
    fit,
    measure_all,
    read_options,
    uses_mid_circuit,
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
        super().__init__(program, backend.capabilities, lowered, Translator().translate)
        self.target = backend.target
        self.whole = backend.form != "segments" or uses_mid_circuit(lowered)
        self.bodies  # noqa: B018 - translated now, so that a run translates nothing

    @cached_property
    def bodies(self) -> list[QuantumCircuit]:  # type: ignore[override]
        """The circuits that run for shots."""
        return [self._measured[0]] if self.whole else [segment.body for segment in self.segments]

    @cached_property
    def _measured(self) -> tuple[QuantumCircuit, tuple[int, ...]]:
        """One circuit with a bit for every post-selected qubit, and what those bits read in an accepted shot."""
        circuit, wanted = measure_all(self.lowered)
        return self._translate(circuit), wanted

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        if not self.whole:
            return super()._run(shots, seed)
        circuit, wanted = self._measured
        return accept(self.target.measure(circuit, shots, draw_seeds(seed, 1)[0]), wanted, shots)

    def _evolve(self, body: QuantumCircuit, state: ComplexArray | None) -> ComplexArray:
        return self.target.evolve(body, state)

    def _sample(
        self, body: QuantumCircuit, state: ComplexArray | None, qubits: tuple[int, ...], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        return self.target.sample(body, state, [body.num_qubits - 1 - q for q in qubits], shots, seed)

    def _gates(self, body: QuantumCircuit) -> Iterable[Gate]:
        return read_gates(body)
