"""OpenQASM 3 from a lowered circuit, in the names of the standard library or of a vendor's dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, groupby
from operator import attrgetter
from typing import cast

from qgd_core.backends.bits import measure_all
from qgd_core.circuit.circuit import Call, Circuit
from qgd_core.circuit.ops import GATES, Controls, Gate, Measure
from qgd_core.errors import UnsupportedOperation

STANDARD: Mapping[str, str] = {
    **{name: name for name in ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "gphase", "cx")},
    **{"phase": "p", "cphase": "cp", "swap": "swap"},
    **{name: name for name in ("cy", "cz", "ch", "crx", "cry", "crz", "ccx", "cswap")},
}
_FORM, _PARAMS = attrgetter("name", "targets", "controls"), attrgetter("params")


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
    """The statements of a circuit without post-selection, calls opened.

    Arguments: circuit, lowered; names, from the core's gate names (with a leading "c" per control) to the dialect's.
    Result: an iterator over texts on qubits q and bits b, each of one or more statements, a line each.
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
    """The texts of a block on these qubits, written at its first use there."""
    if (circuit, qubits) not in done:
        templates = _Templates(qubits, names)
        lines: list[str] = []
        runs = groupby(circuit.ops, type) if circuit.kinds != {Gate} else [(Gate, circuit.ops)]
        for kind, run in runs:
            if kind is Gate:
                lines.append(_write(cast("tuple[Gate, ...]", tuple(run)), templates))
                continue
            for op in run:
                if isinstance(op, Call):
                    lines += _lines(op.circuit, tuple(qubits[q] for q in op.qubits), names, done) * op.repeat
                elif isinstance(op, Measure):
                    pairs = zip(op.qubits, op.bits, strict=True)
                    lines += [f"b[{bit}] = measure q[{qubits[q]}];" for q, bit in pairs]
                else:
                    lines += [f"reset q[{qubits[q]}];" for q in op.qubits]
        done[circuit, qubits] = lines
    return done[circuit, qubits]


def _write(gates: tuple[Gate, ...], templates: _Templates) -> str:
    """The statements of the gates.

    No loop over them: it would cost four times as much. Gates without angles are looked up as objects, of which
    there are few; where there are angles, all of them are put into one text at once.
    """
    if any(map(_PARAMS, gates)):
        angles = tuple(chain.from_iterable(map(_PARAMS, gates)))
        return "\n".join(map(templates.__getitem__, map(_FORM, gates))) % angles
    objects = dict(zip(map(id, gates), gates, strict=True))
    known = {key: templates[_FORM(gate)] for key, gate in objects.items()}
    return "\n".join(map(known.__getitem__, map(id, gates)))


class _Templates(dict[tuple[str, tuple[int, ...], Controls], str]):
    """The statement of each form of gate, with %r for an angle, written when it is first asked for."""

    def __init__(self, qubits: tuple[int, ...], names: Mapping[str, str]) -> None:
        super().__init__()
        self._qubits, self._names = qubits, names

    def __missing__(self, form: tuple[str, tuple[int, ...], Controls]) -> str:
        name, targets, controls = form
        gate = Gate(name, targets, (), controls)
        called = self._names.get(gate.key)
        if called is None:
            raise UnsupportedOperation(
                f"Gate {gate.key!r} has no OpenQASM name here.",
                subject=gate,
                remedy=f"Lower to {', '.join(self._names)} first.",
            )
        angle = "(%r)" if GATES[name].n_params else ""
        self[form] = f"{called}{angle}{','.join(f' q[{self._qubits[q]}]' for q in gate.qubits)};"
        return self[form]
