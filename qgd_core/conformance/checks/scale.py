"""Random, long, wide and nested circuits."""

from __future__ import annotations

from collections.abc import Iterator

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.conformance.agreement import agrees
from qgd_core.conformance.cases import random_circuit, spread
from qgd_core.conformance.subject import Subject


@agrees("gates")
def random_small(subject: Subject) -> Iterator[Circuit]:
    """Random circuits with every primitive, on 1 to 5 qubits."""
    for n_qubits in range(1, 6):
        for seed in range(2):
            yield random_circuit(n_qubits, 25, 100 * subject.seed + 10 * seed + n_qubits)


@agrees("gates")
def random_wide(subject: Subject) -> Iterator[Circuit]:
    """A random circuit on 9 qubits."""
    yield random_circuit(9, 40, subject.seed, max_controls=2)


@agrees("gates")
def long_circuits(subject: Subject) -> Iterator[Circuit]:
    """A long circuit loses no gate and no precision."""
    builder = CircuitBuilder("1500 gates", 3)
    for i in range(500):
        builder.gate("ry", [i % 3], [0.01 * i])
        builder.gate("x", [(i + 1) % 3], (), ((i % 3, 1),))
        builder.gate("rz", [(i + 2) % 3], [0.02 * i])
    yield builder.build()


@agrees("gates")
def nested_blocks(subject: Subject) -> Iterator[Circuit]:
    """Blocks within controlled, adjoint and repeated blocks."""
    circuit = CircuitBuilder("leaf", 2)
    circuit.gate("ry", [0], [0.4])
    circuit.gate("phase", [1], [0.8], ((0, 1),))
    block = circuit.build()
    for depth in range(3):
        outer = CircuitBuilder(f"level {depth}", 2)
        outer.call(block, [1, 0], adjoint=depth % 2 == 0, repeat=2)
        outer.gate("h", [depth % 2])
        block = outer.build()
    builder = CircuitBuilder("nested", 4)
    spread(builder)
    builder.call(block, [2, 0], controls=((3, 0),))
    builder.call(block, [1, 3], adjoint=True)
    yield builder.build()
