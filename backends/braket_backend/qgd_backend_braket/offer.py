"""What a device of Amazon Braket's service says of itself: its gates, its qubits and its prices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from qgd_backend_braket.lower import NAMES
from qgd_core.plugin import UnsupportedOperation

ACTION = "braket.ir.openqasm.program"
NEVER_SENT = frozenset({"gphase"})  # no shot shows it


@dataclass(frozen=True)
class Offer:
    """The core's names of the gates that a device takes, its qubits, and US dollars by unit ("shot", "minute")."""

    native: frozenset[str]
    max_qubits: int | None
    prices: dict[str, float]


def ask(session: Any, arn: str) -> Offer:
    """Ask the service about a device, which costs nothing.

    Arguments: session; arn of the device.
    Result: what it offers, as it says itself.
    Raises: UnsupportedOperation where it takes no OpenQASM programs.
    Source: braket.device_schema, DeviceServiceProperties and GateModelQpuParadigmProperties.
    """
    said = json.loads(session.get_device(arn)["deviceCapabilities"])
    if ACTION not in said["action"]:
        raise UnsupportedOperation(
            f"Device {arn} takes no OpenQASM programs.", subject=arn, remedy="Choose a device with gates."
        )
    takes = {name.lower() for name in said["action"][ACTION]["supportedOperations"]}
    native = frozenset(ours for ours, theirs in NAMES.items() if theirs in takes) | NEVER_SENT
    cost = said.get("service", {}).get("deviceCost")
    qubits = said.get("paradigm", {}).get("qubitCount")
    return Offer(native, qubits, {cost["unit"]: cost["price"]} if cost else {})
