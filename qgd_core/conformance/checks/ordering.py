"""Which qubit, which bit, which order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.conformance.agreement import Case, agrees
from qgd_core.conformance.subject import Subject, check, require


def one_x(n_qubits: int, qubit: int) -> Circuit:
    """X on one qubit, all measured."""
    builder = CircuitBuilder(f"x on qubit {qubit} of {n_qubits}", n_qubits, n_qubits)
    builder.gate("x", [qubit])
    builder.measure(range(n_qubits), range(n_qubits))
    return builder.build()


@agrees("gates")
def one_x_in_the_vector(subject: Subject) -> Iterator[Case]:
    """One X on each of n qubits stands where qubit 0 is the most significant."""
    for n_qubits in (1, 2, 5):
        for qubit in range(n_qubits):
            expected = np.zeros(2**n_qubits, dtype=np.complex128)
            expected[1 << (n_qubits - 1 - qubit)] = 1
            yield Case(one_x(n_qubits, qubit), expected)


@check("shots")
def one_x_in_the_bits(subject: Subject) -> None:
    """One X on each of n qubits is read where bit 0 is the most significant."""
    for n_qubits in (1, 2, 5):
        for qubit in range(n_qubits):
            circuit = one_x(n_qubits, qubit)
            counts = subject.compile(circuit).run(10, seed=subject.seed).counts
            require(counts == {1 << (n_qubits - 1 - qubit): 10}, f"{circuit.name}: {counts}")


@check("shots")
def bits_in_any_order(subject: Subject) -> None:
    """Bits written out of order, or never, read what they should."""
    builder = CircuitBuilder("permuted bits", 3, 4)
    builder.gate("x", [0])
    builder.gate("x", [2])
    builder.measure([2, 1, 0], [1, 3, 0])
    counts = subject.compile(builder.build()).run(10, seed=subject.seed).counts
    require(counts == {0b1100: 10}, f"permuted bits: {counts}")


@agrees("gates")
def idle_qubits_are_kept(subject: Subject) -> Iterator[Circuit]:
    """Qubits that no gate touches stay in the vector."""
    for n_qubits in (1, 4):
        builder = CircuitBuilder(f"{n_qubits} qubits, one used", n_qubits)
        builder.gate("h", [n_qubits // 2])
        yield builder.build()
    yield CircuitBuilder("nothing at all", 3).build()


@check("shots")
def idle_qubits_read_zero(subject: Subject) -> None:
    """Measured qubits that no gate touches read 0."""
    builder = CircuitBuilder("idle", 4, 4)
    builder.gate("x", [2])
    builder.measure(range(4), range(4))
    require(subject.compile(builder.build()).run(10, seed=subject.seed).counts == {0b0010: 10}, "idle qubits")


@agrees("gates")
def gates_in_order(subject: Subject) -> Iterator[Circuit]:
    """Gates that do not commute are applied in the order they stand."""
    builder = CircuitBuilder("h t h s h", 2)
    for name in ("h", "t", "h", "s", "h"):
        builder.gate(name, [0])
    builder.gate("x", [1], (), ((0, 1),))
    builder.gate("h", [0])
    builder.gate("x", [0], (), ((1, 1),))
    yield builder.build()


@agrees("gates")
def targets_in_order(subject: Subject) -> Iterator[Circuit]:
    """A block on permuted qubits acts on those, in that order."""
    inner = CircuitBuilder("inner", 3)
    inner.gate("ry", [0], [0.3])
    inner.gate("x", [1], (), ((0, 1),))
    inner.gate("mux_ry", [1, 2], [0.4, 1.1])
    inner.gate("swap", [0, 2])
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0], [3, 1, 0]):
        builder = CircuitBuilder(f"block on {order}", 4)
        builder.call(inner.build(), order)
        yield builder.build()


@agrees()
def amplitudes_over_the_bits(subject: Subject) -> Iterator[Case]:
    """amplitudes() is over the measured bits, in their order."""
    builder = CircuitBuilder("amplitudes", 3, 2)
    builder.gate("ry", [0], [2 * np.arcsin(0.6)])
    builder.measure([0, 2], [1, 0])
    expected = np.array([0.8, 0.6, 0, 0], dtype=np.complex128)
    yield Case(builder.build(), expected, over_bits=True)
