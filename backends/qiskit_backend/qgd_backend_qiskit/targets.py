"""Where translated circuits run: Aer, or Qiskit's own linear algebra."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator

from qgd_core.plugin import ComplexArray, ConfigError, UnsupportedOperation

MOST_WHOLE = 10_000_000


@dataclass(frozen=True)
class AerOptions:
    """Options of `qiskit:aer`."""

    postselect: Literal["segments", "measure", "counter"] = "segments"
    """One simulation per post-selection, mid-circuit measurements shot by shot, or one success counter."""
    max_parallel_threads: int = 1
    """Threads of Aer; 0 takes all cores, which under load can be far slower than one."""

    def __post_init__(self) -> None:
        if self.max_parallel_threads < 0:
            raise ConfigError("max_parallel_threads is negative.", value=self.max_parallel_threads)


@dataclass(frozen=True)
class BasicOptions:
    """`qiskit:basic` has no options."""

    postselect = "segments"


class Target(ABC):
    """What an executable needs of a simulator; a state is a unit vector, None for |0...0>."""

    max_qubits: int | None
    most_shots = 0
    """Shots that its own sampler is asked for; more are drawn from its vector."""

    @abstractmethod
    def evolve(self, circuit: QuantumCircuit, state: ComplexArray | None) -> ComplexArray:
        """The vector after a unitary circuit."""

    def sample(
        self, circuit: QuantumCircuit, state: ComplexArray | None, qubits: list[int], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        """Counts of `qubits` after a unitary circuit, the first most significant, and the vector before."""
        raise UnsupportedOperation("This target has no sampler of its own.", subject=self)

    def measure(self, circuit: QuantumCircuit, shots: int, seed: int) -> dict[int, int]:
        """Counts over the bits of a circuit that may measure, reset and go on."""
        raise UnsupportedOperation("This target does not measure midway.", subject=self)


class AerTarget(Target):
    """The statevector method of Aer in double precision."""

    most_shots = 1_000_000

    def __init__(self, options: AerOptions) -> None:
        self._simulator = AerSimulator(
            method="statevector", precision="double", max_parallel_threads=options.max_parallel_threads
        )
        self.max_qubits: int | None = self._simulator.configuration().n_qubits

    def evolve(self, circuit: QuantumCircuit, state: ComplexArray | None) -> ComplexArray:
        """The vector after a unitary circuit."""
        return self.sample(circuit, state, [], 1, 0)[1]

    def sample(
        self, circuit: QuantumCircuit, state: ComplexArray | None, qubits: list[int], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        """Counts drawn by Aer, and the vector it drew them from."""
        job = circuit.copy_empty_like()
        if state is not None:
            # Aer applies the global phase to |0...0> alone, so a given state has to carry it.
            job.set_statevector(state * np.exp(1j * circuit.global_phase))
        job.compose(circuit, inplace=True, copy=False)
        job.global_phase = circuit.global_phase
        job.save_statevector()
        job.add_register(ClassicalRegister(len(qubits)))
        job.measure(qubits, job.clbits[::-1])
        data = self._run(job, shots, seed)
        return _counts(data, shots), np.array(data["statevector"])

    def measure(self, circuit: QuantumCircuit, shots: int, seed: int) -> dict[int, int]:
        """Counts drawn by Aer, shot by shot where the circuit measures midway."""
        if shots > MOST_WHOLE:
            raise UnsupportedOperation(
                f"Aer would keep {shots} shots of a whole circuit in memory, at most {MOST_WHOLE} fit.",
                value=shots,
                remedy="Use postselect='segments', or fewer shots.",
            )
        return _counts(self._run(circuit, shots, seed), shots)

    def _run(self, circuit: QuantumCircuit, shots: int, seed: int) -> dict[str, Any]:
        result = self._simulator.run(circuit, shots=shots, seed_simulator=seed).result()
        if not result.success:
            raise UnsupportedOperation(f"Aer refused the circuit: {result.status}.", subject=circuit)
        return dict(result.data(0))


class BasicTarget(Target):
    """Qiskit's own Statevector, with no simulator installed; slow, and without mid-circuit measurement."""

    max_qubits: int | None = 20

    def evolve(self, circuit: QuantumCircuit, state: ComplexArray | None) -> ComplexArray:
        """The vector after a unitary circuit."""
        start = Statevector.from_int(0, 2**circuit.num_qubits) if state is None else Statevector(state)
        return np.array(start.evolve(circuit).data)


def _counts(data: dict[str, Any], shots: int) -> dict[int, int]:
    """Counts by integer key; a circuit without bits has one outcome."""
    return {int(key, 16): int(count) for key, count in data.get("counts", {"0x0": shots}).items()}
