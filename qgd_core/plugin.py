"""The whole seam for backend plugins: the only module that a plugin's shipped code imports from the core.

`API_VERSION` is raised when a plugin written for the old seam would no longer work; a plugin states the number
it was written for, and one that does not match is listed as broken instead of failing later.
Describing a backend needs only light names; the rest, and numpy with it, is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qgd_core.backends.hooks import API_VERSION, BackendDescription, hookimpl
from qgd_core.backends.options import read_options
from qgd_core.errors import (
    ConfigError,
    PluginError,
    PrecisionUnreachable,
    QgdError,
    ResultMissing,
    UnknownBackend,
    UnsupportedOperation,
    suggest,
)

if TYPE_CHECKING:
    from qgd_core.arrays import ComplexArray
    from qgd_core.backends.api import Backend, Capabilities, Executable, Outcomes, draw_seeds
    from qgd_core.backends.bits import measure_all, measured_qubits, uses_mid_circuit
    from qgd_core.backends.fitting import fit
    from qgd_core.backends.qasm import statements, to_qasm
    from qgd_core.backends.segments import SegmentedExecutable, accept, count_gates, count_rest
    from qgd_core.backends.spending import admit
    from qgd_core.circuit.circuit import Call, Circuit, unroll
    from qgd_core.circuit.counts import Counts, count
    from qgd_core.circuit.lower import CLIFFORD_ROTATION_BASIS
    from qgd_core.circuit.ops import GATES, Gate, Measure, PostSelect, Reset
    from qgd_core.circuit.program import Program

# Name -> the module that holds it.
_HOME = {
    "ComplexArray": "qgd_core.arrays",
    "Backend": "qgd_core.backends.api",
    "Capabilities": "qgd_core.backends.api",
    "Executable": "qgd_core.backends.api",
    "Outcomes": "qgd_core.backends.api",
    "draw_seeds": "qgd_core.backends.api",
    "measured_qubits": "qgd_core.backends.bits",
    "uses_mid_circuit": "qgd_core.backends.bits",
    "fit": "qgd_core.backends.fitting",
    "statements": "qgd_core.backends.qasm",
    "to_qasm": "qgd_core.backends.qasm",
    "accept": "qgd_core.backends.segments",
    "admit": "qgd_core.backends.spending",
    "measure_all": "qgd_core.backends.bits",
    "SegmentedExecutable": "qgd_core.backends.segments",
    "count_gates": "qgd_core.backends.segments",
    "count_rest": "qgd_core.backends.segments",
    "Call": "qgd_core.circuit.circuit",
    "Circuit": "qgd_core.circuit.circuit",
    "unroll": "qgd_core.circuit.circuit",
    "Counts": "qgd_core.circuit.counts",
    "count": "qgd_core.circuit.counts",
    "CLIFFORD_ROTATION_BASIS": "qgd_core.circuit.lower",
    "GATES": "qgd_core.circuit.ops",
    "Gate": "qgd_core.circuit.ops",
    "Measure": "qgd_core.circuit.ops",
    "PostSelect": "qgd_core.circuit.ops",
    "Reset": "qgd_core.circuit.ops",
    "Program": "qgd_core.circuit.program",
}

__all__ = [
    "API_VERSION",
    "CLIFFORD_ROTATION_BASIS",
    "GATES",
    "Backend",
    "BackendDescription",
    "Call",
    "Capabilities",
    "Circuit",
    "ComplexArray",
    "ConfigError",
    "Counts",
    "Executable",
    "Gate",
    "Measure",
    "Outcomes",
    "PluginError",
    "PostSelect",
    "PrecisionUnreachable",
    "Program",
    "QgdError",
    "Reset",
    "ResultMissing",
    "SegmentedExecutable",
    "UnknownBackend",
    "UnsupportedOperation",
    "accept",
    "admit",
    "count",
    "count_gates",
    "count_rest",
    "draw_seeds",
    "fit",
    "hookimpl",
    "measure_all",
    "measured_qubits",
    "read_options",
    "statements",
    "suggest",
    "to_qasm",
    "unroll",
    "uses_mid_circuit",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
