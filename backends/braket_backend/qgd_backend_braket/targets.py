"""The local simulator, and its options."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from braket.default_simulator import StateVectorSimulator
from braket.ir.openqasm import Program as OpenQASM

from qgd_core.plugin import ComplexArray


@dataclass(frozen=True)
class LocalOptions:
    """`braket:local` has no options."""


def evolve(source: str) -> ComplexArray:
    """The vector that an OpenQASM 3 program ends in; exact to rounding."""
    result = StateVectorSimulator().run(OpenQASM(source=source), shots=0)
    return np.array(result.resultTypes[0].value, dtype=np.complex128)
