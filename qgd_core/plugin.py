"""The whole seam for backend plugins: the only module that a plugin's shipped code imports from the core.

`API_VERSION` is raised when a plugin written for the old seam would no longer work; a plugin states the number
it was written for, and one that does not match is listed as broken instead of failing later.
"""

from __future__ import annotations

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Backend, Capabilities, Executable, Outcomes, draw_seeds
from qgd_core.backends.bits import measured_qubits, uses_mid_circuit
from qgd_core.backends.fitting import fit
from qgd_core.backends.hooks import API_VERSION, BackendDescription, hookimpl
from qgd_core.backends.options import read_options, suggest
from qgd_core.backends.rejection import accept, measure_all
from qgd_core.backends.segments import SegmentedExecutable, count_gates, count_rest
from qgd_core.circuit.circuit import Call, Circuit, unroll
from qgd_core.circuit.counts import Counts, count
from qgd_core.circuit.lower import CLIFFORD_ROTATION_BASIS
from qgd_core.circuit.ops import GATES, Gate, Measure, PostSelect, Reset
from qgd_core.circuit.program import Program
from qgd_core.errors import (
    ConfigError,
    PluginError,
    PrecisionUnreachable,
    QgdError,
    ResultMissing,
    UnknownBackend,
    UnsupportedOperation,
)

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
    "count",
    "count_gates",
    "count_rest",
    "draw_seeds",
    "fit",
    "hookimpl",
    "measure_all",
    "measured_qubits",
    "read_options",
    "suggest",
    "unroll",
    "uses_mid_circuit",
]
