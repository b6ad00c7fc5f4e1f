"""The Cirq backend: programs fitted by the core, translated once, run on cirq.Simulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cirq
import numpy as np

from qgd_backend_cirq.lower import NATIVE, Translator
from qgd_backend_cirq.targets import CirqOptions
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

MOST_SHOTS = 100_000  # that Cirq's own sampler is asked for; more are drawn from its vector


class CirqBackend(Backend):
    """Programs on Cirq's dense simulator in double precision."""

    name = "cirq"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = read_options(CirqOptions, options, "cirq:simulator")
        self.capabilities = Capabilities(
            native=NATIVE, mid_circuit=True, postselect=self.options.postselect != "counter", max_qubits=24
        )

    def compile(self, program: Program) -> CirqExecutable:
        """Translate a program; see Backend.compile."""
        return CirqExecutable(program, self)


class CirqExecutable(SegmentedExecutable[cirq.Circuit]):
    """A program as Cirq circuits."""

    def __init__(self, program: Program, backend: CirqBackend) -> None:
        lowered = fit(program.circuit, backend.capabilities)
        self._translator = Translator()
        self._line = cirq.LineQubit.range(lowered.n_qubits)
        translate = self._translator.translate
        whole = backend.options.postselect != "segments"
        super().__init__(program, backend.capabilities, lowered, translate, whole=whole)

    def export(self, path: str | Path) -> None:
        """Write the circuit as Cirq's JSON where the suffix is .json, as OpenQASM 3 otherwise; see Executable.export.

        Post-selected qubits are measured into spare keys, numbered after the program's own bits.
        """
        if Path(path).suffix == ".json":
            cirq.to_json(self.measured[0], Path(path))
        else:
            super().export(path)

    def _evolve(self, body: cirq.Circuit, state: ComplexArray | None) -> ComplexArray:
        start = 0 if state is None else state
        result = _simulator(None).simulate(body, qubit_order=self._line, initial_state=start)
        return np.array(result.final_state_vector)

    def _sample(
        self, body: cirq.Circuit, state: ComplexArray | None, qubits: tuple[int, ...], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        if shots > MOST_SHOTS:
            return super()._sample(body, state, qubits, shots, seed)
        vector = self._evolve(body, state)
        drawn = cirq.sample_state_vector(vector, list(qubits), repetitions=shots, seed=seed)
        return _words(drawn), vector

    def _measure(self, body: cirq.Circuit, shots: int, seed: int) -> dict[int, int]:
        records = _simulator(seed).run(body, repetitions=shots).records if body.has_measurements() else {}
        return read_words(records, shots, self.lowered.n_bits + len(self.measured[1]))

    def _gates(self, body: cirq.Circuit) -> Iterable[Gate]:
        return self._translator.read(body)


def _simulator(seed: int | None) -> cirq.Simulator:
    return cirq.Simulator(dtype=np.complex128, split_untangled_states=False, seed=seed)


def read_words(records: Mapping[str, np.ndarray], shots: int, n_bits: int) -> dict[int, int]:
    """Counts by word over the bits, from the records of measurement keys, each the number of a bit."""
    bits = np.zeros((shots, n_bits), dtype=bool)
    for key, values in records.items():
        bits[:, int(key)] = values[:, -1, 0]
    return _words(bits)


def _words(bits: np.ndarray) -> dict[int, int]:
    """Counts of the rows of a table of bits, each read as a word, the first bit most significant."""
    rows, numbers = np.unique(np.asarray(bits, dtype=np.uint8), axis=0, return_counts=True)
    words = ("".join(map(str, row)) or "0" for row in rows)
    return {int(word, 2): int(number) for word, number in zip(words, numbers, strict=True)}
