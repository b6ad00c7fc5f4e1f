"""The Qulacs backend: programs fitted by the core, translated once, run on qulacs.QuantumState."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qulacs import QuantumCircuit, QuantumState

from qgd_backend_qulacs.lower import NATIVE, read_gates, translate
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


@dataclass(frozen=True)
class QulacsOptions:
    """Qulacs has no options here."""


class QulacsBackend(Backend):
    """Programs on the dense simulator of Qulacs, in double precision."""

    name = "qulacs"
    capabilities = Capabilities(native=NATIVE, postselect=True, max_qubits=24)

    def __init__(self, target: str, options: Mapping[str, Any]) -> None:
        read_options(QulacsOptions, options, f"qulacs:{target}")

    def compile(self, program: Program) -> QulacsExecutable:
        """Translate a program; see Backend.compile."""
        lowered = fit(program.circuit, self.capabilities)
        return QulacsExecutable(program, self.capabilities, lowered, translate)


class QulacsExecutable(SegmentedExecutable[QuantumCircuit]):
    """A program as Qulacs circuits, one for each stretch between post-selections."""

    def _evolve(self, body: QuantumCircuit, state: ComplexArray | None) -> ComplexArray:
        register = QuantumState(self.lowered.n_qubits)
        if state is not None:
            register.load(state)
        body.update_quantum_state(register)
        return register.get_vector()

    def _gates(self, body: QuantumCircuit) -> Iterable[Gate]:
        return read_gates(body)
