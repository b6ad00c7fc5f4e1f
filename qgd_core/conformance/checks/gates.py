"""Each gate of the table, its angle, its sign, its inverse."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.ops import GATES, MULTIPLEXED
from qgd_core.conformance.agreement import Case, agrees
from qgd_core.conformance.cases import spread
from qgd_core.conformance.subject import Subject

ROTATIONS = ("rx", "ry", "rz", "phase")


@agrees("gates")
def every_gate(subject: Subject) -> Iterator[Circuit]:
    """Every gate of the table, on every position, acts as its matrix."""
    for name, kind in GATES.items():
        width = 2 if kind.n_targets is None else kind.n_targets
        n_params = 2 ** (width - (name in MULTIPLEXED)) if kind.n_params is None else kind.n_params
        for first in range(3):
            builder = CircuitBuilder(f"{name} at {first}", 3)
            spread(builder)
            targets = [(first + i) % 3 for i in range(width)]
            builder.gate(name, targets, [0.7 + 0.9 * i for i in range(n_params)])
            yield builder.build()


@agrees("gates")
def rotation_angles(subject: Subject) -> Iterator[Case]:
    """rx, ry, rz and phase turn by their angle in radians and in their direction: closed forms."""
    c, s = math.cos(0.35), math.sin(0.35)
    one = np.exp(0.7j)
    expected = {
        "rx": [c, -1j * s],
        "ry": [c, s],
        "rz": [(c - 1j * s) * math.sqrt(0.5), (c + 1j * s) * math.sqrt(0.5)],
        "phase": [math.sqrt(0.5), one * math.sqrt(0.5)],
    }
    for name, vector in expected.items():
        builder = CircuitBuilder(f"{name} by 0.7", 1)
        if name in ("rz", "phase"):
            builder.gate("h", [0])
        builder.gate(name, [0], [0.7])
        yield Case(builder.build(), np.array(vector, dtype=np.complex128))


@agrees("gates")
def angles_add(subject: Subject) -> Iterator[Case]:
    """Two turns by a and b are one turn by a + b, also far outside a full turn."""
    for name in ROTATIONS:
        for a, b in ((0.4, 1.3), (-0.8, 2.9), (5.0, 9.0), (-11.0, 3.0)):
            both, once = (CircuitBuilder(f"{name} by {a} and {b}", 2) for _ in range(2))
            for builder, angles in ((both, (a, b)), (once, (a + b,))):
                spread(builder)
                for angle in angles:
                    builder.gate(name, [1], [angle])
            expected = subject.truth(once.build())
            yield Case(both.build(), expected)
            yield Case(once.build(), expected)


@agrees("gates")
def a_full_turn_is_not_nothing(subject: Subject) -> Iterator[Circuit]:
    """A rotation by 2 pi is -1, alone and under a control; by 4 pi it is nothing."""
    for name in ("rx", "ry", "rz"):
        for turns in (1, 2, -1):
            for controls in ((), ((0, 1),)):
                builder = CircuitBuilder(f"{name} by {turns} full turns", 2)
                spread(builder)
                builder.gate(name, [1], [2 * math.pi * turns], controls)
                yield builder.build()


@agrees("gates")
def small_angles(subject: Subject) -> Iterator[Circuit]:
    """A tiny angle is neither rounded away nor blown up."""
    times = 4 if subject.backend.capabilities.statevector else 2000  # shots see many together
    for name in ROTATIONS:
        builder = CircuitBuilder(f"{name} by 1e-8", 1)
        builder.gate("h", [0])
        builder.gate(name, [0], [1e-8])
        for _ in range(times):
            builder.gate(name, [0], [1e-4])
        yield builder.build()


@agrees("gates")
def multiplexed_and_diagonal(subject: Subject) -> Iterator[Circuit]:
    """Multiplexed and diagonal gates read their selects with the first one most significant."""
    for name in ("mux_ry", "mux_rz", "diagonal"):
        for n_selects in (0, 1, 2, 3):
            width = n_selects + (name in MULTIPLEXED)
            if width == 0:
                continue
            builder = CircuitBuilder(f"{name} with {n_selects} selects", 4)
            spread(builder)
            builder.gate(name, [3, 1, 0, 2][:width], [0.3 + 0.5 * i for i in range(2**n_selects)])
            yield builder.build()


@agrees("gates")
def adjoints(subject: Subject) -> Iterator[Circuit]:
    """A block followed by its adjoint is nothing, and the adjoint alone is the inverse."""
    block = CircuitBuilder("block", 3)
    for i, (name, kind) in enumerate(GATES.items()):
        if kind.n_targets == 1:
            block.gate(name, [i % 3], [0.3 + 0.1 * i] * (kind.n_params or 0), (((i + 1) % 3, i % 2),))
    block.gate("gphase", [], [0.4])
    block.gate("mux_ry", [0, 2], [0.2, 0.9])
    inner = block.build()
    for names in ((True,), (False, True), (True, False)):
        builder = CircuitBuilder(f"adjoint {names}", 3)
        spread(builder)
        for adjoint in names:
            builder.call(inner, range(3), adjoint=adjoint)
        yield builder.build()


@agrees("gates")
def repeats(subject: Subject) -> Iterator[Circuit]:
    """A block repeated k times, with the same block used elsewhere, is applied k times."""
    block = CircuitBuilder("step", 2)
    block.gate("ry", [0], [0.3])
    block.gate("x", [1], (), ((0, 1),))
    inner = block.build()
    builder = CircuitBuilder("repeats", 3)
    builder.call(inner, [2, 0], repeat=5)
    builder.call(inner, [0, 1], controls=((2, 0),), repeat=3)
    builder.call(inner, [1, 2], repeat=0)
    builder.call(inner, [1, 2], repeat=1)
    yield builder.build()
