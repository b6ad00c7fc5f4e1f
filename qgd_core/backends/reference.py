"""The reference backend: the dense simulator on the circuit as written, sharing nothing with the lowering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Backend, Capabilities, Executable, Outcomes, draw_seeds
from qgd_core.backends.options import read_options
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.counts import Counts, count
from qgd_core.circuit.lower import lower
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import MAX_QUBITS, sample, simulate
from qgd_core.errors import UnsupportedOperation


@dataclass(frozen=True)
class NoOptions:
    """Neither built-in backend has options."""


class ReferenceBackend(Backend):
    """Dense simulation; its counts are those of the circuit lowered to cx and one-qubit gates."""

    name = "reference"
    capabilities = Capabilities(mid_circuit=True, postselect=True, max_qubits=MAX_QUBITS)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read_options(NoOptions, options, self.name)

    def compile(self, program: Program) -> Executable:
        """Translate a program; nothing is lowered before its counts are asked for."""
        if program.circuit.n_qubits > MAX_QUBITS:
            raise UnsupportedOperation(
                f"Circuit {program.circuit.name!r} has {program.circuit.n_qubits} qubits, "
                f"the reference takes {MAX_QUBITS}.",
                subject=program.circuit,
                value=program.circuit.n_qubits,
                remedy="Use backend=emulator, or a smaller problem.",
            )
        return ReferenceExecutable(program, self.capabilities)


class LoweredCounts(Executable):
    """An executable that runs no lowered circuit: its counts are those of lowering to cx and one-qubit gates."""

    @cached_property
    def lowered(self) -> Circuit:
        """The circuit in cx and one-qubit gates, lowered when it is first asked for."""
        return lower(self.program.circuit)

    @cached_property
    def _counts(self) -> Counts:
        return count(self.lowered)


class ReferenceExecutable(LoweredCounts):
    """A program on the dense simulator."""

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        counts, _ = sample(self.program.circuit, shots, draw_seeds(seed, 1)[0])
        return Outcomes(counts, shots)

    def _statevector(self) -> ComplexArray:
        return simulate(self.program.circuit)
