"""Speed: this project's compile and run against the SDK's own, on the same native circuit built by its fastest route.

    python benchmarks/backends.py [gates]

Five circuits of as many gates: flat, rotations that all differ, such rotations between cx, one block of 1,000 gates
repeated, and blocks within blocks. The ratio is compile over native; both are the best of five, taken in turn so that a
busy machine slows both alike. Running is compared in the same way, and by the number of function calls, which no other
work on the machine changes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from cProfile import Profile
from functools import partial
from typing import Any

import numpy as np

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


def mixed(n_gates: int) -> Circuit:
    """Alternating cx and rz, no two rz alike: what a lowered block encoding looks like."""
    builder = CircuitBuilder("mixed", WIDTH)
    for i in range(n_gates):
        if i % 2:
            builder.gate("x", [(i + 1) % WIDTH], (), ((i % WIDTH, 1),))
        else:
            builder.gate("rz", [i % WIDTH], [i / n_gates])
    return builder.build()


def repeated(block: Circuit, times: int) -> Circuit:
    """The block many times over."""
    return Circuit(f"{times} times {block.name}", WIDTH, (Call(block, tuple(range(WIDTH)), repeat=times),))


def build_qiskit(kind: str, n_gates: int) -> object:
    """_append with shared gates, the fastest route that takes gates one by one."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction
    from qiskit.circuit.library import CXGate, HGate, RZGate

    circuit, h, cx = QuantumCircuit(WIDTH), HGate(), CXGate()
    q = circuit.qubits
    for i in range(n_gates):
        if i % 2 and kind != "rotations":
            circuit._append(CircuitInstruction(cx, (q[i % WIDTH], q[(i + 1) % WIDTH])))
        else:
            gate = h if kind == "flat" else RZGate(i / n_gates)
            circuit._append(CircuitInstruction(gate, (q[i % WIDTH],)))
    return circuit


def build_cirq(kind: str, n_gates: int) -> object:
    """One Circuit from a list of operations."""
    import cirq

    q = cirq.LineQubit.range(WIDTH)
    if kind == "rotations":
        return cirq.Circuit([cirq.rz(i / n_gates)(q[i % WIDTH]) for i in range(n_gates)])
    if kind == "mixed":
        return cirq.Circuit(
            [
                cirq.CNOT(q[i % WIDTH], q[(i + 1) % WIDTH]) if i % 2 else cirq.rz(i / n_gates)(q[i % WIDTH])
                for i in range(n_gates)
            ]
        )
    return cirq.Circuit(
        [
            cirq.CNOT(q[i % WIDTH], q[(i + 1) % WIDTH]) if i % 2 else cirq.H(q[i % WIDTH])
            for i in range(n_gates)
        ]
    )


def build_pennylane(kind: str, n_gates: int) -> object:
    """A list of operators."""
    from pennylane import CNOT, RZ, Hadamard

    if kind == "rotations":
        return [RZ(i / n_gates, i % WIDTH) for i in range(n_gates)]
    if kind == "mixed":
        return [
            CNOT([i % WIDTH, (i + 1) % WIDTH]) if i % 2 else RZ(i / n_gates, i % WIDTH)
            for i in range(n_gates)
        ]
    return [CNOT([i % WIDTH, (i + 1) % WIDTH]) if i % 2 else Hadamard(i % WIDTH) for i in range(n_gates)]


def build_braket(kind: str, n_gates: int) -> object:
    """An OpenQASM 3 string."""
    if kind == "rotations":
        return "\n".join([f"rz({i / n_gates}) q[{i % WIDTH}];" for i in range(n_gates)])
    if kind == "mixed":
        return "\n".join(
            [
                f"cnot q[{i % WIDTH}], q[{(i + 1) % WIDTH}];"
                if i % 2
                else f"rz({i / n_gates}) q[{i % WIDTH}];"
                for i in range(n_gates)
            ]
        )
    return "\n".join(
        [
            f"cnot q[{i % WIDTH}], q[{(i + 1) % WIDTH}];" if i % 2 else f"h q[{i % WIDTH}];"
            for i in range(n_gates)
        ]
    )


