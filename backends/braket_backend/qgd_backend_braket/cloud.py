"""Amazon Braket's service: on-demand simulators and devices, on the user's account and within a budget."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qgd_backend_braket import sets
from qgd_backend_braket.lower import NATIVE, ExportsBraket, read_gates, translate
from qgd_backend_braket.offer import Offer, ask
from qgd_backend_braket.prices import UNITS, look_up
from qgd_backend_braket.trouble import told
from qgd_core.plugin import (
    Backend,
    Capabilities,
    ComplexArray,
    ConfigError,
    Executable,
    Gate,
    Outcomes,
    PluginError,
    Program,
    UnsupportedOperation,
    accept,
    admit,
    fit,
    measure_all,
    measured_qubits,
    read_options,
)

SIMULATORS = {"sv1": 34, "tn1": 50}  # and their qubits; a device is asked for its own


@dataclass(frozen=True)
class CloudOptions:
    """Options of `braket:sv1`, `braket:tn1` and `braket:device:<arn>`; a run needs max_shots or max_cost."""

    s3: str = ""
    """Where results go: "bucket/folder"; needed to run."""
    max_shots: int | None = None
    """Most shots of one run."""
    max_cost: float | None = None
    """Most US dollars of one run, by the estimate."""
    price_per_task: float | None = None
    """US dollars per task; where none is given those that the device states, or of prices.toml, which are assumed."""
    price_per_shot: float | None = None
    """US dollars per shot."""
    price_per_minute: float | None = None
    """US dollars per minute on a simulator."""
    poll_seconds: float = 1.0
    """Between two looks at a task."""
    timeout_seconds: float = 432_000.0
    """After which waiting ends; the task goes on, and can be resumed."""
    resume: str | None = None
    """ARN of a task sent earlier, printed then: its result is fetched, and nothing new is sent. Where a run took
    several tasks, all of them in the order printed, with commas between."""


class CloudBackend(Backend):
    """Programs on the service, several in one task where the device takes program sets.

    Post-selections are gathered in a success counter. The service takes no seed: a run does not repeat.
    """

    name = "braket"

    def __init__(self, target: str, options: Mapping[str, Any]) -> None:
        self.spec = f"braket:{target}"
        self.options = read_options(CloudOptions, options, self.spec)
        self.arn = (
            f"arn:aws:braket:::device/quantum-simulator/amazon/{target}"
            if target in SIMULATORS
            else target.removeprefix("device:")
        )
        self.session = open_session()
        offer = Offer(NATIVE, SIMULATORS.get(target), {})
        if target not in SIMULATORS:
            with told(self.spec, [], 1):
                offer = ask(self.session, self.arn)
        given = {unit: getattr(self.options, f"price_per_{unit}") for unit in UNITS}
        self.price = look_up(target, given, offer.prices)
        self.capabilities = Capabilities(native=offer.native, statevector=False, max_qubits=offer.max_qubits)

    def compile(self, program: Program) -> CloudExecutable:
        """Translate a program; see Backend.compile."""
        return CloudExecutable(program, self)

    def measure(self, executables: list[CloudExecutable], shots: int) -> list[Any]:
        """Raw results of some programs: sent within the limits and waited for, or those of the tasks to resume."""
        tasks: list[Any] = []
        with told(self.spec, tasks, 1):
            groups = sets.split(executables, shots, self.session, self.arn)
        with told(self.spec, tasks, len(groups)):
            if self.options.resume is not None:
                tasks += sets.reopen(self.options.resume, len(groups), self.session, self.pace)
            else:
                self._send(groups, shots, tasks)
            return [
                result
                for task, group in zip(tasks, groups, strict=True)
                for result in sets.read(task, len(group), shots)
            ]

    @property
    def pace(self) -> dict[str, float]:
        """How a task is waited for."""
        options = self.options
        return {
            "poll_interval_seconds": options.poll_seconds,
            "poll_timeout_seconds": options.timeout_seconds,
        }

    def _send(self, groups: list[list[CloudExecutable]], shots: int, tasks: list[Any]) -> None:
        """Fill `tasks`, one for each group, and wait; all are cancelled if the user interrupts the wait."""
        options = self.options
        bucket, _, folder = options.s3.partition("/")
        if not (bucket and folder):
            raise ConfigError(
                f"s3 is {options.s3!r}, expected 'bucket/folder'.", subject=options.s3, remedy="Give s3."
            )
        programs = [one for group in groups for one in group]
        total = shots * len(programs)
        cost = self.price.estimate(len(groups), total, sum(one.updates for one in programs))
        admit(self.spec, total, cost, options.max_shots, options.max_cost, self.price.basis)
        try:
            for group in groups:
                sources = [one.source for one in group]
                task = sets.send(sources, shots, self.session, self.arn, (bucket, folder), self.pace)
                print(f"{self.spec}: sent as task {task.id}.", file=sys.stderr, flush=True)
                tasks.append(task)
            for task in tasks:
                task.result()
        except KeyboardInterrupt:
            for task in tasks:
                task.cancel()
            raise

    def _run_all(self, executables: list[Executable], shots: int, seed: int | None) -> list[Outcomes]:
        known = [one for one in executables if isinstance(one, CloudExecutable) and one.backend is self]
        if len(known) < len(executables):
            raise ConfigError(f"Some programs were not compiled by this {self.spec}.", subject=executables)
        results = self.measure(known, shots) if known else []
        return [
            accept(one.read(result), one.measured[1], shots)
            for one, result in zip(known, results, strict=True)
        ]


class CloudExecutable(ExportsBraket):
    """A program as OpenQASM statements; every qubit is measured at the end."""

    def __init__(self, program: Program, backend: CloudBackend) -> None:
        lowered = fit(program.circuit, backend.capabilities)
        self.backend = backend
        super().__init__(program, backend.capabilities, lowered, translate, whole=True)

    @cached_property
    def source(self) -> str:
        """The program that is sent; global phases, which no shot shows, are left out."""
        n_qubits = self.lowered.n_qubits
        lines = self.measured[0].split("\n")
        gates = [line for line in lines if not line.startswith(("b[", "gphase"))]
        idle = [f"i q[{q}];" for q in range(n_qubits)]  # unused qubits would be dropped
        return "\n".join(["OPENQASM 3.0;", f"qubit[{n_qubits}] q;", *idle, *gates, ""])

    @property
    def updates(self) -> float:
        """Gates times amplitudes: the work of a simulator."""
        return (self.source.count(";") - 2.0) * 2.0**self.lowered.n_qubits

    def read(self, result: Any) -> dict[int, int]:
        """Counts over the bits from the service's table of measurements."""
        whole, _ = measure_all(self.lowered)
        columns = {qubit: place for place, qubit in enumerate(result.measured_qubits)}
        pairs = [(columns[q], whole.n_bits - 1 - bit) for bit, q in measured_qubits(whole).items()]
        return dict(Counter(sum(int(row[c]) << shift for c, shift in pairs) for row in result.measurements))

    def _measure(self, body: str, shots: int, seed: int) -> dict[int, int]:
        return self.read(self.backend.measure([self], shots)[0])

    def _evolve(self, body: str, state: ComplexArray | None) -> ComplexArray:
        raise UnsupportedOperation("The service shows no vector.", subject=self)

    def _gates(self, body: str) -> Iterable[Gate]:
        return read_gates(body)


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
