"""Qrisp on the system that stdin gives: python by_qrisp.py < problem.json, with pip install qrisp.

A x = b by the inverse of its block encoding, an LCU of Pauli strings. `from_array` encodes (A + A^H) / 2 of a matrix that
is not symmetric and does not say so, which is why the system is put in [[0, A], [A^T, 0]]: one qubit more. Two-qubit
gates are its own count; success and error are not had without a run.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from qrisp import QuantumFloat, count_ops, num_qubits
from qrisp.block_encodings import BlockEncoding


def main() -> None:
    task = json.load(sys.stdin)
    a, eps = np.array(task["A"]), task["eps"]
    began = time.process_time()
    whole = np.block([[np.zeros_like(a), a], [a.T, np.zeros_like(a)]])
    encoding = BlockEncoding.from_array(whole)
    kappa = float(encoding.alpha / np.linalg.svd(a, compute_uv=False)[-1])
    inverse = encoding.inv(eps, kappa)

    def run() -> QuantumFloat:
        system = QuantumFloat(len(whole).bit_length() - 1)
        inverse.unitary(*inverse.create_ancillas(), system)
        return system

    # `resources` fails here in its count of the depth: the other two of its counts.
    gates = count_ops(meas_behavior="0")(run)()
    qubits = num_qubits(meas_behavior="0")(run)()["peak_allocations"]
    two = sum(number for gate, number in gates.items() if gate in ("cx", "cy", "cz", "cp", "swap", "rzz"))
    print(
        json.dumps(
            {
                "name": f"Qrisp {version('qrisp')}",
                "how": "Pauli LCU",
                "qubits": int(qubits),
                "cx": int(two),
                "seconds": time.process_time() - began,
            }
        )
    )


if __name__ == "__main__":
    main()
