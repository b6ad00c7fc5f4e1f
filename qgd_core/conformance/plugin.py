"""The pytest options of the suite; loaded by every pytest run, so it imports nothing."""

from __future__ import annotations

from typing import Any


def pytest_addoption(parser: Any) -> None:
    """Add --qgd-backend, --qgd-set, --qgd-gaps, --qgd-seed and --qgd-shots."""
    group = parser.getgroup("qgd", "conformance of qgd backends")
    group.addoption("--qgd-backend", action="append", default=[], help="backend to check; may be repeated")
    group.addoption(
        "--qgd-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="option of the backend; repeatable",
    )
    group.addoption("--qgd-gaps", metavar="FILE", help='known gaps, as TOML: check = "reason"')
    group.addoption("--qgd-seed", type=int, default=1, help="seed of the checks")
    group.addoption("--qgd-shots", type=int, default=40_000, help="shots of each sampling check")
