"""Reading an exported OpenQASM 3 file back, line by line; shares nothing with what wrote it but the language."""

from __future__ import annotations

import re

from qgd_core.circuit.circuit import Circuit, CircuitBuilder

GATES: dict[str, tuple[str, int]] = {
    **{
        name: (name, 0)
        for name in ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "gphase", "swap")
    },
    **{"c" + name: (name, 1) for name in ("x", "y", "z", "h", "rx", "ry", "rz", "swap")},
    **{"p": ("phase", 0), "cp": ("phase", 1), "ccx": ("x", 2)},
}
_DECLARED = re.compile(r"(qubit|bit)\[(\d+)\] [qb];")
_ACCEPTED = re.compile(r"// accepted: b\[(\d+)\.\.\d+\] = ([01]+)")
_MEASURED = re.compile(r"b\[(\d+)\] = measure q\[(\d+)\];")
_GATE = re.compile(r"(\w+)(?:\((.*)\))?((?: q\[\d+\],?)*);")


def read_qasm(text: str) -> Circuit:
    """Read a program on one register of qubits and one of bits, as an executable exports it.

    Arguments: text, one statement per line; bits past those that a comment calls accepted are post-selections.
    Result: the circuit, exact.
    Raises: AssertionError for a line that is none of these.
    Source: OpenQASM 3, arXiv 2104.14722.
    """
    head, include, *lines = text.splitlines()
    if (head, include) != ("OPENQASM 3.0;", 'include "stdgates.inc";'):
        raise AssertionError(f"the file begins with {head!r} and {include!r}")
    sizes = {kind: int(size) for kind, size in _DECLARED.findall(text)}
    found = _ACCEPTED.search(text)
    n_bits, wanted = (int(found[1]), found[2]) if found else (sizes.get("bit", 0), "")
    builder = CircuitBuilder("read back", sizes["qubit"], n_bits)
    for line in lines:
        if line.startswith("//") or _DECLARED.fullmatch(line):
            continue
        if measured := _MEASURED.fullmatch(line):
            bit, qubit = int(measured[1]), int(measured[2])
            if bit < n_bits:
                builder.measure([qubit], [bit])
            else:
                builder.postselect([qubit], [int(wanted[bit - n_bits])])
            continue
        gate = _GATE.fullmatch(line)
        if gate is None or gate[1] not in GATES:
            raise AssertionError(f"the file holds {line!r}, which is no statement of the standard library")
        name, n_controls = GATES[gate[1]]
        qubits = [int(qubit) for qubit in re.findall(r"\d+", gate[3])]
        angles = [float(angle) for angle in gate[2].split(",")] if gate[2] else []
        builder.gate(name, qubits[n_controls:], angles, tuple((q, 1) for q in qubits[:n_controls]))
    return builder.build()
