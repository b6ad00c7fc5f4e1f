"""Amazon Braket's service: on-demand simulators and devices, on the user's account and within a budget."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qgd_backend_braket.lower import NATIVE, read_gates, translate
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    ConfigError,
    Gate,
    PluginError,
    Program,
    ResultMissing,
    SegmentedExecutable,
    UnsupportedOperation,
    admit,
    fit,
    measure_all,
    measured_qubits,
    read_options,
)

LEAST_SECONDS = 3.0  # that a simulator's task is charged
SPEED = 1e9  # amplitudes a second that an estimate takes a simulator to update


@dataclass(frozen=True)
class Price:
    """US dollars per task, shot and minute, and the most qubits; a device's are the dearest on the public list."""

    task: float
    shot: float
    minute: float
    max_qubits: int | None


SIMULATORS = {"sv1": Price(0, 0, 0.075, 34), "tn1": Price(0, 0, 0.275, 50)}
DEVICE = Price(0.3, 0.08, 0, None)


@dataclass(frozen=True)
class CloudOptions:
    """Options of `braket:sv1`, `braket:tn1` and `braket:device:<arn>`; a run needs max_shots or max_cost."""

    s3: str = ""
    """Where results go: "bucket/folder"; needed to run."""
    max_shots: int | None = None
    """Most shots of one run."""
    max_cost: float | None = None
    """Most US dollars of one run, by the estimate."""
    price_per_shot: float = DEVICE.shot
    """US dollars per shot on a device."""
    poll_seconds: float = 1.0
    """Between two looks at a task."""
    timeout_seconds: float = 432_000.0
    """After which waiting ends; the task goes on, and can be resumed."""
    resume: str | None = None
    """ARN of a task sent earlier, printed then: its result is fetched, and nothing new is sent."""


class CloudBackend(Backend):
    """Programs on the service; post-selections are gathered in a success counter, and no seed is taken."""

    name = "braket"

    def __init__(self, target: str, options: Mapping[str, Any]) -> None:
        self.spec = f"braket:{target}"
        self.options = read_options(CloudOptions, options, self.spec)
        self.price = SIMULATORS.get(target, DEVICE)
        self.arn = (
            f"arn:aws:braket:::device/quantum-simulator/amazon/{target}"
            if target in SIMULATORS
            else target.removeprefix("device:")
        )
        self.capabilities = Capabilities(native=NATIVE, statevector=False, max_qubits=self.price.max_qubits)
        self.session = open_session()

    def compile(self, program: Program) -> CloudExecutable:
        """Translate a program; see Backend.compile."""
        return CloudExecutable(program, self)


class CloudExecutable(SegmentedExecutable[list[str]]):
    """A program as OpenQASM statements; every qubit is measured at the end."""

    def __init__(self, program: Program, backend: CloudBackend) -> None:
        lowered = fit(program.circuit, backend.capabilities)
        self._backend = backend
        super().__init__(program, backend.capabilities, lowered, translate, whole=True)

    @property
    def source(self) -> str:
        """The program that is sent; global phases, which no shot shows, are left out."""
        n_qubits = self.lowered.n_qubits
        gates = [line for line in self.measured[0] if not line.startswith(("b[", "gphase"))]
        idle = [f"i q[{q}];" for q in range(n_qubits)]  # unused qubits would be dropped
        return "\n".join(["OPENQASM 3.0;", f"qubit[{n_qubits}] q;", *idle, *gates, ""])

    def estimate(self, shots: int) -> float:
        """US dollars that a run costs, as far as it can be told beforehand."""
        price = self._backend.price
        seconds = max(LEAST_SECONDS, len(self.measured[0]) * 2.0**self.lowered.n_qubits / SPEED)
        per_shot = self._backend.options.price_per_shot if price.shot else 0.0
        return price.task + shots * per_shot + seconds / 60 * price.minute

    def _measure(self, body: list[str], shots: int, seed: int) -> dict[int, int]:
        result = self._send(shots) if self._backend.options.resume is None else self._resume()
        if len(result.measurements) != shots:
            raise UnsupportedOperation(
                f"The task holds {len(result.measurements)} shots, {shots} were asked for.",
                subject=self,
                value=len(result.measurements),
                remedy="Ask for as many shots as the task was sent with.",
            )
        whole, _ = measure_all(self.lowered)
        columns = {qubit: place for place, qubit in enumerate(result.measured_qubits)}
        pairs = [(columns[q], whole.n_bits - 1 - bit) for bit, q in measured_qubits(whole).items()]
        return dict(Counter(sum(int(row[c]) << shift for c, shift in pairs) for row in result.measurements))

    def _send(self, shots: int) -> Any:
        """The result of a new task, which is cancelled if the user interrupts the wait."""
        from braket.aws import AwsQuantumTask
        from braket.ir.openqasm import Program as OpenQASM

        backend, options = self._backend, self._backend.options
        bucket, _, folder = options.s3.partition("/")
        if not (bucket and folder):
            raise ConfigError(
                f"s3 is {options.s3!r}, expected 'bucket/folder'.", subject=options.s3, remedy="Give s3."
            )
        admit(backend.spec, shots, self.estimate(shots), options.max_shots, options.max_cost)
        task = AwsQuantumTask.create(
            backend.session,
            backend.arn,
            OpenQASM(source=self.source),
            (bucket, folder),
            shots,
            poll_interval_seconds=options.poll_seconds,
            poll_timeout_seconds=options.timeout_seconds,
        )
        print(f"{backend.spec}: sent as task {task.id}.", file=sys.stderr, flush=True)
        try:
            return _wait(task)
        except KeyboardInterrupt:
            task.cancel()
            raise

    def _resume(self) -> Any:
        from braket.aws import AwsQuantumTask

        options = self._backend.options
        return _wait(
            AwsQuantumTask(
                options.resume,
                self._backend.session,
                poll_interval_seconds=options.poll_seconds,
                poll_timeout_seconds=options.timeout_seconds,
            )
        )

    def _evolve(self, body: list[str], state: ComplexArray | None) -> ComplexArray:
        raise UnsupportedOperation("The service shows no vector.", subject=self)

    def _gates(self, body: list[str]) -> Iterable[Gate]:
        return read_gates([line for line in body if not line.startswith("b[")])


def open_session() -> Any:
    """A session with the user's own AWS configuration; no credential passes through this project."""
    try:
        from braket.aws import AwsSession
    except ImportError:
        raise PluginError(
            "Braket's service needs amazon-braket-sdk, which is not installed.",
            remedy="`pip install 'qgd-backend-braket[cloud]'`",
        ) from None
    try:
        return AwsSession()
    except Exception as error:  # only its kind is told: the SDK's own message may quote a credential
        raise ConfigError(
            f"AWS did not open a session: {type(error).__name__}.", remedy="Run `aws configure` first."
        ) from None


def _wait(task: Any) -> Any:
    """The task's result; ResultMissing where it failed, or was not there in time."""
    result = task.result()
    if result is None:
        raise ResultMissing(
            f"Task {task.id} gave no result.",
            subject=task.id,
            remedy=f"If it is still running, ask again later with resume='{task.id}'.",
        )
    return result
