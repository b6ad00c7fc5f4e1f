"""Post-selection as hardware does it: measure into spare bits, reject the shots that read otherwise."""

from __future__ import annotations

from qgd_core.backends.api import Outcomes
from qgd_core.backends.bits import inline
from qgd_core.circuit.circuit import Circuit, Op
from qgd_core.circuit.ops import Measure, PostSelect


def measure_all(circuit: Circuit) -> tuple[Circuit, tuple[int, ...]]:
    """Turn every PostSelect into a Measure of bits of its own.

    Arguments: circuit.
    Result: the circuit with the spare bits after its own, and the values that an accepted shot reads in them.
    Raises: nothing.
    Source: none.
    """
    ops: list[Op] = []
    wanted: tuple[int, ...] = ()
    for op in inline(circuit):
        if isinstance(op, PostSelect):
            first = circuit.n_bits + len(wanted)
            ops.append(Measure(op.qubits, tuple(range(first, first + len(op.qubits)))))
            wanted += op.values
        else:
            ops.append(op)
    return Circuit(circuit.name, circuit.n_qubits, tuple(ops), circuit.n_bits + len(wanted)), wanted


def accept(counts: dict[int, int], wanted: tuple[int, ...], shots: int) -> Outcomes:
    """Keep the shots whose spare bits read `wanted`, and drop those bits from the keys."""
    spare, word = len(wanted), as_word(wanted)
    kept = {key >> spare: n for key, n in counts.items() if key & ((1 << spare) - 1) == word and n}
    return Outcomes(kept, shots)


def as_word(values: tuple[int, ...]) -> int:
    """The integer whose binary digits are `values`, the first most significant."""
    return sum(value << (len(values) - 1 - i) for i, value in enumerate(values))
