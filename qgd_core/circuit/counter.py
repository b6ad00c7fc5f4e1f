"""The compression gadget: many post-selections in mid-circuit become one at the end, by counting successes."""

from __future__ import annotations

from dataclasses import replace

from qgd_core.circuit.circuit import Call, Circuit, CircuitBuilder, Op
from qgd_core.circuit.ops import Gate, Measure, PostSelect


def with_success_counter(circuit: Circuit) -> Circuit:
    """Replace every PostSelect by an increment of one counter, post-selected with the last ancillas at the end.

    The counter stands after the circuit's own qubits, on ceil(log2(S + 1)) of them for S executions. It starts at
    -S and counts modulo a power of two, so it ends at 0 exactly where all succeeded. Top-level PostSelects whose
    qubits no later op but a measurement touches are not counted: they wait for the end.
    Arguments: circuit, any size: repeats stay repeats.
    Result: a circuit whose one PostSelect is its last op, on the last ancillas and then 0 on the counter; same
    amplitudes as the projections, exactly. A circuit without PostSelect comes back as it is.
    Raises: nothing.
    Source: Low and Wiebe, arXiv 1805.00675; Fang, Lin and Tong, arXiv 2208.06941.
    """
    if circuit.is_unitary:
        return circuit
    kept, last = _part(circuit)
    body = replace(circuit, ops=kept)
    successes = _executions(body, {})
    if not last and not successes:
        return circuit
    size = successes.bit_length()
    counter = tuple(range(circuit.n_qubits, circuit.n_qubits + size))
    start = [Gate("x", (q,)) for place, q in enumerate(reversed(counter)) if -successes >> place & 1]
    counted = _counted(body, _increment(size), {}) if size else body
    end = PostSelect((*last, *counter), (*last.values(), *(0 for _ in counter)))
    return replace(counted, name=circuit.name, ops=(*start, *counted.ops, end))


def count_cost(controls: int, bits: int) -> int:
    """Upper bound on the CX of one increment of a counter of so many bits where so many qubits are 0."""
    return 6 * (controls - 1) + 7 * bits - 6 if bits else 0


def _part(circuit: Circuit) -> tuple[tuple[Op, ...], dict[int, int]]:
    """The ops that stay, and the value of each qubit whose post-selection can wait for the end."""
    kept: list[Op] = []
    last: dict[int, int] = {}
    used: set[int] = set()
    for op in reversed(circuit.ops):
        if isinstance(op, PostSelect) and used.isdisjoint(op.qubits):
            last |= dict(zip(op.qubits, op.values, strict=True))
        else:
            kept.append(op)
        if isinstance(op, Gate | Call):
            used.update(q for q, _ in op.controls)
        if not isinstance(op, Measure):
            used.update(op.qubits)
    return tuple(reversed(kept)), last


def _executions(circuit: Circuit, done: dict[Circuit, int]) -> int:
    """How many times a PostSelect runs."""
    if circuit not in done:
        done[circuit] = sum(
            _executions(op.circuit, done) * op.repeat if isinstance(op, Call) else isinstance(op, PostSelect)
            for op in circuit.ops
        )
    return done[circuit]


def _counted(circuit: Circuit, increment: Circuit, done: dict[Circuit, Circuit]) -> Circuit:
    """The block with the counter after its qubits, and an increment in place of each PostSelect."""
    if circuit not in done:
        size = circuit.n_qubits + increment.n_qubits
        counter = tuple(range(circuit.n_qubits, size))
        ops: list[Op] = []
        for op in circuit.ops:
            if isinstance(op, PostSelect):
                op = Call(increment, counter, tuple(zip(op.qubits, op.values, strict=True)))
            elif isinstance(op, Call) and not op.circuit.is_unitary:
                op = replace(op, circuit=_counted(op.circuit, increment, done), qubits=(*op.qubits, *counter))
            ops.append(op)
        done[circuit] = Circuit(f"counted_{circuit.name}", size, tuple(ops), circuit.n_bits)
    return done[circuit]


def _increment(size: int) -> Circuit:
    """Add one, modulo 2**size: carry into the higher bits where the lowest is one, then flip the lowest."""
    builder = CircuitBuilder(f"increment_{size}", size)
    if size == 2:
        # A gate, not a call: its two controls make a Toffoli, one qubit and one CX less than a joined control.
        builder.gate("x", [0], (), ((1, 1),))
    elif size > 2:
        builder.call(_increment(size - 1), range(size - 1), controls=((size - 1, 1),))
    builder.gate("x", [size - 1])
    return builder.build()
