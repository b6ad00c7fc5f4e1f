"""IBM's devices by SamplerV2 of qiskit-ibm-runtime: fake ones run here, real ones on the user's account."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager

from qgd_backend_qiskit.lower import NATIVE, ExportsQpy, Translator, read_gates
from qgd_backend_qiskit.runtime import find_fake, open_device, quietly, reopen_job, sampler
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    ConfigError,
    Gate,
    Program,
    UnsupportedOperation,
    admit,
    fit,
    read_options,
)

ASSUMED_PRICE = 1.6  # US dollars per second: written down from memory, not read from the list
ASSUMED_ON = "2026-11-22, see https://www.ibm.com/quantum/pricing"


@dataclass(frozen=True)
class DeviceOptions:
    """Options of every device."""

    optimization_level: int = 1
    """Of Qiskit's transpiler, 0 to 3."""

    def __post_init__(self) -> None:
        if self.optimization_level not in range(4):
            raise ConfigError("optimization_level is none of 0 to 3.", value=self.optimization_level)


@dataclass(frozen=True)
class FakeOptions(DeviceOptions):
    """Options of `qiskit:fake:<name>`."""

    noise: bool = True
    """With the device's errors; without them only its qubits, couplings and gates are kept."""


@dataclass(frozen=True)
class RealOptions(DeviceOptions):
    """Options of `qiskit:ibm:<name>`; a run needs max_shots or max_cost."""

    max_shots: int | None = None
    """Most shots of one run."""
    max_cost: float | None = None
    """Most US dollars of one run, by the estimate."""
    price_per_second: float | None = None
    """US dollars per second on the device, of your own plan; ASSUMED_PRICE where none is given."""
    resume: str | None = None
    """Identifier of a job sent earlier, printed then: its result is fetched, and nothing new is sent."""


class DeviceBackend(Backend):
    """Programs on a device; post-selected qubits are measured, and shots that read otherwise are rejected."""

    name = "qiskit"

    def __init__(self, device: Any, options: DeviceOptions) -> None:
        self.device = device
        self.options = options
        midway = "reset" in device.operation_names
        self.capabilities = Capabilities(
            native=NATIVE,
            statevector=False,
            mid_circuit=midway,
            postselect=midway,
            max_qubits=device.num_qubits,
        )

    def compile(self, program: Program) -> DeviceExecutable:
        """Translate a program and fit it to the device's gates and couplings; see Backend.compile."""
        return DeviceExecutable(program, self)

    @abstractmethod
    def sample(self, circuit: QuantumCircuit, shots: int, seed: int) -> dict[str, int]:
        """Counts of a fitted circuit by its bits as text, the last bit first."""


class FakeBackend(DeviceBackend):
    """A simulator with the couplings, gates and, unless asked otherwise, the errors of a device."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        chosen = read_options(FakeOptions, options, f"qiskit:fake:{name}")
        super().__init__(find_fake(name), chosen)
        self._noise = chosen.noise

    def sample(self, circuit: QuantumCircuit, shots: int, seed: int) -> dict[str, int]:
        """Counts drawn here."""
        with quietly():
            run = sampler(self.device, seed, noise=self._noise).run([circuit], shots=shots)
            return dict(run.result()[0].join_data().get_counts())


class RealBackend(DeviceBackend):
    """A device of IBM's service, opened with the account that the user saved; it takes no seed."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.limits = read_options(RealOptions, options, f"qiskit:ibm:{name}")
        super().__init__(open_device(name), self.limits)
        self._spec = f"qiskit:ibm:{name}"
        given = self.limits.price_per_second
        self.rate = ASSUMED_PRICE if given is None else given
        self._basis = f"{self.rate} a second {f'assumed on {ASSUMED_ON}' if given is None else 'as given'}"

    def price(self, circuit: QuantumCircuit, shots: int) -> float:
        """US dollars that the shots of a fitted circuit cost, by its duration and the delay between shots."""
        delay = getattr(self.device, "default_rep_delay", None) or 250e-6
        return float(shots * (circuit.estimate_duration(self.device.target) + delay) * self.rate)

    def sample(self, circuit: QuantumCircuit, shots: int, seed: int) -> dict[str, int]:
        """Counts from the device, or of the job to resume."""
        if self.limits.resume is not None:
            job = reopen_job(self.limits.resume)
        else:
            limits = self.limits
            price = self.price(circuit, shots)
            admit(self._spec, shots, price, limits.max_shots, limits.max_cost, self._basis)
            with quietly():
                job = sampler(self.device, seed).run([circuit], shots=shots)
            print(f"{self._spec}: sent as job {job.job_id()}.", file=sys.stderr, flush=True)
        with quietly():
            return dict(job.result()[0].join_data().get_counts())


class DeviceExecutable(ExportsQpy):
    """A program as one circuit that measures; `fitted` is that circuit in the device's gates."""

    def __init__(self, program: Program, backend: DeviceBackend) -> None:
        lowered = fit(program.circuit, backend.capabilities)
        self._backend = backend
        super().__init__(program, backend.capabilities, lowered, Translator().translate, whole=True)

    @cached_property
    def fitted(self) -> QuantumCircuit:
        """The circuit in the device's own gates, routed along its couplings."""
        device, level = self._backend.device, self._backend.options.optimization_level
        manager = generate_preset_pass_manager(level, backend=device, seed_transpiler=1)
        return manager.run(self.measured[0])

    def _measure(self, body: QuantumCircuit, shots: int, seed: int) -> dict[int, int]:
        if not body.num_clbits:
            return {0: shots}
        counts = self._backend.sample(self.fitted, shots, seed)
        if sum(counts.values()) != shots:
            raise UnsupportedOperation(
                f"The job holds {sum(counts.values())} shots, {shots} were asked for.",
                subject=self,
                value=sum(counts.values()),
                remedy="Ask for as many shots as the job was sent with.",
            )
        return {int(word, 2): number for word, number in counts.items()}

    def _evolve(self, body: QuantumCircuit, state: ComplexArray | None) -> ComplexArray:
        raise UnsupportedOperation("A device shows no vector.", subject=self)

    def _gates(self, body: QuantumCircuit) -> Iterable[Gate]:
        return read_gates(body)
