"""Post-selection: projected, not renormalised, rejected shots counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.agreement import Case, agrees
from qgd_core.conformance.cases import postselected
from qgd_core.conformance.subject import Subject, check, likely, require


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


@agrees()
def success_branch(subject: Subject) -> Iterator[Case]:
    """The vector is projected and keeps its norm: the square is the probability of success."""
    builder = CircuitBuilder("kept with probability 0.3", 2, 1)
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.7))])
    builder.gate("x", [1])
    builder.postselect([0])
    builder.measure([1], [0])
    expected = np.array([0, np.sqrt(0.3)], dtype=np.complex128)
    yield Case(builder.build(), expected, over_bits=True)


@agrees("gates")
def repeated_postselection(subject: Subject) -> Iterator[Circuit]:
    """An ancilla post-selected many times, on zero or on one, multiplies the probabilities."""
    for steps in (1, 2, 5):
        for value in (0, 1):
            yield marching(steps, value)


@agrees("gates")
def random_postselection(subject: Subject) -> Iterator[Circuit]:
    """Random stretches between post-selections of several qubits."""
    for seed in range(3):
        yield postselected(4, 2, 10 * subject.seed + seed)


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


@agrees("gates")
def nothing_left(subject: Subject) -> Iterator[Case]:
    """A post-selection that cannot succeed leaves the zero vector, without an error."""
    builder = CircuitBuilder("nothing left", 2)
    builder.gate("h", [1])
    builder.postselect([0], [1])
    builder.gate("h", [0])
    yield Case(builder.build(), np.zeros(4, dtype=np.complex128))
