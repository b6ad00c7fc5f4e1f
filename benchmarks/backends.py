"""Compile speed: this project's compile against building the same native circuit by the SDK's fastest route.

    python benchmarks/backends.py [gates]

Four circuits of as many gates: flat, rotations that all differ, one block of 1,000 gates repeated, and blocks within
blocks. The ratio is compile over native; both are the best of five, taken in turn so that a busy machine slows both
alike.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import Call, Circuit, CircuitBuilder
from qgd_core.circuit.program import Program

WIDTH = 12


def flat(n_gates: int) -> Circuit:
    """Alternating cx and h, as the builder makes it: equal gates are one object."""
    builder = CircuitBuilder("flat", WIDTH)
    for i in range(n_gates):
        if i % 2:
            builder.gate("x", [(i + 1) % WIDTH], (), ((i % WIDTH, 1),))
        else:
            builder.gate("h", [i % WIDTH])
    return builder.build()


def rotations(n_gates: int) -> Circuit:
    """As many rz, no two alike: the worst case, since nothing can be made once and used again."""
    builder = CircuitBuilder("rotations", WIDTH)
    for i in range(n_gates):
        builder.gate("rz", [i % WIDTH], [i / n_gates])
    return builder.build()


def repeated(block: Circuit, times: int) -> Circuit:
    """The block many times over."""
    return Circuit(f"{times} times {block.name}", WIDTH, (Call(block, tuple(range(WIDTH)), repeat=times),))


def build_qiskit(n_gates: int) -> object:
    """_append with shared gates, the fastest route that takes gates one by one."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction
    from qiskit.circuit.library import CXGate, HGate

    circuit, h, cx = QuantumCircuit(WIDTH), HGate(), CXGate()
    q = circuit.qubits
    for i in range(n_gates):
        where = (q[i % WIDTH], q[(i + 1) % WIDTH]) if i % 2 else (q[i % WIDTH],)
        circuit._append(CircuitInstruction(cx if i % 2 else h, where))
    return circuit


def build_cirq(n_gates: int) -> object:
    """One Circuit from a list of operations."""
    import cirq

    q = cirq.LineQubit.range(WIDTH)
    return cirq.Circuit(
        [
            cirq.CNOT(q[i % WIDTH], q[(i + 1) % WIDTH]) if i % 2 else cirq.H(q[i % WIDTH])
            for i in range(n_gates)
        ]
    )


def build_pennylane(n_gates: int) -> object:
    """A list of operators."""
    import pennylane as qml

    return [
        qml.CNOT([i % WIDTH, (i + 1) % WIDTH]) if i % 2 else qml.Hadamard(i % WIDTH) for i in range(n_gates)
    ]


def build_braket(n_gates: int) -> object:
    """An OpenQASM 3 string."""
    return "\n".join(
        f"cnot q[{i % WIDTH}], q[{(i + 1) % WIDTH}];" if i % 2 else f"h q[{i % WIDTH}];"
        for i in range(n_gates)
    )


def rotate_qiskit(n_gates: int) -> object:
    """_append."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction
    from qiskit.circuit.library import RZGate

    circuit = QuantumCircuit(WIDTH)
    q = circuit.qubits
    for i in range(n_gates):
        circuit._append(CircuitInstruction(RZGate(i / n_gates), (q[i % WIDTH],)))
    return circuit


def rotate_cirq(n_gates: int) -> object:
    """One Circuit from a list of operations."""
    import cirq

    q = cirq.LineQubit.range(WIDTH)
    return cirq.Circuit([cirq.rz(i / n_gates).on(q[i % WIDTH]) for i in range(n_gates)])


def rotate_pennylane(n_gates: int) -> object:
    """A list of operators."""
    import pennylane as qml

    return [qml.RZ(i / n_gates, i % WIDTH) for i in range(n_gates)]


def rotate_braket(n_gates: int) -> object:
    """An OpenQASM 3 string."""
    return "\n".join(f"rz({i / n_gates}) q[{i % WIDTH}];" for i in range(n_gates))


Native = Callable[[int], object]
NATIVE: dict[str, tuple[Native, Native]] = {
    "qiskit": (build_qiskit, rotate_qiskit),
    "cirq": (build_cirq, rotate_cirq),
    "pennylane": (build_pennylane, rotate_pennylane),
    "braket": (build_braket, rotate_braket),
}
KINDS: dict[str, Callable[[int], Circuit]] = {
    "flat": flat,
    "rotations": rotations,
    "repeated": lambda n_gates: repeated(flat(1000), n_gates // 1000),
    "nested": lambda n_gates: repeated(repeated(flat(100), 10), n_gates // 1000),
}


def clock(action: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def main(n_gates: int) -> None:
    """Print the table."""
    print(f"{'backend':<10} {'circuit':<22} {'native s':>9} {'compile s':>10} {'ratio':>6}")
    for name, builds in NATIVE.items():
        backend = get_backend(name)
        for kind, make in KINDS.items():
            native, ours = [], []
            build = builds[kind == "rotations"]
            for _ in range(5):
                circuit = make(n_gates)
                native.append(clock(partial(build, n_gates)))
                ours.append(clock(partial(backend.compile, Program(circuit))))
            ratio = min(ours) / min(native)
            print(f"{name:<10} {kind:<22} {min(native):9.3f} {min(ours):10.3f} {ratio:6.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
