"""The Qiskit backend of qgd; importing this package imports no SDK."""

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
        name="qiskit",
        targets=("aer", "basic", "clifford_t", "fake:<name>", "ibm:<name>"),
        summary="statevectors and shots on Qiskit Aer, Clifford+T, IBM's devices",
        factory=_create,
        api_version=1,
    )


def _create(target: str, options: Mapping[str, Any]) -> Backend:
    kind, _, name = target.partition(":")
    if kind in ("fake", "ibm"):
        from qgd_backend_qiskit.devices import FakeBackend, RealBackend

        return (FakeBackend if kind == "fake" else RealBackend)(name, options)
    from qgd_backend_qiskit.backend import QiskitBackend

    return QiskitBackend(target, options)
