"""Measurement and reset in mid-circuit put off to the end, on fresh qubits, for targets that offer neither."""

from __future__ import annotations

from qgd_core.backends.bits import inline, move, touched, uses_mid_circuit
from qgd_core.circuit.circuit import Call, Circuit, Op
from qgd_core.circuit.ops import Gate, Measure, PostSelect, Reset


def defer(circuit: Circuit) -> Circuit:
    """Rewrite a circuit so that nothing is reset, and no gate follows a measurement on its qubit.

    Where a qubit is reset, the circuit goes on with a fresh one, and what the old one is entangled with is left as
    collapsed. A qubit that goes on after its measurement is copied to a fresh one, which is read in its place. No
    fresh one is needed where the value is known, from a PostSelect or from the start: an X at most resets that.
    Arguments: circuit, any size: as many ops are made as those blocks run that measure, reset or post-select.
    Result: a circuit on the same qubits and then the fresh ones, one for each reset or measurement of such a kind;
    same distribution of the accepted bits, exactly. Without mid-circuit measurement it comes back as it is.
    Raises: nothing.
    Source: the principle of deferred measurement; Nielsen and Chuang, section 4.4.
    """
    if not uses_mid_circuit(circuit):
        return circuit
    ops = list(inline(circuit))
    place = list(range(circuit.n_qubits))  # where each qubit stands now
    known = dict.fromkeys(place, 0)  # qubits whose value is certain, in every accepted shot
    size, result = circuit.n_qubits, list[Op]()
    for op, later in zip(ops, _needs(ops), strict=True):
        if isinstance(op, Gate | Call):
            result.append(move(op, place))
            for qubit in touched(op):
                known.pop(qubit, None)
        elif isinstance(op, PostSelect):
            result.append(move(op, place))
            known |= zip(op.qubits, op.values, strict=True)
        elif isinstance(op, Measure):
            read = list(place)
            for qubit in later.intersection(op.qubits):
                read[qubit], size = size, size + 1
                result.append(Gate("x", (read[qubit],), (), ((place[qubit], 1),)))
            result.append(move(op, read))
        else:
            for qubit in later.intersection(op.qubits):
                if known.get(qubit) == 1:
                    result.append(Gate("x", (place[qubit],)))
                elif qubit not in known:
                    place[qubit], size = size, size + 1
                known[qubit] = 0
    return Circuit(circuit.name, size, tuple(result), circuit.n_bits)


def _needs(ops: list[Op]) -> list[set[int]]:
    """For each op the qubits that go on after it; for a Measure those that a gate uses before their next reset."""
    needs: list[set[int]] = []
    used: set[int] = set()  # by gates
    read: set[int] = set()  # in any way
    for op in reversed(ops):
        needs.append(set(used if isinstance(op, Measure) else read))
        if isinstance(op, Reset):
            used.difference_update(op.qubits)
            continue
        read.update(touched(op))
        if isinstance(op, Gate | Call):
            used.update(touched(op))
    return needs[::-1]
