"""An honest backend of its own: gate by gate on a numpy vector, sharing no code with the reference."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Backend, Capabilities, Executable
from qgd_core.backends.fitting import fit
from qgd_core.backends.segments import SegmentedExecutable
from qgd_core.circuit.circuit import Circuit, unroll
from qgd_core.circuit.ops import GATES, Gate
from qgd_core.circuit.program import Program

NATIVE = frozenset("c" * k + name for name in GATES for k in range(5))


class ToyBackend(Backend):
    """Takes every gate with up to four controls; meant for tests, and as the smallest complete backend."""

    name = "toy"
    capabilities = Capabilities(native=NATIVE, postselect=True, max_qubits=16)

    def compile(self, program: Program) -> Executable:
        """Translate a program into a list of gates per segment."""
        return ToyExecutable(program, self.capabilities, fit(program.circuit, self.capabilities), flatten)


class ToyExecutable(SegmentedExecutable["list[Gate]"]):
    """A program as lists of gates."""

    def _evolve(self, body: list[Gate], state: ComplexArray | None) -> ComplexArray:
        if state is None:
            state = np.zeros(2**self.lowered.n_qubits, dtype=np.complex128)
            state[0] = 1
        for gate in body:
            state = apply(gate, state)
        return state

    def _sample(
        self, body: list[Gate], state: ComplexArray | None, qubits: tuple[int, ...], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        vector = self._evolve(body, state)
        rng = np.random.default_rng(seed)
        drawn = rng.choice(vector.size, size=shots, p=np.abs(vector) ** 2 / np.linalg.norm(vector) ** 2)
        last = self.lowered.n_qubits - 1
        words = sum((drawn >> (last - q) & 1) << (len(qubits) - 1 - i) for i, q in enumerate(qubits))
        keys, numbers = np.unique(np.broadcast_to(words, shots), return_counts=True)
        return {int(key): int(number) for key, number in zip(keys, numbers, strict=True)}, vector

    def _gates(self, body: list[Gate]) -> Iterable[Gate]:
        return body


def flatten(circuit: Circuit) -> list[Gate]:
    """The gates of a unitary circuit in order."""
    return [op for op in unroll(circuit) if isinstance(op, Gate)]


def apply(gate: Gate, state: ComplexArray) -> ComplexArray:
    """One gate on a vector: entries are gathered by index, multiplied by the matrix, and put back."""
    n_qubits = state.size.bit_length() - 1
    weights = [1 << (n_qubits - 1 - q) for q in gate.targets]
    index = np.arange(state.size)
    chosen = np.ones(state.size, dtype=bool)
    for qubit, value in gate.controls:
        chosen &= (index >> (n_qubits - 1 - qubit) & 1) == value
    for weight in weights:
        chosen &= index & weight == 0
    offsets = np.array([0])
    for weight in weights:
        offsets = (offsets[:, None] + np.array([0, weight])).reshape(-1)
    places = np.flatnonzero(chosen) + offsets[:, None]
    result = state.copy()
    result[places] = gate.matrix() @ state[places]
    return result
