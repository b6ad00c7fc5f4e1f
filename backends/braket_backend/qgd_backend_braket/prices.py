"""What a run on the service is estimated to cost, by assumed prices that stand in prices.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

LEAST_SECONDS = 3.0  # that a simulator's task is charged
SPEED = 1e9  # amplitudes a second that an estimate takes a simulator to update


@dataclass(frozen=True)
class Price:
    """US dollars per task, shot and minute, the most qubits, and where the numbers come from."""

    task: float
    shot: float
    minute: float
    max_qubits: int | None
    basis: str

    def estimate(self, tasks: int, shots: int, updates: float) -> float:
        """US dollars of some tasks with `shots` shots in all, `updates` being gates times amplitudes, in all."""
        seconds = max(LEAST_SECONDS * tasks, updates / SPEED)
        return tasks * self.task + shots * self.shot + seconds / 60 * self.minute


def look_up(target: str, task: float | None, shot: float | None, minute: float | None) -> Price:
    """The price of a target; a number that the user gave replaces the assumed one."""
    table = _read()
    row = table.get(target, table["device"])
    given = {"task": task, "shot": shot, "minute": minute}
    known = {name: row[name] if value is None else value for name, value in given.items()}
    assumed = [name for name, value in given.items() if value is None and row[name]]
    basis = f"prices assumed on {table['date']}, see {table['source']}" if assumed else "prices as given"
    return Price(**known, max_qubits=row["max_qubits"] or None, basis=basis)


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "prices.toml").read_text(encoding="utf-8"))
