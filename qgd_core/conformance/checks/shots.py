"""Sampling: the right distribution, seeds, independence."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, spread
from qgd_core.conformance.subject import Subject, check, likely, require


def mixed(n_qubits: int) -> Circuit:
    """Every outcome possible, each with odds of its own."""
    builder = CircuitBuilder(f"mixed on {n_qubits}", n_qubits)
    spread(builder)
    for q in range(n_qubits - 1):
        builder.gate("x", [q + 1], (), ((q, 1),))
    return measured(builder.build())


@check("shots")
def total_and_form(subject: Subject) -> None:
    """Without post-selection every shot is in the counts, as positive integers under integer keys."""
    outcomes = subject.run(mixed(2))
    require(
        outcomes.shots == subject.shots == outcomes.accepted, f"{outcomes.accepted} of {subject.shots} shots"
    )
    kinds = {type(x) for pair in outcomes.counts.items() for x in pair}
    require(kinds == {int}, f"counts hold {kinds}")
    require(min(outcomes.counts.values()) > 0, "counts hold zeros")


@check("shots")
def distribution(subject: Subject) -> None:
    """Every outcome comes as often as its probability says."""
    for n_qubits in (1, 3):
        circuit = mixed(n_qubits)
        odds = np.abs(simulate(circuit)) ** 2
        likely(subject.run(circuit, n_qubits).counts, odds, subject.shots, circuit.name)


@check("shots")
def impossible_outcomes(subject: Subject) -> None:
    """Outcomes with no amplitude never come, and correlated qubits agree."""
    builder = CircuitBuilder("all equal", 4, 4)
    builder.gate("h", [0])
    for q in range(3):
        builder.gate("x", [q + 1], (), ((q, 1),))
    builder.measure(range(4), range(4))
    odds = np.zeros(16)
    odds[[0, 15]] = 0.5
    likely(subject.run(builder.build()).counts, odds, subject.shots, "all equal")


@check("shots")
def a_part_of_the_qubits(subject: Subject) -> None:
    """Measuring some qubits gives the marginal distribution, in the order of the bits."""
    builder = CircuitBuilder("partly measured", 3, 2)
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.2))])
    builder.gate("ry", [2], [2 * np.arcsin(np.sqrt(0.7))])
    builder.measure([2, 0], [0, 1])
    odds = np.array([0.3 * 0.8, 0.3 * 0.2, 0.7 * 0.8, 0.7 * 0.2])
    likely(subject.run(builder.build()).counts, odds, subject.shots, "partly measured")


@check("shots")
def seed_repeats(subject: Subject) -> None:
    """The same seed gives the same outcomes, on one executable and on a new one."""
    circuit = mixed(3)
    executable = subject.compile(circuit)
    first = executable.run(500, seed=7).counts
    require(executable.run(500, seed=7).counts == first, "the second run with seed 7 differs")
    require(subject.compile(circuit).run(500, seed=7).counts == first, "a new executable with seed 7 differs")


@check("shots")
def seed_matters(subject: Subject) -> None:
    """Different seeds, and no seed twice, give different outcomes."""
    executable = subject.compile(mixed(3))
    runs = [executable.run(500, seed=s).counts for s in range(4)]
    runs += [executable.run(500).counts for _ in range(3)]
    require(len({tuple(sorted(r.items())) for r in runs}) > 4, "different seeds give the same outcomes")


@check("shots")
def no_memory_between_runs(subject: Subject) -> None:
    """A run starts from |0...0>, whatever ran before."""
    builder = CircuitBuilder("flip", 2, 2)
    builder.gate("x", [0])
    builder.measure([0, 1], [0, 1])
    executable = subject.compile(builder.build())
    for i in range(3):
        counts = executable.run(20, seed=i).counts
        require(counts == {2: 20}, f"run {i} gave {counts}")


@check("shots")
def few_shots(subject: Subject) -> None:
    """One shot is one shot, and the number of shots is what was asked."""
    executable = subject.compile(mixed(2))
    for shots in (1, 2, 777):
        outcomes = executable.run(shots, seed=subject.seed)
        require(outcomes.shots == shots == outcomes.accepted, f"{outcomes.accepted} of {shots} shots")


@check("shots")
def several_at_once(subject: Subject) -> None:
    """Several programs sampled together keep their order and their own distributions."""
    shares = (0.1, 0.35, 0.6, 0.85)
    circuits = []
    for share in shares:
        builder = CircuitBuilder(f"coin of {share}", 1, 1)
        builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(share))])
        builder.measure([0], [0])
        circuits.append(builder.build())
    together = subject.backend.run_all(map(subject.compile, circuits), subject.shots, subject.seed)
    require(len(together) == len(circuits), f"{len(together)} outcomes of {len(circuits)} programs")
    for share, circuit, outcomes in zip(shares, circuits, together, strict=True):
        require(outcomes.shots == subject.shots, f"{circuit.name}: {outcomes.shots} of {subject.shots} shots")
        likely(outcomes.counts, np.array([1 - share, share]), subject.shots, circuit.name)
