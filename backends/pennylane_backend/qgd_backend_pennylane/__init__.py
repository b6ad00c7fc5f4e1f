"""The PennyLane backend of qgd; importing this package imports no SDK."""

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
        name="pennylane",
        targets=("lightning.qubit", "default.qubit", "<device>"),
        summary="statevectors and shots on any PennyLane simulator",
        factory=_create,
        api_version=1,
    )


def _create(target: str, options: Mapping[str, Any]) -> Backend:
    from qgd_backend_pennylane.backend import PennyLaneBackend

    return PennyLaneBackend(target, options)
