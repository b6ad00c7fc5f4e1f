"""NWQLib on the problem that stdin gives: python by_nwqlib.py < problem.json; Python 3.12, pip install nwqlib[aer].

A x = b by its QSVT inverse, dz/dt = A z by its LCHS, with its own choices throughout; CX after Qiskit's transpiler at
level 1 to {cx, rz, sx, x, h}, success and error of its own noiseless run, relative to |x| or |z0|.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from nwqlib import LinearDynamics, LinearSystem, plan, prepare, solve
from nwqlib.algorithms import LCHS, QLS
from qiskit import transpile
from scipy.linalg import expm


def main() -> None:
    task = json.load(sys.stdin)
    a, b, eps = np.array(task["A"]), np.array(task["b"]), task["eps"]
    began = time.process_time()
    if task["kind"] == "system":
        truth, unit = np.linalg.solve(a, b), np.linalg.norm(np.linalg.solve(a, b))
        planned = plan(LinearSystem(A=a, b=b), method=QLS(epsilon_inv=eps))
    else:
        truth, unit = expm(a * task["time"]) @ b, np.linalg.norm(b)
        problem = LinearDynamics(A=-a, initial_state=b, time=task["time"])
        planned = plan(problem, method=LCHS(approximation_tolerance=eps))
    circuit = prepare(planned).circuit()
    circuit.data = [op for op in circuit.data if not op.operation.name.startswith("save")]
    lowered = transpile(circuit, basis_gates=["cx", "rz", "sx", "x", "h"], optimization_level=1)
    result = solve(planned)
    if task["kind"] == "system":
        answer, success = result.x, result.algorithm_success_mass
    else:
        answer, norm = result.solution, planned.reconstruction.coefficient_l1_norm * unit
        success = result.norm_squared / norm**2
    print(
        json.dumps(
            {
                "name": f"NWQLib {version('nwqlib')}",
                "qubits": lowered.num_qubits,
                "cx": lowered.count_ops()["cx"],
                "success": float(success),
                "error": float(np.linalg.norm(answer - truth) / unit),
                "seconds": time.process_time() - began,
            }
        )
    )


if __name__ == "__main__":
    main()
