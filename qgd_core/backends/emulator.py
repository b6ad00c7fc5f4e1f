"""The emulator: the success branch of a program computed on arrays, no gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Backend, Capabilities, Executable, Outcomes
from qgd_core.backends.options import read_options
from qgd_core.backends.reference import LoweredCounts, NoOptions
from qgd_core.circuit.program import Program
from qgd_core.errors import UnsupportedOperation


class EmulatorBackend(Backend):
    """Runs Program.branch: the amplitudes the circuit would have, at sizes no gate simulator reaches."""

    name = "emulator"
    capabilities = Capabilities(mid_circuit=True, postselect=True, gates=False)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read_options(NoOptions, options, self.name)

    def compile(self, program: Program) -> Executable:
        """Translate a program; raises UnsupportedOperation when it has no branch."""
        if program.branch is None:
            raise UnsupportedOperation(
                f"Program {program.circuit.name!r} has no classical branch to emulate.",
                subject=program,
                remedy="Use backend=reference.",
            )
        return EmulatorExecutable(program, self.capabilities)


class EmulatorExecutable(LoweredCounts):
    """A program's success branch; statevector() is over the classical bits, not the qubits."""

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        odds = np.abs(self._statevector()) ** 2
        accepted = float(odds.sum())
        if accepted > 1 + 1e-9:
            raise UnsupportedOperation(
                f"The branch of program {self.program.circuit.name!r} has a squared norm above 1.",
                subject=self.program,
                value=accepted,
                remedy="Return unnormalised amplitudes that a circuit could have.",
            )
        odds = np.append(odds, max(0.0, 1 - accepted))
        drawn = np.random.default_rng(seed).multinomial(shots, odds / odds.sum())[:-1]
        return Outcomes({int(key): int(drawn[key]) for key in np.flatnonzero(drawn)}, shots)

    def _statevector(self) -> ComplexArray:
        assert self.program.branch is not None
        return np.asarray(self.program.branch(), dtype=np.complex128)
