"""Post-selection: projected, not renormalised, rejected shots counted."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import postselected
from qgd_core.conformance.subject import Subject, check, likely, require, same_as_reference, same_vector


def marching(steps: int, value: int = 0) -> Circuit:
    """One ancilla used again and again, each time post-selected on `value`."""
    builder = CircuitBuilder(f"{steps} steps kept on {value}", 2, 1)
    for _ in range(steps):
        builder.gate("ry", [1], [0.4])
        builder.gate("ry", [0], [0.9], ((1, 0),))
        builder.gate("ry", [0], [0.5], ((1, 1),))
        builder.postselect([0], [value])
        if value:
            builder.gate("x", [0])
    builder.measure([1], [0])
    return builder.build()


@check("statevector")
def success_branch(subject: Subject) -> None:
    """The vector is projected and keeps its norm: the square is the probability of success."""
    builder = CircuitBuilder("kept with probability 0.3", 2, 1)
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.7))])
    builder.gate("x", [1])
    builder.postselect([0])
    builder.measure([1], [0])
    expected = np.array([0, np.sqrt(0.3)], dtype=np.complex128)
    same_vector(subject.compile(builder.build()).amplitudes(), expected, "kept with probability 0.3")


@check("statevector", "gates")
def repeated_postselection(subject: Subject) -> None:
    """An ancilla post-selected many times, on zero or on one, multiplies the probabilities."""
    for steps in (1, 2, 5):
        for value in (0, 1):
            same_as_reference(subject, marching(steps, value))


@check("statevector", "gates")
def random_postselection(subject: Subject) -> None:
    """Random stretches between post-selections of several qubits."""
    for seed in range(3):
        same_as_reference(subject, postselected(4, 2, 10 * subject.seed + seed))


@check("shots")
def accepted_shots(subject: Subject) -> None:
    """Accepted shots have the branch's distribution, and the rejected ones are only in the total."""
    for circuit in (marching(1), marching(4), postselected(3, 2, subject.seed)):
        odds = np.abs(simulate(circuit)) ** 2
        if circuit.n_bits == 1:
            odds = odds.reshape(2, 2).sum(axis=0)
        outcomes = subject.run(circuit)
        require(
            outcomes.shots == subject.shots,
            f"{circuit.name}: {outcomes.shots} shots instead of {subject.shots}",
        )
        likely(outcomes.counts, odds, subject.shots, circuit.name)


@check("shots")
def never_accepted(subject: Subject) -> None:
    """A post-selection that cannot succeed rejects every shot, without an error."""
    builder = CircuitBuilder("never accepted", 2, 1)
    builder.gate("h", [1])
    builder.postselect([0], [1])
    builder.gate("x", [0])
    builder.measure([1], [0])
    outcomes = subject.run(builder.build())
    require(outcomes.counts == {}, f"never accepted: {outcomes.counts}")
    require(outcomes.shots == subject.shots, "never accepted: the shots are lost")


@check("statevector", "gates")
def nothing_left(subject: Subject) -> None:
    """A post-selection that cannot succeed leaves the zero vector, without an error."""
    builder = CircuitBuilder("nothing left", 2)
    builder.gate("h", [1])
    builder.postselect([0], [1])
    builder.gate("h", [0])
    same_vector(
        subject.compile(builder.build()).statevector(), np.zeros(4, dtype=np.complex128), builder.name
    )
