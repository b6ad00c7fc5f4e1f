"""The Braket backend: programs fitted by the core, written once as OpenQASM 3, run on the local simulator.

The simulator starts from |0...0> only, so post-selections are gathered in a success counter; and its sampler takes
no seed, so shots are drawn here from the vector it returns. For want of a seed, measurement in mid-circuit, which only
that sampler can do, is not declared: no such run could be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qgd_backend_braket.lower import NATIVE, ExportsBraket, read_gates, translate, wrap
from qgd_backend_braket.targets import LocalOptions, evolve
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    Gate,
    Program,
    fit,
    read_options,
)


class BraketBackend(Backend):
    """Programs on Amazon Braket's local simulator."""

    name = "braket"
    capabilities = Capabilities(native=NATIVE, max_qubits=22)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read_options(LocalOptions, options, "braket:local")

    def compile(self, program: Program) -> BraketExecutable:
        """Translate a program; see Backend.compile."""
        return BraketExecutable(program, self)


class BraketExecutable(ExportsBraket):
    """A program as OpenQASM statements; what follows the one post-selection, at the end, is empty."""

    def __init__(self, program: Program, backend: BraketBackend) -> None:
        lowered = fit(program.circuit, backend.capabilities)
        super().__init__(program, backend.capabilities, lowered, translate)

    def _evolve(self, body: str, state: ComplexArray | None) -> ComplexArray:
        return evolve(wrap(body, self.lowered.n_qubits)) if state is None else state

    def _gates(self, body: str) -> Iterable[Gate]:
        return read_gates(body)
