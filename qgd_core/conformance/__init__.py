"""The conformance suite: what every backend must do, checked by plain functions against the dense reference.

Three doors: `run("qiskit:aer")` gives a verdict sheet; `test_conformance = conformance("qiskit:aer")` in a
plugin's own tests; and `pytest --pyargs qgd_core.conformance --qgd-backend=qiskit:aer` in a shell.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {"run": "runner", "conformance": "door", "Sheet": "sheet", "Verdict": "sheet", "CHECKS": "checks"}

__all__ = ["CHECKS", "Sheet", "Verdict", "checks", "conformance", "run"]


def __getattr__(name: str) -> Any:
    if name == "checks":
        return import_module("qgd_core.conformance.checks")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
