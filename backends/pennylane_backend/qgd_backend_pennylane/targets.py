"""The device that a target names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml

from qgd_core.plugin import UnknownBackend


@dataclass(frozen=True)
class PennyLaneOptions:
    """PennyLane devices have no options here."""


def open_device(name: str, n_qubits: int, seed: int | None) -> Any:
    """The device `name` on `n_qubits` wires; UnknownBackend when PennyLane knows none such."""
    try:
        return qml.device(name, wires=n_qubits, seed=seed)
    except qml.exceptions.DeviceError as error:
        raise UnknownBackend(
            f"PennyLane has no device {name!r}.",
            subject=name,
            remedy="Install its plugin, or use lightning.qubit or default.qubit.",
        ) from error


def shows_vector(device: Any) -> bool:
    """Whether a device ends in a vector; one of mixed states, or one that only samples, does not."""
    script = qml.tape.QuantumScript([], [qml.state()])
    try:
        return np.shape(qml.execute([script], device, diff_method=None)[0]) == (2 ** len(device.wires),)
    except (qml.exceptions.DeviceError, qml.exceptions.QuantumFunctionError):
        return False


def measures_midway(device: Any) -> bool:
    """Whether a device says that it follows every branch of a measurement in mid-circuit."""
    told = getattr(device, "capabilities", None)  # default.qubit has no such table
    return device.name == "default.qubit" or "tree-traversal" in getattr(told, "supported_mcm_methods", ())
