"""The Cirq backend of qgd; importing this package imports no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qgd_core.plugin import BackendDescription, hookimpl

if TYPE_CHECKING:
    from qgd_core.plugin import Backend


@hookimpl
def qgd_backend() -> BackendDescription:
    """Describe the backend."""
    return BackendDescription(
        name="cirq",
        targets=("simulator", "qsim", "virtual:<processor>"),
        summary="statevectors and shots on Cirq's simulator, shots on qsim and Google's virtual processors",
        factory=_create,
        api_version=1,
    )


def _create(target: str, options: Mapping[str, Any]) -> Backend:
    if target != "simulator":
        from qgd_backend_cirq.sampled import QsimBackend, VirtualBackend

        kind, _, processor = target.partition(":")
        return VirtualBackend(processor, options) if kind == "virtual" else QsimBackend(options)
    from qgd_backend_cirq.backend import CirqBackend

    return CirqBackend(options)
