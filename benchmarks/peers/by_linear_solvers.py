"""HHL of the package quantum-linear-solvers on the system that stdin gives: python by_linear_solvers.py < problem.json.

It needs Qiskit before 1.0, from which this solver was taken out: Python 3.10, pip install quantum-linear-solvers 'qiskit<1'.
A matrix that is not symmetric is put in [[0, A], [A^T, 0]]. CX after the transpiler at level 1 to {cx, rz, sx, x, h}; the
success of the state vector, and the error of its direction.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from linear_solvers import HHL
from qiskit import transpile
from qiskit.quantum_info import Statevector


def main() -> None:
    task = json.load(sys.stdin)
    a, b, eps = np.array(task["A"]), np.array(task["b"]), task["eps"]
    began, n = time.process_time(), len(b)
    whole = np.block([[np.zeros_like(a), a], [a.T, np.zeros_like(a)]])
    circuit = HHL(epsilon=eps).construct_circuit(whole, np.append(b, 0.0 * b))
    lowered = transpile(circuit, basis_gates=["cx", "rz", "sx", "x", "h"], optimization_level=1)
    # The solution stands where the last qubit is 1 and all between are 0.
    state = np.asarray(Statevector(circuit)).reshape(2, -1, 2 * n)
    found = state[1, 0, n:]
    x = np.linalg.solve(a, b)
    turned = found * np.exp(-1j * np.angle(np.vdot(x, found)))
    error = np.linalg.norm(turned / np.linalg.norm(turned) - x / np.linalg.norm(x))
    print(
        json.dumps(
            {
                "name": f"quantum-linear-solvers {version('quantum-linear-solvers')}, HHL",
                "qubits": circuit.num_qubits,
                "cx": lowered.count_ops()["cx"],
                "success": float(np.linalg.norm(state[1, 0]) ** 2),
                "error": float(error),
                "seconds": time.process_time() - began,
            }
        )
    )


if __name__ == "__main__":
    main()
