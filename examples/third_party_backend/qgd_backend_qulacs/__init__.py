"""The Qulacs backend of qgd; importing this package imports no SDK."""

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
        name="qulacs",
        targets=("simulator",),
        summary="statevectors and shots on Qulacs",
        factory=_create,
        api_version=1,
    )


def _create(target: str, options: Mapping[str, Any]) -> Backend:
    from qgd_backend_qulacs.backend import QulacsBackend

    return QulacsBackend(target, options)
