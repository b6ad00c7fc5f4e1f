"""The two backends that need no plugin, told through the same hook as every other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from qgd_core.backends.hooks import API_VERSION, BackendDescription, hookimpl


@dataclass(frozen=True)
class BuiltIn:
    """A plugin whose backend is the class `kind` of the module `name` beside this one."""

    name: str
    kind: str
    summary: str

    @hookimpl
    def qgd_backend(self) -> BackendDescription:
        """Describe the backend; its module is imported on first use."""
        return BackendDescription(self.name, (), self.summary, self._create, API_VERSION)

    def _create(self, target: str, options: Mapping[str, Any]) -> Any:
        return getattr(import_module(f"qgd_core.backends.{self.name}"), self.kind)(options)


BUILT_IN = (
    BuiltIn("emulator", "EmulatorBackend", "the success branch on arrays, no gates; reaches any size"),
    BuiltIn("reference", "ReferenceBackend", "dense simulation of the circuit as written, up to 26 qubits"),
)
