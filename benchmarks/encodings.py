"""What one query of each encoding costs, beside every other package installed: python benchmarks/encodings.py

Systems: the reference matrices of 8 and 16 rows by every method and every package; CX after Qiskit's transpiler at
level 1 to {cx, rz, sx, x, h} where Qiskit is installed, else as lowered here. Structure: stencils, Carleman steps
and histories by size, as lowered here. The other packages come with `pip install -e .[benchmarks]`.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from qgd_core.circuit.circuit import Circuit, unroll
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.encodings.choose import ENCODINGS, block_encode
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.sparse_access import from_oracle
from qgd_core.encodings.stencil import encode_stencil
from qgd_core.encodings.toeplitz import toeplitz
from qgd_core.oracles.arithmetic import stencil

CASES = Path(__file__).parents[1] / "tests" / "data" / "linear_systems.json"
BASIS = ["cx", "rz", "sx", "x", "h"]
HEAT = {-1: 0.2, 0: 0.55, 1: 0.2}
STENCILS = {
    "three-point": {-1: -1.0, 0: 2.0, 1: -1.0},
    "five-point": {-2: 0.1, -1: -1.0, 0: 2.0, 1: -1.0, 2: 0.1},
}


def transpiled(circuit: Any) -> int:
    from qiskit import transpile

    found = transpile(circuit, basis_gates=BASIS, optimization_level=1, seed_transpiler=0)
    return int(found.count_ops().get("cx", 0))


def count(circuit: Circuit) -> int:
    """CX of one of our circuits."""
    if not find_spec("qiskit"):
        return cost(circuit).two_qubit
    from qiskit import QuantumCircuit

    lowered = lower(circuit)
    found = QuantumCircuit(lowered.n_qubits)
    names = {"phase": "p"}
    for gate in unroll(lowered):
        if gate.name == "gphase":
            continue
        method = getattr(found, "cx" if gate.controls else names.get(gate.name, gate.name))
        method(*gate.params, *gate.qubits)
    return transpiled(found)


def by_fable(matrix: np.ndarray) -> tuple[float, str]:
    import pennylane as qml

    size, q = float(np.abs(matrix).max()), len(matrix).bit_length() - 1
    return len(matrix) * size, _tape(lambda: qml.FABLE(matrix / size, wires=range(2 * q + 1), tol=0))


def by_prepselprep(matrix: np.ndarray) -> tuple[float, str]:
    import pennylane as qml

    q = len(matrix).bit_length() - 1
    terms = qml.pauli_decompose(matrix, check_hermitian=False)
    weights, words = terms.terms()
    control = range(q, q + max(1, (len(words) - 1).bit_length()))
    return float(np.abs(weights).sum()), _tape(lambda: qml.PrepSelPrep(terms, control=control))


def _tape(queue: Callable[[], Any]) -> str:
    import pennylane as qml
    from qiskit import QuantumCircuit

    with qml.queuing.AnnotatedQueue() as queued:
        queue()
    text = qml.to_openqasm(qml.tape.QuantumScript.from_queue(queued), rotations=False, measure_all=False)
    kept = [line for line in text.splitlines() if not line.startswith(("gphase", "id "))]
    return str(transpiled(QuantumCircuit.from_qasm_str("\n".join(kept))))


def by_qualtran(matrix: np.ndarray) -> tuple[float, str]:
    from qualtran.bloqs.block_encoding.sparse_matrix import (
        ExplicitEntryOracle,
        SparseMatrix,
        TopLeftRowColumnOracle,
    )
    from qualtran.resource_counting import QECGatesCost, get_cost_value

    size, q = float(np.abs(matrix).max()), len(matrix).bit_length() - 1
    place = TopLeftRowColumnOracle(system_bitsize=q)
    entry = ExplicitEntryOracle(q, data=np.abs(matrix) / size, entry_bitsize=10)
    block = SparseMatrix(place, place, entry, eps=0)
    gates = get_cost_value(block, QECGatesCost())
    return float(block.alpha) * size, f"{gates.total_t_count()} T (signs dropped)"


PEERS: dict[str, tuple[str, Callable[[np.ndarray], tuple[float, str]]]] = {
    "PennyLane FABLE": ("pennylane", by_fable),
    "PennyLane PrepSelPrep": ("pennylane", by_prepselprep),
    "Qualtran SparseMatrix, 10 bits": ("qualtran", by_qualtran),
}


def systems() -> None:
    """Every method that suits, and every package, on the reference systems."""
    seen: set[int] = set()
    for case in json.loads(CASES.read_text())["cases"]:
        if case["n"] in seen:
            continue
        seen.add(case["n"])
        matrix = np.array(case["A"])
        print(
            f"\n| {case['n']} x {case['n']} | scales | ancillas projected / all | alpha | CX | alpha x CX |"
        )
        print("|---|---|---|---|---|---|")
        chosen = block_encode(matrix)
        for one in (chosen, *chosen.losers):
            cx, projected = count(one.circuit()), one.n_ancilla - one.restored
            scales = "yes" if ENCODINGS[one.method].scalable else "no"
            figures = f"{projected} / {one.n_ancilla} | {one.alpha:.3f} | {cx} | {one.alpha * cx:.1f}"
            print(f"| {one.method} | {scales} | {figures} |", flush=True)
        for name, (package, encode) in PEERS.items():
            if find_spec(package) and find_spec("qiskit"):
                alpha, gates = encode(matrix)
                whole = f"{alpha * int(gates):.1f}" if gates.isdigit() else ""
                print(f"| {name} | | | {alpha:.3f} | {gates} | {whole} |", flush=True)


def structure() -> None:
    """Constant coefficients: what grows with the logarithm of the size alone."""
    print("\n| constant coefficients | n | alpha | CX | ancillas | seconds to build and count |")
    print("|---|---|---|---|---|---|")
    for q in (3, 10, 20, 40):
        rows: dict[str, Callable[[], Any]] = {
            name: lambda entries=entries, q=q: toeplitz(entries, q) for name, entries in STENCILS.items()
        }
        rows["three-point, from oracles"] = lambda q=q: from_oracle(stencil(STENCILS["three-point"], q))
        for order in (2, 3):
            step = partial(encode_stencil, HEAT, 0.1, q, order=order)
            rows[f"Carleman step, N = {order}"] = step
            rows[f"history of n steps, N = {order}"] = lambda q=q, step=step: encode_history(step(), q)
        rows["Carleman step, N = 2, periodic"] = partial(encode_stencil, HEAT, 0.1, q, periodic=True)
        for name, make in rows.items():
            began = time.process_time()
            one = make()
            cx = one.cost().two_qubit
            seconds = time.process_time() - began
            print(
                f"| {name} | 2^{q} | {one.alpha:.3f} | {cx} | {one.n_ancilla} | {seconds:.3f} |", flush=True
            )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    systems()
    structure()
