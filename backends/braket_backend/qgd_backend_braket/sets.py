"""Tasks on Amazon Braket's service: one program each, or a program set where the device takes those."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qgd_core.plugin import ConfigError, ResultMissing, UnsupportedOperation

if TYPE_CHECKING:
    from qgd_backend_braket.cloud import CloudExecutable

ACTION = "braket.ir.openqasm.program_set"


def split(
    executables: list[CloudExecutable], shots: int, session: Any, arn: str
) -> list[list[CloudExecutable]]:
    """Group programs into tasks: as many in one as the device says it takes, and one in each where it takes no sets."""
    most = 1
    if len(executables) > 1:  # the device is asked only if it matters
        limits = json.loads(session.get_device(arn)["deviceCapabilities"])["action"].get(ACTION)
        if limits:
            most = max(1, min(limits["maximumExecutables"], limits["maximumTotalShots"] // shots))
    return [executables[i : i + most] for i in range(0, len(executables), most)]


def send(
    group: list[CloudExecutable],
    shots: int,
    session: Any,
    arn: str,
    place: tuple[str, str],
    pace: dict[str, float],
) -> Any:
    """A new task for a group, each of its programs sampled `shots` times; its result goes to `place` in S3."""
    from braket.aws import AwsQuantumTask
    from braket.ir.openqasm import Program, ProgramSet

    programs = [Program(source=one.source) for one in group]
    action = ProgramSet(programs=programs) if len(group) > 1 else programs[0]
    return AwsQuantumTask.create(session, arn, action, place, shots * len(group), **pace)


def reopen(arns: str, groups: list[list[CloudExecutable]], session: Any, pace: dict[str, float]) -> list[Any]:
    """The tasks sent earlier, one for each group, by their ARNs with commas between."""
    from braket.aws import AwsQuantumTask

    names = [name.strip() for name in arns.split(",")]
    if len(names) != len(groups):
        raise ConfigError(
            f"resume names {len(names)} tasks, these programs take {len(groups)}.",
            subject=arns,
            value=len(names),
            remedy="Give every ARN that was printed, in that order, with commas between.",
        )
    return [AwsQuantumTask(name, session, **pace) for name in names]


def read(task: Any, group: list[CloudExecutable], shots: int) -> list[Any]:
    """The tables of measurements of a task, one for each program of its group."""
    result = task.result()
    if result is None:
        raise ResultMissing(
            f"Task {task.id} gave no result.",
            subject=task.id,
            remedy=f"If it is still running, ask again later with resume='{task.id}'.",
        )
    tables = [entry.entries[0] for entry in result.entries] if hasattr(result, "entries") else [result]
    if len(tables) != len(group):
        raise UnsupportedOperation(
            f"The task holds {len(tables)} programs, {len(group)} were asked for.",
            subject=task.id,
            value=len(tables),
            remedy="Ask for the programs that the task was sent with, in their order.",
        )
    for table in tables:
        if len(table.measurements) != shots:
            raise UnsupportedOperation(
                f"The task holds {len(table.measurements)} shots of a program, {shots} were asked for.",
                subject=task.id,
                value=len(table.measurements),
                remedy="Ask for as many shots as the task was sent with.",
            )
    return tables
