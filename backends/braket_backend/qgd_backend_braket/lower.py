"""From the core's tree of native gates to OpenQASM 3 in Braket's dialect.

No control modifiers: the local simulator drops them for many pairs of control and target, without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from braket.ir.openqasm import Program as OpenQASM

from qgd_core.plugin import (
    CLIFFORD_ROTATION_BASIS,
    Circuit,
    Gate,
    SegmentedExecutable,
    statements,
)

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
    """A program that returns the vector."""
    return "\n".join([_head(n_qubits, 0), body, "#pragma braket result state_vector", ""])


def _head(n_qubits: int, n_bits: int) -> str:
    """The declarations; every qubit gets an `i`, since unused ones are dropped."""
    bits = [f"bit[{n_bits}] b;"] if n_bits else []
    return "\n".join(
        ["OPENQASM 3.0;", *bits, f"qubit[{n_qubits}] q;", *(f"i q[{q}];" for q in range(n_qubits))]
    )


class ExportsBraket(SegmentedExecutable[str]):
    """An executable that also exports Braket's own format."""

    def export(self, path: str | Path) -> None:
        """Write Braket's JSON where the suffix is .json, as OpenQASM 3 otherwise; see Executable.export.

        The JSON holds a program in Braket's dialect, which Circuit.from_ir of its SDK reads: that knows no standard
        library. Post-selected qubits are measured into spare bits, after the program's own.
        """
        if Path(path).suffix != ".json":
            super().export(path)
            return
        body, wanted = self.measured
        head = _head(self.lowered.n_qubits, self.lowered.n_bits + len(wanted))
        Path(path).write_text(OpenQASM(source=f"{head}\n{body}\n").json(), encoding="utf-8")


def read_gates(body: str) -> Iterator[Gate]:
    """The gates of translated statements in the core's names, measurements and global phases left out."""
    for match in _STATEMENT.finditer(body):
        if match[1] in _CORE and match[1] != "gphase":
            *controls, target = (int(q) for q in re.findall(r"\d+", match[3]))
            params = (float(match[2]),) if match[2] else ()
            yield Gate(_CORE[match[1]], (target,), params, tuple((q, 1) for q in controls))
