"""The global phase, and where it shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.conformance.agreement import agrees
from qgd_core.conformance.cases import spread
from qgd_core.conformance.subject import Subject, check, same_vector


@check("statevector", "gates")
def global_phase(subject: Subject) -> None:
    """A global phase is kept, from gphase and from every gate that has one."""
    builder = CircuitBuilder("gphase 0.4", 2)
    builder.gate("gphase", [], [0.4])
    expected = np.exp(0.4j) * np.eye(1, 4, dtype=np.complex128)[0]
    same_vector(subject.compile(builder.build()).statevector(), expected, "gphase 0.4")
    builder = CircuitBuilder("rz on |0>", 1)
    builder.gate("rz", [0], [1.2])
    expected = np.array([np.exp(-0.6j), 0], dtype=np.complex128)
    same_vector(subject.compile(builder.build()).statevector(), expected, "rz on |0>")


@agrees("gates")
def phase_kicks_back(subject: Subject) -> Iterator[Circuit]:
    """The global phase of a controlled gate or block is the control's relative phase."""
    block = CircuitBuilder("block with a phase", 1)
    block.gate("gphase", [], [0.9])
    block.gate("rz", [0], [0.5])
    for value in (0, 1):
        builder = CircuitBuilder(f"kick-back from {value}", 3)
        spread(builder)
        builder.gate("gphase", [], [0.7], ((0, value),))
        builder.call(block.build(), [2], controls=((1, value),))
        yield builder.build()


@check("statevector", "gates")
def phase_survives_postselection(subject: Subject) -> None:
    """A global phase on either side of a post-selection is kept."""
    builder = CircuitBuilder("phases around a post-selection", 2)
    spread(builder)
    builder.gate("gphase", [], [0.4])
    builder.postselect([0])
    builder.gate("gphase", [], [1.1])
    builder.gate("rz", [1], [0.6])
    circuit = builder.build()
    same_vector(subject.compile(circuit).statevector(), subject.truth(circuit), circuit.name)
