"""What a run on the service is estimated to cost: by the user's prices, the device's own, or those of prices.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

LEAST_SECONDS = 3.0  # that a simulator's task is charged
UNITS = ("task", "shot", "minute")
SPEED = 1e9  # amplitudes a second that an estimate takes a simulator to update


@dataclass(frozen=True)
class Price:
    """US dollars per task, shot and minute, and where the numbers come from."""

    task: float
    shot: float
    minute: float
    basis: str

    def estimate(self, tasks: int, shots: int, updates: float) -> float:
        """US dollars of some tasks with `shots` shots in all, `updates` being gates times amplitudes, in all."""
        seconds = max(LEAST_SECONDS * tasks, updates / SPEED)
        return tasks * self.task + shots * self.shot + seconds / 60 * self.minute


def look_up(target: str, given: Mapping[str, float | None], stated: Mapping[str, float]) -> Price:
    """The price of a target: unit by unit what the user gave, or else what the device states, or else what is assumed."""
    table = _read()
    assumed = (
        {} if "minute" in stated else table.get(target, table["device"])
    )  # a simulator states all there is
    sources = {
        "as given": {unit: value for unit, value in given.items() if value is not None},
        "as the device states": stated,
        f"assumed on {table['date']}, see {table['source']}": assumed,
    }
    found, units = dict.fromkeys(UNITS, 0.0), dict[str, list[str]]()
    for unit in UNITS:
        for said, prices in sources.items():
            if unit in prices:
                found[unit] = prices[unit]
                if found[unit]:
                    units.setdefault(said, []).append(unit)
                break
    basis = "; ".join(f"per {' and '.join(names)} {said}" for said, names in units.items())
    return Price(**found, basis=basis or "free as given")


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "prices.toml").read_text(encoding="utf-8"))
