"""How amplitudes are held to the right ones: entry by entry where there is a vector, by samples in three bases elsewhere.

Samples in one basis are blind to phases, so each circuit is also read after a layer that turns X, and one that turns Y,
into what is measured: a wrong sign or relative phase changes one of the three distributions. A global phase never shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce, wraps
from itertools import product

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.backends.bits import measured_qubits
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.ops import Gate, Measure
from qgd_core.conformance.subject import Subject, check, likely, same_vector

BASES = (("h",), ("sdg", "h"), ())  # gates on every qubit before it is read: X, Y and Z
BUDGET = 60_000  # shots of one check, over all its circuits and bases
EACH = 2000  # shots of one circuit in one basis, where there are few of them


@dataclass(frozen=True)
class Case:
    """A circuit and its right vector: over its qubits, or over its bits where `over_bits` says so.

    `branch` computes the same classically, for a backend that runs no gates; the reference does where none is given.
    """

    circuit: Circuit
    expected: ComplexArray
    over_bits: bool = False
    branch: Callable[[], ComplexArray] | None = None


Cases = Callable[[Subject], Iterator[Circuit | Case]]


def agrees(*needs: str) -> Callable[[Cases], Callable[[Subject], None]]:
    """Register a check that yields circuits, with their right vectors unless the reference is to give them."""

    def register(cases: Cases) -> Callable[[Subject], None]:
        @check("statevector or shots", *needs)
        @wraps(cases)
        def compared(subject: Subject) -> None:
            found = [c if isinstance(c, Case) else Case(c, subject.truth(c)) for c in cases(subject)]
            (by_vector if subject.backend.capabilities.statevector else by_shots)(subject, found)

        return compared

    return register


def by_vector(subject: Subject, cases: list[Case]) -> None:
    """Fail unless every amplitude is right to EXACT; all circuits are compiled before the first one runs."""
    compiled = [subject.compile(case.circuit, case.branch) for case in cases]
    for case, executable in zip(cases, compiled, strict=True):
        got = executable.amplitudes() if case.over_bits else executable.statevector()
        same_vector(got, case.expected, case.circuit.name)


def by_shots(subject: Subject, cases: list[Case]) -> None:
    """Fail unless the samples in every basis are likely; all are sent together, and share BUDGET."""
    pairs = list(product(cases, BASES))
    shots = max(1, min(subject.shots, EACH, BUDGET // max(1, len(pairs))))
    compiled = [subject.compile(read_in(case, basis)) for case, basis in pairs]
    for (case, basis), outcomes in zip(
        pairs, subject.backend.run_all(compiled, shots, subject.seed), strict=True
    ):
        odds = np.abs(turn(case, basis)) ** 2
        name = f"{case.circuit.name}, read after {' and '.join(basis) or 'nothing'}"
        likely(outcomes.counts, odds, shots, name, tests=len(pairs))


def read_in(case: Case, basis: tuple[str, ...]) -> Circuit:
    """The circuit with the gates of a basis before its measurements, or before measuring every qubit in order."""
    circuit, reads = case.circuit, reading(case)
    ops = [op for op in circuit.ops if not isinstance(op, Measure)]
    ops += [Gate(name, (qubit,)) for qubit in reads.values() for name in basis]
    n_bits = circuit.n_bits if case.over_bits else circuit.n_qubits
    return replace(circuit, ops=(*ops, Measure(tuple(reads.values()), tuple(reads))), n_bits=n_bits)


def turn(case: Case, basis: tuple[str, ...]) -> ComplexArray:
    """The right vector after the gates of a basis on whatever is read, by their matrices."""
    matrix = reduce(np.matmul, (Gate(name, (0,)).matrix() for name in reversed(basis)), np.eye(2))
    table = case.expected.reshape((2,) * (case.expected.size.bit_length() - 1))
    for axis in reading(case):
        table = np.moveaxis(np.tensordot(matrix, table, (1, axis)), 0, axis)
    return table.reshape(-1)


def reading(case: Case) -> dict[int, int]:
    """The qubit that each bit reads; every qubit is read into a bit of its own where the vector is over those."""
    return measured_qubits(case.circuit) if case.over_bits else {q: q for q in range(case.circuit.n_qubits)}
