"""Tasks on Amazon Braket's service: one program each, or a program set where the device takes those."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from qgd_core.plugin import ConfigError, ResultMissing, UnsupportedOperation

ACTION = "braket.ir.openqasm.program_set"
T = TypeVar("T")


def split(programs: list[T], shots: int, session: Any, arn: str) -> list[list[T]]:
    """Group programs into tasks: as many in one as the device says it takes, and one in each where it takes no sets."""
    most = 1
    if len(programs) > 1:  # the device is asked only if it matters
        limits = json.loads(session.get_device(arn)["deviceCapabilities"])["action"].get(ACTION)
        if limits:
            most = max(1, min(limits["maximumExecutables"], limits["maximumTotalShots"] // shots))
    return [programs[i : i + most] for i in range(0, len(programs), most)]


def send(
    sources: list[str],
    shots: int,
    session: Any,
    arn: str,
    place: tuple[str, str],
    pace: dict[str, float],
) -> Any:
    """A new task for a group of programs, each sampled `shots` times; its result goes to `place` in S3."""
    from braket.aws import AwsQuantumTask
    from braket.ir.openqasm import Program, ProgramSet

    programs = [Program(source=source) for source in sources]
    action = ProgramSet(programs=programs) if len(programs) > 1 else programs[0]
    return AwsQuantumTask.create(session, arn, action, place, shots * len(programs), **pace)


def reopen(arns: str, n_tasks: int, session: Any, pace: dict[str, float]) -> list[Any]:
    """The tasks sent earlier, by their ARNs with commas between."""
    from braket.aws import AwsQuantumTask

    names = [name.strip() for name in arns.split(",")]
    if len(names) != n_tasks:
        raise ConfigError(
            f"resume names {len(names)} tasks, these programs take {n_tasks}.",
            subject=arns,
            value=len(names),
            remedy="Give every ARN that was printed, in that order, with commas between.",
        )
    return [AwsQuantumTask(name, session, **pace) for name in names]


def read(task: Any, n_programs: int, shots: int) -> list[Any]:
    """The tables of measurements of a task, one for each program."""
    result = task.result()
    if result is None:
        raise ResultMissing(
            f"Task {task.id} gave no result.",
            subject=task.id,
            remedy=f"If it is still running, ask again later with resume='{task.id}'.",
        )
    tables = [entry.entries[0] for entry in result.entries] if hasattr(result, "entries") else [result]
    if len(tables) != n_programs:
        raise UnsupportedOperation(
            f"The task holds {len(tables)} programs, {n_programs} were asked for.",
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
