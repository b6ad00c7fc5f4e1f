"""Fitting a program's circuit to a backend: what is not declared is lowered, gathered or refused."""

from __future__ import annotations

from qgd_core.backends.api import Capabilities
from qgd_core.backends.defer import defer
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.counter import with_success_counter
from qgd_core.circuit.lower import lower
from qgd_core.errors import UnsupportedOperation


def fit(circuit: Circuit, capabilities: Capabilities) -> Circuit:
    """Rewrite a circuit so that a backend with these capabilities can run it.

    Arguments: circuit; capabilities, as the backend declares them.
    Result: a tree of native gates on the circuit's own qubits, then the workspace, all exact. Without postselect
    every PostSelect is gathered in one success counter, so that a last one remains, at the end. Without mid_circuit
    measurements wait for the end, and each reset qubit goes on as a fresh one: no final vector, same distribution.
    Raises: UnsupportedOperation when it is wider than declared.
    Source: none.
    """
    if not capabilities.mid_circuit:
        circuit = defer(circuit)
    if not capabilities.postselect:
        circuit = with_success_counter(circuit)
    lowered = lower(circuit, capabilities.native)
    if capabilities.max_qubits is not None and lowered.n_qubits > capabilities.max_qubits:
        raise UnsupportedOperation(
            f"Circuit {circuit.name!r} needs {lowered.n_qubits} qubits, this backend takes {capabilities.max_qubits}.",
            subject=circuit,
            value=lowered.n_qubits,
            remedy="Use backend=emulator, or fewer active weights.",
        )
    return lowered
