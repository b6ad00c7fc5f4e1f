"""Which qubit each classical bit reads, the amplitudes over the bits, and spare bits for post-selection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.circuit.circuit import Call, Circuit, Op
from qgd_core.circuit.ops import Gate, Measure, PostSelect, Reset
from qgd_core.errors import UnsupportedOperation

TOLERANCE = 1e-9  # largest norm, relative to the whole, that rounding may leave outside |0>


def inline(circuit: Circuit) -> Iterator[Op]:
    """The ops in the order they run, unitary blocks kept whole and all others opened.

    Arguments: circuit, any size: only blocks that measure, reset or post-select are walked.
    Result: an iterator over ops on the qubits of `circuit`, exact.
    Raises: nothing.
    Source: none.
    """
    if circuit.is_unitary:
        yield from circuit.ops
        return
    for op in circuit.ops:
        if isinstance(op, Call) and not op.circuit.is_unitary:
            for _ in range(op.repeat):
                for inner in inline(op.circuit):
                    yield move(inner, op.qubits)
        else:
            yield op


def touched(op: Op) -> tuple[int, ...]:
    """Every qubit an op acts on or is controlled by."""
    return (*(q for q, _ in op.controls), *op.qubits) if isinstance(op, Call) else op.qubits


def uses_mid_circuit(circuit: Circuit) -> bool:
    """True when a qubit is reset, or used by a gate after it was measured."""
    if circuit.is_unitary:
        return False
    measured: set[int] = set()
    for op in inline(circuit):
        if isinstance(op, Measure):
            measured.update(op.qubits)
        elif isinstance(op, Reset) or (
            measured and isinstance(op, Gate | Call) and not measured.isdisjoint(touched(op))
        ):
            return True
    return False


def measured_qubits(circuit: Circuit) -> dict[int, int]:
    """The qubit that each written bit reads last, as {bit: qubit}, bits in ascending order."""
    if circuit.is_unitary:
        return {}
    pairs = {
        b: q
        for op in inline(circuit)
        if isinstance(op, Measure)
        for q, b in zip(op.qubits, op.bits, strict=True)
    }
    return dict(sorted(pairs.items()))


def restrict(vector: ComplexArray, circuit: Circuit) -> ComplexArray:
    """Read the amplitudes over the bits from the vector over the qubits.

    Arguments: vector, shape (2**n_qubits,); circuit, which says what each bit measures.
    Result: shape (2**n_bits,), the entries whose unmeasured qubits are all 0; a bit never written reads 0.
    Raises: UnsupportedOperation when more than 1e-9 of the norm lies elsewhere, or two bits read one qubit.
    Source: none.
    """
    bits = measured_qubits(circuit)
    qubits = list(bits.values())
    if len(set(qubits)) < len(qubits):
        raise UnsupportedOperation(
            f"Two bits of circuit {circuit.name!r} read one qubit: no amplitudes over the bits exist.",
            subject=circuit,
            remedy="Sample it with run.",
        )
    table = np.moveaxis(vector.reshape((2,) * circuit.n_qubits), qubits, range(len(qubits)))
    table = table.reshape(2 ** len(qubits), -1)
    outside, whole = float(np.linalg.norm(table[:, 1:])), float(np.linalg.norm(table))
    if outside > TOLERANCE * whole:
        raise UnsupportedOperation(
            f"Unmeasured qubits of circuit {circuit.name!r} do not end in |0>.",
            subject=circuit,
            value=outside,
            remedy="Post-select or measure them, or sample with run.",
        )
    result = np.zeros((2,) * circuit.n_bits, dtype=np.complex128)
    written = tuple(slice(None) if b in bits else 0 for b in range(circuit.n_bits))
    result[written] = table[:, 0].reshape((2,) * len(qubits))
    return result.reshape(-1)


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


def as_word(values: tuple[int, ...]) -> int:
    """The integer whose binary digits are `values`, the first most significant."""
    return sum(value << (len(values) - 1 - i) for i, value in enumerate(values))


def move(op: Op, qubits: Sequence[int]) -> Op:
    """The same op with each qubit q at qubits[q]."""
    if isinstance(op, Gate | Call):
        controls = tuple((qubits[q], value) for q, value in op.controls)
        if isinstance(op, Gate):
            return replace(op, targets=tuple(qubits[q] for q in op.targets), controls=controls)
        return replace(op, qubits=tuple(qubits[q] for q in op.qubits), controls=controls)
    return replace(op, qubits=tuple(qubits[q] for q in op.qubits))
