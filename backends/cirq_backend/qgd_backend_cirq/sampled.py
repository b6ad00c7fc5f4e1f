"""Targets that only sample: qsim, in single precision, and Google's virtual processors, with their errors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import cirq

from qgd_backend_cirq.backend import read_words
from qgd_backend_cirq.lower import NATIVE, Translator
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    Gate,
    PluginError,
    Program,
    SegmentedExecutable,
    UnknownBackend,
    UnsupportedOperation,
    fit,
    read_options,
    suggest,
)


@dataclass(frozen=True)
class QsimOptions:
    """`cirq:qsim` has no options."""


@dataclass(frozen=True)
class VirtualOptions:
    """Options of `cirq:virtual:<processor>`."""

    noise: bool = True
    """With the processor's errors; without them only its qubits, couplings and gates are kept."""


class SampledBackend(Backend):
    """Programs that end in one measurement of all qubits, post-selections gathered in a success counter."""

    name = "cirq"

    def compile(self, program: Program) -> SampledExecutable:
        """Translate a program and fit it to the processor; see Backend.compile."""
        return SampledExecutable(program, self)

    @abstractmethod
    def place(self, circuit: cirq.Circuit) -> cirq.Circuit:
        """The circuit in the target's own gates, on its own qubits."""

    @abstractmethod
    def sampler(self, seed: int) -> cirq.Sampler:
        """What runs it."""


class QsimBackend(SampledBackend):
    """Google's qsim; it computes in single precision, so its vector is not offered."""

    capabilities = Capabilities(native=NATIVE, statevector=False, max_qubits=28)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read_options(QsimOptions, options, "cirq:qsim")
        self._simulator = _load("qsimcirq", "qsim").QSimSimulator

    def place(self, circuit: cirq.Circuit) -> cirq.Circuit:
        """The circuit as it is."""
        return circuit

    def sampler(self, seed: int) -> cirq.Sampler:
        """A simulator with this seed."""
        return self._simulator(seed=seed)


class VirtualBackend(SampledBackend):
    """A model of one of Google's processors."""

    def __init__(self, processor: str, options: Mapping[str, Any]) -> None:
        self._noise = read_options(VirtualOptions, options, f"cirq:virtual:{processor}").noise
        self._engine = _load("cirq_google", "virtual").engine
        _load("qsimcirq", "virtual")
        known = self._engine.list_virtual_processors()
        if processor not in known:
            raise UnknownBackend(
                f"There is no virtual processor {processor!r}.{suggest(processor, known)}",
                subject=processor,
                remedy=f"They are: {', '.join(known)}.",
            )
        self._processor = processor
        self._device = self._engine.create_device_from_processor_id(processor)
        n_qubits = len(self._device.metadata.qubit_set)
        self.capabilities = Capabilities(native=NATIVE, statevector=False, max_qubits=n_qubits)

    def place(self, circuit: cirq.Circuit) -> cirq.Circuit:
        """The circuit routed along the couplings, in gates of the processor, without its global phase.

        Measurements are put where routing leaves their qubits: left in, swaps may pass them, and the circuit would
        have to be run shot by shot.
        """
        ends = [op for op in circuit.all_operations() if cirq.is_measurement(op)]
        gates = [op for op in circuit.all_operations() if op.qubits and not cirq.is_measurement(op)]
        kept = cirq.Circuit(cirq.I.on_each(*sorted(circuit.all_qubits())), gates)
        routed, first, moved = cirq.RouteCQC(self._device.metadata.nx_graph).route_circuit(kept)
        placed = cirq.optimize_for_target_gateset(
            routed, gateset=self._device.metadata.compilation_target_gatesets[0]
        )
        placed.append(op.transform_qubits(lambda qubit: moved[first[qubit]]) for op in ends)
        self._device.validate_circuit(placed)
        return placed

    def sampler(self, seed: int) -> cirq.Sampler:
        """The processor's model, or a noiseless simulator in its place."""
        if not self._noise:
            return cirq.Simulator(seed=seed)
        machine = self._engine.create_default_noisy_quantum_virtual_machine(self._processor, seed=seed)
        return machine.get_sampler(self._processor)


class SampledExecutable(SegmentedExecutable[cirq.Circuit]):
    """A program as one circuit; `placed` is that circuit as the target runs it."""

    def __init__(self, program: Program, backend: SampledBackend) -> None:
        self._backend = backend
        self._translator = Translator()
        lowered = fit(program.circuit, backend.capabilities)
        super().__init__(program, backend.capabilities, lowered, self._translator.translate, whole=True)

    @cached_property
    def placed(self) -> cirq.Circuit:
        """The circuit in the target's own gates, on its own qubits."""
        return self._backend.place(self.measured[0])

    def _measure(self, body: cirq.Circuit, shots: int, seed: int) -> dict[int, int]:
        n_bits = self.lowered.n_bits + len(self.measured[1])
        sampler = self._backend.sampler(seed) if body.has_measurements() else None
        records = sampler.run(self.placed, repetitions=shots).records if sampler else {}
        return read_words(records, shots, n_bits)

    def _evolve(self, body: cirq.Circuit, state: ComplexArray | None) -> ComplexArray:
        raise UnsupportedOperation("This target shows no vector.", subject=self)

    def _gates(self, body: cirq.Circuit) -> Iterable[Gate]:
        return self._translator.read(body)


def _load(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise PluginError(
            f"This target needs {module.replace('_', '-')}, which is not installed.",
            remedy=f"`pip install 'qgd-backend-cirq[{extra}]'`",
        ) from None
