"""What the project does with a backend: block encodings and the steps of a march."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.backends.bits import restrict
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.conformance.agreement import Case, agrees
from qgd_core.conformance.subject import EXACT, Subject, check, likely, require

if TYPE_CHECKING:
    from qgd_core.linear.base import Plan

ALPHA = 1.4
WEIGHTS = (0.9, 0.5)


def encoding() -> tuple[Circuit, RealArray]:
    """A sum of two unitaries by one ancilla: <0|U|0> = A / ALPHA for A = 0.9 ry(0.8) + 0.5 z."""
    builder = CircuitBuilder("sum of unitaries", 2)
    angle = 2 * math.atan2(math.sqrt(WEIGHTS[1]), math.sqrt(WEIGHTS[0]))
    builder.gate("ry", [0], [angle])
    builder.gate("ry", [1], [0.8], ((0, 0),))
    builder.gate("z", [1], (), ((0, 1),))
    builder.gate("ry", [0], [-angle])
    c, s = math.cos(0.4), math.sin(0.4)
    return builder.build(), WEIGHTS[0] * np.array([[c, -s], [s, c]]) + WEIGHTS[1] * np.diag([1.0, -1.0])


def applied(steps: int, adjoint: bool = False, start: float = 0.6) -> Circuit:
    """The encoding applied `steps` times to a given vector, its ancilla post-selected each time."""
    block, _ = encoding()
    builder = CircuitBuilder(f"{steps} encoded steps{' of the adjoint' * adjoint}", 2, 1)
    builder.gate("ry", [1], [start])
    for _ in range(steps):
        builder.call(block, [0, 1], adjoint=adjoint)
        builder.postselect([0])
    builder.measure([1], [0])
    return builder.build()


def expected(steps: int, adjoint: bool = False, start: float = 0.6) -> RealArray:
    """The same by matrices."""
    _, matrix = encoding()
    vector = np.array([math.cos(start / 2), math.sin(start / 2)])
    for _ in range(steps):
        vector = (matrix.T if adjoint else matrix) @ vector / ALPHA
    return vector


@agrees()
def block_encoding(subject: Subject) -> Iterator[Case]:
    """<0|U|0> is the encoded matrix over alpha, column by column, and that of the adjoint its transpose."""
    _, matrix = encoding()
    for adjoint in (False, True):
        wanted = matrix.T if adjoint else matrix
        for column, start in enumerate((0.0, math.pi)):
            vector = wanted[:, column].astype(np.complex128) / ALPHA
            yield Case(applied(1, adjoint, start), vector, over_bits=True)


@agrees()
def encoded_steps(subject: Subject) -> Iterator[Case]:
    """Several encoded steps multiply, scale included."""
    for steps in (2, 4):
        for adjoint in (False, True):
            yield Case(
                applied(steps, adjoint), expected(steps, adjoint).astype(np.complex128), over_bits=True
            )


@check("shots")
def encoded_steps_by_shots(subject: Subject) -> None:
    """Several encoded steps succeed and read out with the probabilities of the matrices."""
    circuit = applied(3)
    likely(subject.run(circuit).counts, expected(3) ** 2, subject.shots, circuit.name)


@agrees()
def carleman_window(subject: Subject) -> Iterator[Case]:
    """A window of three steps in two variables, from the polynomial to the readout, gives the sparse products."""
    plan, wanted = window()
    program = plan.compile()
    if program.branch and not subject.backend.capabilities.gates:
        vector = program.branch()
    else:
        vector = restrict(subject.truth(program.circuit), program.circuit)
    error = float(np.abs(plan.read_amplitudes(vector).value - wanted).max())
    require(error <= EXACT, f"the window ends {error:.2e} away, more than {EXACT:.0e}")
    yield Case(program.circuit, vector, over_bits=True, branch=program.branch)


@cache
def window() -> tuple[Plan, RealArray]:
    """The plan of u' = u + (F1 u + F2 u(x)u) / 2 by marching at order 2, and its end by sparse products."""
    from qgd_core.carleman import carleman
    from qgd_core.dynamics.polynomial import PolynomialField
    from qgd_core.ode.base import LinearRecurrence
    from qgd_core.planner.choose import plan

    linear = np.array([[-0.5, 0.1], [0.05, -0.4]])
    quadratic = np.array([[0.1, 0.02, 0, 0.05], [0, 0.08, 0.03, -0.1]])
    system = carleman(PolynomialField({1: linear, 2: quadratic}), order=2, form="discrete", step=0.5)
    start = system.lift(np.array([0.3, -0.2]))
    problem = LinearRecurrence(system.matrix, system.source, start, 3, wanted=[0, 1])
    return plan(problem, 1e-2), problem.classical()
