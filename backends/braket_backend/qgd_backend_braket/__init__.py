"""The Braket backend of qgd; importing this package imports no SDK."""

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
        name="braket",
        targets=("local", "sv1", "tn1", "device:<arn>"),
        summary="statevectors and shots on Amazon Braket's local simulator, shots on its service",
        factory=_create,
        api_version=1,
    )


def _create(target: str, options: Mapping[str, Any]) -> Backend:
    if target != "local":
        from qgd_backend_braket.cloud import CloudBackend

        return CloudBackend(target, options)
    from qgd_backend_braket.backend import BraketBackend

    return BraketBackend(options)
