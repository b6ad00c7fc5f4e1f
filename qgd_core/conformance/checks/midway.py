"""Measurement and reset in mid-circuit: the same distribution whether a backend declares them or the core puts them off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder, unroll
from qgd_core.circuit.ops import Gate, Measure, PostSelect, Reset
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.subject import Subject, check, likely, require
from qgd_core.errors import UnsupportedOperation

FEW = 1000  # shots: simulators run such circuits shot by shot
TURNS = (0.9, 0.5)  # of the ancilla of a step, by the value of the other qubit


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


def kept_and_reset(steps: int) -> Circuit:
    """A block repeated: an ancilla is turned, kept on one, and reset to zero for the next step."""
    step = CircuitBuilder("step", 2)
    step.gate("ry", [1], [0.4])
    for value, angle in enumerate(TURNS):
        step.gate("ry", [0], [angle], ((1, value),))
    step.postselect([0], [1])
    step.reset([0])
    builder = CircuitBuilder(f"{steps} steps with a reset", 2, 2)
    builder.gate("ry", [1], [0.8])
    builder.call(step.build(), [0, 1], repeat=steps)
    builder.measure([0, 1], [0, 1])
    return builder.build()


def random_midway(seed: int) -> Circuit:
    """Random stretches, between which a qubit is measured, reset, both or post-selected; bits are written again."""
    rng = np.random.default_rng(seed)
    builder = CircuitBuilder(f"midway {seed}", 3, 4)
    for kind in rng.permutation(["measure", "reset", "both", "postselect", "measure"]):
        _mix(builder, rng)
        qubit = [int(rng.integers(3))]
        if kind in ("measure", "both"):
            builder.measure(qubit, [int(rng.integers(2))])
        if kind in ("reset", "both"):
            builder.reset(qubit)
        if kind == "postselect":
            builder.postselect(qubit, [int(rng.integers(2))])
    _mix(builder, rng)
    builder.measure([2, 0, 1], [3, 1, 2])
    return builder.build()


def follow(circuit: Circuit) -> RealArray:
    """The chance of each word over the bits, exact: every outcome is followed with a vector of its own."""
    start = np.zeros(2**circuit.n_qubits, dtype=np.complex128)
    start[0] = 1
    branches = [(0, start)]
    for op in unroll(circuit):
        if isinstance(op, Measure | Reset):
            for place, qubit in enumerate(op.qubits):
                bit = op.bits[place] if isinstance(op, Measure) else None
                branches = [part for branch in branches for part in _part(circuit, branch, qubit, bit)]
        else:
            branches = [(word, _apply(circuit, op, vector)) for word, vector in branches]
    odds = np.zeros(2**circuit.n_bits)
    for word, vector in branches:
        odds[word] += np.linalg.norm(vector) ** 2
    return odds


@check("shots", "gates")
def measure_and_go_on(subject: Subject) -> None:
    """A measured qubit collapses and can be used again; its bit keeps the first outcome."""
    builder = CircuitBuilder("measure and go on", 1, 2)
    builder.gate("h", [0])
    builder.measure([0], [0])
    builder.gate("h", [0])
    builder.measure([0], [1])
    _sampled(subject, builder.build(), np.full(4, 0.25))


@check("shots", "gates")
def reset_in_mid_circuit(subject: Subject) -> None:
    """Reset returns a qubit to |0> and leaves what it was entangled with collapsed."""
    odds = np.zeros(8)
    odds[[0b000, 0b001, 0b110, 0b111]] = [0.7 * 0.4, 0.7 * 0.6, 0.3 * 0.4, 0.3 * 0.6]
    _sampled(subject, reset_and_reuse(), odds)


@check("shots", "gates")
def reset_after_postselection(subject: Subject) -> None:
    """An ancilla kept on one and reset in every step of a march starts each from |0>."""
    turn = np.array([[math.cos(0.2), -math.sin(0.2)], [math.sin(0.2), math.cos(0.2)]])
    for steps in (1, 2):
        vector = np.array([math.cos(0.4), math.sin(0.4)])
        for _ in range(steps):
            vector = np.sin(np.array(TURNS) / 2) * (turn @ vector)
        _sampled(subject, kept_and_reset(steps), np.append(vector**2, [0, 0]))


@check("shots", "gates")
def anything_in_mid_circuit(subject: Subject) -> None:
    """Random circuits that measure, reset and post-select midway have their exact distribution."""
    for seed in range(2):
        circuit = random_midway(10 * subject.seed + seed)
        _sampled(subject, circuit, follow(circuit))


@check("statevector", "gates")
def what_resets_has_no_vector(subject: Subject) -> None:
    """A program that resets in mid-circuit has no final vector: it is refused with UnsupportedOperation."""
    try:
        subject.compile(reset_and_reuse()).statevector()
    except UnsupportedOperation:
        return
    raise AssertionError("a program that resets in mid-circuit was given a final vector")


def _mix(builder: CircuitBuilder, rng: np.random.Generator) -> None:
    """Turn every qubit by angles of its own, and entangle it with the next one."""
    for qubit in range(builder.n_qubits):
        builder.gate("ry", [qubit], [rng.uniform(0.5, 2.5)])
        builder.gate("phase", [qubit], [rng.uniform(0.5, 2.5)])
        builder.gate("x", [(qubit + 1) % builder.n_qubits], (), ((qubit, 1),))


def _sampled(subject: Subject, circuit: Circuit, odds: RealArray) -> None:
    shots = min(subject.shots, FEW)
    outcomes = subject.compile(circuit).run(shots, subject.seed)
    require(outcomes.shots == shots, f"{circuit.name}: {outcomes.shots} shots instead of {shots}")
    likely(outcomes.counts, odds, shots, circuit.name)


def _part(
    circuit: Circuit, branch: tuple[int, ComplexArray], qubit: int, bit: int | None
) -> Iterator[tuple[int, ComplexArray]]:
    """The two outcomes of a qubit: written to a bit, or forgotten and the qubit set to |0> where there is none."""
    word, vector = branch
    for value in (0, 1):
        part = _apply(circuit, PostSelect((qubit,), (value,)), vector)
        if bit is None:
            yield word, _apply(circuit, Gate("x", (qubit,)), part) if value else part
        else:
            weight = 1 << (circuit.n_bits - 1 - bit)
            yield word & ~weight | value * weight, part


def _apply(circuit: Circuit, op: Gate | PostSelect, vector: ComplexArray) -> ComplexArray:
    return simulate(replace(circuit, ops=(op,)), vector)
