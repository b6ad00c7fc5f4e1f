"""OpenQASM 3 from a lowered circuit, in the names of the standard library or of a vendor's dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qgd_core.backends.bits import measure_all
from qgd_core.circuit.circuit import Call, Circuit
from qgd_core.circuit.ops import Gate, Measure
from qgd_core.errors import UnsupportedOperation

STANDARD: Mapping[str, str] = {
    **{name: name for name in ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "gphase", "cx")},
    **{"phase": "p", "cphase": "cp", "swap": "swap"},
    **{name: name for name in ("cy", "cz", "ch", "crx", "cry", "crz", "ccx", "cswap")},
}


def to_qasm(circuit: Circuit) -> str:
    """Write a lowered circuit as an OpenQASM 3 program.

    Arguments: circuit, of gates in STANDARD, as fit gives it.
    Result: a program on qubits q and bits b, both in the core's order; a post-selected qubit is measured into a
    spare bit after the circuit's own, and a comment tells what an accepted shot reads there. Angles are exact.
    Raises: UnsupportedOperation for a gate that the standard library lacks.
    Source: OpenQASM 3, arXiv 2104.14722.
    """
    whole, wanted = measure_all(circuit)
    head = ["OPENQASM 3.0;", 'include "stdgates.inc";']
    if wanted:
        head.append(f"// accepted: b[{circuit.n_bits}..{whole.n_bits - 1}] = {''.join(map(str, wanted))}")
    head.append(f"qubit[{whole.n_qubits}] q;")
    if whole.n_bits:
        head.append(f"bit[{whole.n_bits}] b;")
    return "\n".join([*head, *statements(whole, STANDARD), ""])


def statements(circuit: Circuit, names: Mapping[str, str]) -> Iterator[str]:
    """The statements of a circuit without post-selection, one per op, calls opened.

    Arguments: circuit, lowered; names, from the core's gate names (with a leading "c" per control) to the dialect's.
    Result: an iterator over statements on qubits q and bits b.
    Raises: UnsupportedOperation for a gate without a name in the dialect.
    Source: none.
    """
    return iter(_lines(circuit, tuple(range(circuit.n_qubits)), names, {}))


def _lines(
    circuit: Circuit,
    qubits: tuple[int, ...],
    names: Mapping[str, str],
    done: dict[tuple[Circuit, tuple[int, ...]], list[str]],
) -> list[str]:
    """The statements of a block on these qubits, written at its first use there."""
    if (circuit, qubits) not in done:
        wires = [f" q[{qubit}]" for qubit in qubits]
        gates = {key: _gate(op, wires, names) for key, op in circuit.distinct.items() if isinstance(op, Gate)}
        lines: list[str] = []
        for op in circuit.ops:
            if isinstance(op, Gate):
                lines.append(gates[id(op)])
            elif isinstance(op, Call):
                lines += _lines(op.circuit, tuple(qubits[q] for q in op.qubits), names, done) * op.repeat
            elif isinstance(op, Measure):
                pairs = zip(op.qubits, op.bits, strict=True)
                lines += [f"b[{bit}] = measure{wires[q]};" for q, bit in pairs]
            else:
                lines += [f"reset{wires[q]};" for q in op.qubits]
        done[circuit, qubits] = lines
    return done[circuit, qubits]


def _gate(gate: Gate, wires: list[str], names: Mapping[str, str]) -> str:
    name = names.get(gate.key)
    if name is None:
        raise UnsupportedOperation(
            f"Gate {gate.key!r} has no OpenQASM name here.",
            subject=gate,
            remedy=f"Lower to {', '.join(names)} first.",
        )
    angles = f"({', '.join(map(repr, gate.params))})" if gate.params else ""
    where = ",".join([wires[q] for q in gate.qubits])
    return f"{name}{angles}{where};"
