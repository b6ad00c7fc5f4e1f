"""Where translated circuits run: Aer, or Qiskit's own linear algebra."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from qgd_backend_qiskit.lower import GATES
from qgd_core.plugin import ComplexArray, ConfigError, UnsupportedOperation, suggest

MOST_WHOLE = 10_000_000
ONE_QUBIT = ["p" if name == "phase" else name for name in GATES if name != "cx"]  # as Qiskit calls them


@dataclass(frozen=True)
class AerOptions:
    """Options of `qiskit:aer`."""

    postselect: Literal["segments", "measure", "counter"] = "segments"
    """One simulation per post-selection, mid-circuit measurements shot by shot, or one success counter."""
    max_parallel_threads: int = 1
    """Threads of Aer; 0 takes all cores, which under load can be far slower than one."""
    noise_model: Any = None
    """A NoiseModel of qiskit_aer, or a table with some of one_qubit, two_qubit and readout: the chance that a gate
    depolarises its qubits and that a measured bit is read wrong. A noisy circuit is sampled as a whole, and has no
    final vector."""

    def __post_init__(self) -> None:
        if self.max_parallel_threads < 0:
            raise ConfigError("max_parallel_threads is negative.", value=self.max_parallel_threads)
        if not (self.noise_model is None or isinstance(self.noise_model, NoiseModel | dict)):
            raise ConfigError(
                f"noise_model is {self.noise_model!r}, expected a NoiseModel of qiskit_aer or a table.",
                subject=self.noise_model,
            )


@dataclass(frozen=True)
class BasicOptions:
    """`qiskit:basic` has no options."""


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
            method="statevector",
            precision="double",
            max_parallel_threads=options.max_parallel_threads,
            noise_model=read_noise(options.noise_model),
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


def read_noise(noise: NoiseModel | dict[str, float] | None) -> NoiseModel | None:
    """The noise model that an option means.

    Arguments: noise, a model, or a table of probabilities with keys one_qubit, two_qubit and readout.
    Result: the model; None for none.
    Raises: ConfigError for an unknown key, or a number that is no probability.
    Source: none.
    """
    if not isinstance(noise, dict):
        return noise
    known = ("one_qubit", "two_qubit", "readout")
    for key, chance in noise.items():
        if key not in known:
            raise ConfigError(
                f"Unknown noise {key!r}.{suggest(key, known)}", subject=key, remedy=f"Use {', '.join(known)}."
            )
        if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance <= 1:
            raise ConfigError(f"Noise {key!r} is {chance!r}, expected a probability.", subject=chance)
    model, flip = NoiseModel(), noise.get("readout", 0.0)
    model.add_all_qubit_quantum_error(depolarizing_error(noise.get("one_qubit", 0.0), 1), ONE_QUBIT)
    model.add_all_qubit_quantum_error(depolarizing_error(noise.get("two_qubit", 0.0), 2), ["cx"])
    model.add_all_qubit_readout_error(ReadoutError([[1 - flip, flip], [flip, 1 - flip]]))
    return model


def _counts(data: dict[str, Any], shots: int) -> dict[int, int]:
    """Counts by integer key; a circuit without bits has one outcome."""
    return {int(key, 16): int(count) for key, count in data.get("counts", {"0x0": shots}).items()}
