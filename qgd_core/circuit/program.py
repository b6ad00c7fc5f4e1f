"""A program: a circuit with the meaning of its outcomes, and the same success branch for emulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qgd_core.arrays import ComplexArray
from qgd_core.circuit.circuit import Circuit


@dataclass(frozen=True)
class Program:
    """What a plan compiles to, and what a backend compiles further.

    `circuit` starts from |0...0> and writes `circuit.n_bits` classical bits (bit 0 most significant).
    `branch`, where given, computes classically the unnormalised amplitudes over those bits after every
    post-selection (shape (2**n_bits,)): it is what the emulator runs instead of gates.
    """

    circuit: Circuit
    branch: Callable[[], ComplexArray] | None = None
