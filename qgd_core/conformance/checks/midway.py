"""Measurement and reset in mid-circuit, where declared; refusal where not."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.conformance.subject import Subject, check, likely
from qgd_core.errors import UnsupportedOperation

FEW = 4000  # shots: simulators run such circuits shot by shot


def reset_and_reuse() -> Circuit:
    """A measured qubit is reset and used again, the first outcome kept in its bit."""
    builder = CircuitBuilder("reset and reuse", 2, 3)
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.3))])
    builder.measure([0], [0])
    builder.gate("x", [1], (), ((0, 1),))
    builder.reset([0])
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.6))])
    builder.measure([0, 1], [2, 1])
    return builder.build()


@check("mid_circuit", "shots", "gates")
def measure_and_go_on(subject: Subject) -> None:
    """A measured qubit collapses and can be used again; its bit keeps the first outcome."""
    builder = CircuitBuilder("measure and go on", 1, 2)
    builder.gate("h", [0])
    builder.measure([0], [0])
    builder.gate("h", [0])
    builder.measure([0], [1])
    shots = min(subject.shots, FEW)
    counts = subject.compile(builder.build()).run(shots, subject.seed).counts
    likely(counts, np.full(4, 0.25), shots, builder.name)


@check("mid_circuit", "shots", "gates")
def reset_in_mid_circuit(subject: Subject) -> None:
    """Reset returns a qubit to |0> and leaves what it was entangled with collapsed."""
    odds = np.zeros(8)
    odds[[0b000, 0b001, 0b110, 0b111]] = [0.7 * 0.4, 0.7 * 0.6, 0.3 * 0.4, 0.3 * 0.6]
    shots = min(subject.shots, FEW)
    counts = subject.compile(reset_and_reuse()).run(shots, subject.seed).counts
    likely(counts, odds, shots, "reset and reuse")


@check("not mid_circuit", "gates")
def undeclared_mid_circuit_is_refused(subject: Subject) -> None:
    """A backend that does not declare mid_circuit refuses it with UnsupportedOperation when compiling."""
    try:
        subject.compile(reset_and_reuse())
    except UnsupportedOperation:
        return
    raise AssertionError("reset in mid-circuit was accepted, though mid_circuit is not declared")