NATIVE: dict[str, Callable[[str, int], object]] = {
    "qiskit": build_qiskit,
    "cirq": build_cirq,
    "pennylane": build_pennylane,
    "braket": build_braket,
}
KINDS: dict[str, tuple[Callable[[int], Circuit], str]] = {
    "flat": (flat, "flat"),
    "rotations": (rotations, "rotations"),
    "mixed": (mixed, "mixed"),
    "repeated": (lambda n_gates: repeated(flat(1000), n_gates // 1000), "flat"),
    "nested": (lambda n_gates: repeated(repeated(flat(100), 10), n_gates // 1000), "flat"),
}


def clock(action: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def calls(action: Callable[[], object]) -> int:
    """Function calls that one call makes, Python's and those into compiled code."""
    with Profile() as profile:
        action()
    return sum(entry.callcount for entry in profile.getstats())


def compare(name: str, kind: str, n_gates: int, rounds: int = 5) -> tuple[float, float]:
    """Seconds of the native build and of compile, each the best of some rounds taken in turn."""
    backend, (make, alike) = get_backend(name), KINDS[kind]
    native, ours = [], []
    for _ in range(rounds):
        circuit = make(n_gates)  # a new one, of which nothing is known yet
        native.append(clock(partial(NATIVE[name], alike, n_gates)))
        ours.append(clock(partial(backend.compile, Program(circuit))))
    return min(native), min(ours)


def run_qiskit(circuit: Any) -> object:
    """Aer's statevector."""
    from qiskit_aer import AerSimulator

    job = circuit.copy()
    job.save_statevector()
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    return simulator.run(job).result().data(0)["statevector"]


def run_cirq(circuit: Any) -> object:
    """cirq.Simulator in double precision."""
    import cirq

    return cirq.Simulator(dtype=np.complex128, split_untangled_states=False).simulate(circuit)


def run_pennylane(operators: Any) -> object:
    """lightning.qubit."""
    import pennylane as qml

    script = qml.tape.QuantumScript(operators, [qml.state()])
    return qml.execute([script], qml.device("lightning.qubit", wires=WIDTH), diff_method=None)


def run_braket(text: Any) -> object:
    """The local simulator."""
    from braket.default_simulator import StateVectorSimulator
    from braket.ir.openqasm import Program as OpenQASM

    source = f"OPENQASM 3.0;\nqubit[{WIDTH}] q;\n{text}\n#pragma braket result state_vector\n"
    return StateVectorSimulator().run(OpenQASM(source=source), shots=0).resultTypes[0].value


RUN: dict[str, Callable[[Any], object]] = {
    "qiskit": run_qiskit,
    "cirq": run_cirq,
    "pennylane": run_pennylane,
    "braket": run_braket,
}


def compare_runs(name: str, n_gates: int, rounds: int = 5) -> tuple[float, float, int, int]:
    """Seconds, the best of some rounds, and calls of the SDK's own run of its native circuit and of statevector()."""
    executable = get_backend(name).compile(Program(mixed(n_gates)))
    circuit = NATIVE[name]("mixed", n_gates)
    native, ours = [], []
    for _ in range(rounds):
        native.append(clock(partial(RUN[name], circuit)))
        ours.append(clock(executable.statevector))
    return min(native), min(ours), calls(partial(RUN[name], circuit)), calls(executable.statevector)


def main(n_gates: int) -> None:
    """Print the table."""
    print("| backend | circuit | native s | compile s | ratio |\n| --- | --- | --- | --- | --- |")
    for name in NATIVE:
        for kind in KINDS:
            native, ours = compare(name, kind, n_gates)
            print(f"| {name} | {kind} | {native:.3f} | {ours:.3f} | {ours / native:.2f} |", flush=True)
    heads = ["backend", "gates", "native run s", "run s", "ratio", "native calls", "calls"]
    print(f"\n| {' | '.join(heads)} |\n| {' | '.join(['---'] * len(heads))} |")
    for name in NATIVE:
        native, ours, theirs, own = compare_runs(name, n_gates // 20)
        row = [name, n_gates // 20, f"{native:.3f}", f"{ours:.3f}", f"{ours / native:.2f}", theirs, own]
        print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
