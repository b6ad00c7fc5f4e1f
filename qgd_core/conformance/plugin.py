"""The pytest options of the suite; loaded by every pytest run, so it imports nothing."""

from __future__ import annotations

from typing import Any


def pytest_addoption(parser: Any) -> None:
    """Add --qgd-backend, --qgd-seed and --qgd-shots."""
    group = parser.getgroup("qgd", "conformance of qgd backends")
    group.addoption("--qgd-backend", action="append", default=[], help="backend to check; may be repeated")
    group.addoption("--qgd-seed", type=int, default=1, help="seed of the checks")
    group.addoption("--qgd-shots", type=int, default=40_000, help="shots of each sampling check")
