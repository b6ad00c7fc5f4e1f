"""Circuits that the checks run: random ones with every primitive, and measured forms of them."""

from __future__ import annotations

import math

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.ops import GATES, MULTIPLEXED, Controls

MAX_SELECTS = 3  # of a random multiplexed or diagonal gate


def random_circuit(
    n_qubits: int, n_ops: int, seed: int, *, max_controls: int = 3, n_bits: int = 0, depth: int = 2
) -> Circuit:
    """Draw a unitary circuit in which every primitive, control value, adjoint and repeat can occur.

    Arguments: n_qubits, at least 1; n_ops in each block; seed; max_controls of one gate; n_bits that a caller
    will write; depth of nested blocks.
    Result: a circuit whose first ops go once through the whole gate table, as far as the qubits allow.
    Raises: nothing.
    Source: none.
    """
    rng = np.random.default_rng(seed)
    builder = CircuitBuilder(f"random_{seed}", n_qubits, n_bits)
    names = [name for name, kind in GATES.items() if (kind.n_targets or 0) <= n_qubits]
    first = list(rng.permutation(names))
    for i in range(n_ops):
        if depth > 0 and n_qubits > 1 and rng.random() < 0.15:
            _add_call(builder, rng, depth, max_controls)
        else:
            _add_gate(builder, rng, str(first[i] if i < len(first) else rng.choice(names)), max_controls)
    return builder.build()


def spread(builder: CircuitBuilder) -> None:
    """Bring every qubit into a state of its own, all amplitudes different from one another."""
    for qubit in range(builder.n_qubits):
        builder.gate("ry", [qubit], [1.1 + 0.17 * qubit])
        builder.gate("rz", [qubit], [0.3 + 0.21 * qubit])


def measured(circuit: Circuit, qubits: list[int] | None = None) -> Circuit:
    """The circuit followed by a measurement of `qubits` (all by default) into as many bits, in that order."""
    qubits = list(range(circuit.n_qubits)) if qubits is None else qubits
    builder = CircuitBuilder(f"{circuit.name}_measured", circuit.n_qubits, max(circuit.n_bits, len(qubits)))
    builder.call(circuit, range(circuit.n_qubits))
    builder.measure(qubits, range(len(qubits)))
    return builder.build()


def postselected(n_qubits: int, rounds: int, seed: int, n_ops: int = 8) -> Circuit:
    """Stretches that mix every qubit, each post-selecting one or two on random values; all measured at the end."""
    rng = np.random.default_rng(seed)
    builder = CircuitBuilder(f"postselected_{seed}", n_qubits, n_qubits)
    for i in range(rounds):
        for qubit in range(n_qubits):
            builder.gate("ry", [qubit], [rng.uniform(0.5, 2.5)])
        block = random_circuit(n_qubits, n_ops, 1000 * seed + i, max_controls=2, depth=1)
        builder.call(block, range(n_qubits))
        qubits = _pick(rng, n_qubits, int(rng.integers(1, min(2, n_qubits) + 1)))
        builder.postselect(qubits, [int(v) for v in rng.integers(0, 2, len(qubits))])
    builder.call(random_circuit(n_qubits, n_ops, 1000 * seed + rounds, depth=1), range(n_qubits))
    builder.measure(range(n_qubits), range(n_qubits))
    return builder.build()


def _add_gate(builder: CircuitBuilder, rng: np.random.Generator, name: str, max_controls: int) -> None:
    kind = GATES[name]
    if kind.n_targets is None:
        least = 1 if name in MULTIPLEXED else 0
        selects = int(rng.integers(1 - least, min(MAX_SELECTS, builder.n_qubits - least) + 1))
        n_targets, n_params = selects + least, 2**selects
    else:
        n_targets, n_params = kind.n_targets, kind.n_params or 0
    n_controls = int(rng.integers(0, min(max_controls, builder.n_qubits - n_targets) + 1))
    qubits = _pick(rng, builder.n_qubits, n_targets + n_controls)
    controls: Controls = tuple((q, int(rng.integers(2))) for q in qubits[n_targets:])
    angles = rng.uniform(-2 * math.pi, 2 * math.pi, n_params)
    builder.gate(name, qubits[:n_targets], angles, controls)


def _add_call(builder: CircuitBuilder, rng: np.random.Generator, depth: int, max_controls: int) -> None:
    size = int(rng.integers(1, builder.n_qubits + 1))
    block = random_circuit(size, 4, int(rng.integers(2**31)), max_controls=max_controls, depth=depth - 1)
    n_controls = int(rng.integers(0, min(2, builder.n_qubits - size) + 1))
    qubits = _pick(rng, builder.n_qubits, size + n_controls)
    builder.call(
        block,
        qubits[:size],
        controls=tuple((q, int(rng.integers(2))) for q in qubits[size:]),
        adjoint=bool(rng.integers(2)),
        repeat=int(rng.integers(1, 4)),
    )


def _pick(rng: np.random.Generator, n_qubits: int, count: int) -> list[int]:
    return [int(q) for q in rng.choice(n_qubits, count, replace=False)]
