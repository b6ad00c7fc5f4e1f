"""From the core's tree of native gates to OpenQASM 3 in Braket's dialect.

No control modifiers: the local simulator drops them for many pairs of control and target, without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qgd_core.plugin import CLIFFORD_ROTATION_BASIS, Circuit, Gate, statements

NATIVE = CLIFFORD_ROTATION_BASIS
NAMES = {
    **{name: name for name in ("x", "y", "z", "h", "s", "t", "rx", "ry", "rz", "gphase")},
    "sdg": "si",
    "tdg": "ti",
    "phase": "phaseshift",
    "cx": "cnot",
}
_CORE = {theirs: ours for ours, theirs in NAMES.items()} | {"cnot": "x"}
_STATEMENT = re.compile(r"^(\w+)(?:\(([^)]*)\))?(?: (.*))?;$", re.MULTILINE)


def translate(circuit: Circuit) -> str:
    """The statements of a lowered circuit, a line each."""
    return "\n".join(statements(circuit, NAMES))


def wrap(body: str, n_qubits: int) -> str:
    """A program that returns the vector; every qubit gets an `i`, since unused ones are dropped."""
    head = ["OPENQASM 3.0;", f"qubit[{n_qubits}] q;", *(f"i q[{q}];" for q in range(n_qubits))]
    return "\n".join([*head, body, "#pragma braket result state_vector", ""])


def read_gates(body: str) -> Iterator[Gate]:
    """The gates of translated statements in the core's names, measurements and global phases left out."""
    for match in _STATEMENT.finditer(body):
        if match[1] in _CORE and match[1] != "gphase":
            *controls, target = (int(q) for q in re.findall(r"\d+", match[3]))
            params = (float(match[2]),) if match[2] else ()
            yield Gate(_CORE[match[1]], (target,), params, tuple((q, 1) for q in controls))
