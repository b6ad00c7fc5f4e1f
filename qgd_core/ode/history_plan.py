"""The plan, circuit and success branch of a polynomial of a history; the constant gives sign and scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost, rotation_t_count
from qgd_core.circuit.lower import lower
from qgd_core.circuit.rotation import rotation, rotation_cost, rotation_turns
from qgd_core.encodings.base import transposed
from qgd_core.encodings.block import COUNTED
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, quantile
from qgd_core.linear.needed import join, of_encodings
from qgd_core.linear.transform import n_workspace, transform, transform_cost, transform_vector
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.history import History
from qgd_core.ode.marching import READABLE
from qgd_core.phases.angles import qsvt_angles
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import Target
from qgd_core.readout.copied import CopiedReadout

Evolution: TypeAlias = LinearRecurrence | LinearODE

# What a history in the frames of a dense step is called.
FRAMED = "framed history"


@dataclass(frozen=True)
class Core:
    """What applies a polynomial: queries, qubits before the encoding's, upper bounds on CX and rotations, the circuit."""

    queries: int
    before: int
    two_qubit: int
    rotations: int
    build: Callable[[], Circuit]


def transformed(history: History, polynomial: Chebyshev) -> Core:
    """A polynomial by singular value transformation; an even one of (1 - e e^T) L."""
    encoding, degree, odd = history.encoding, polynomial.degree, polynomial.parity == 1
    # A filter takes the right side out of every second query.
    excluded = None if odd else encoding.n_system
    two_qubit, rotations = transform_cost(encoding, degree, excluded)
    extra = 0 if odd else degree // 2 * 2 * history.realisation.prepare_cost

    def build() -> Circuit:
        phases = qsvt_angles(polynomial).reflection
        if odd:
            return transform(encoding.adjoint(), phases)
        return transform(encoding, phases, history.prepare_right())

    before = 1 + n_workspace(encoding, excluded or 0)
    return Core(degree, before, two_qubit + extra, rotations + 2 * extra + degree, build)


def plan_target(
    name: str,
    problem: Evolution,
    history: History,
    target: Target,
    eps: float,
    share: float,
    spectrum: dict[str, float | str],
    core: Core | None = None,
) -> Plan:
    """The plan of a function near 1/x of the history; target: it, its error within `allowed_error`; else as below."""
    whole = history.pull / (target.factor * history.encoding.alpha)
    # The constant stands in every block in use.
    least = math.sqrt(history.used) * history.constant / whole - target.factor * target.error
    return plan_polynomial(
        name,
        problem,
        history,
        target.polynomial,
        eps,
        share,
        whole / math.sqrt(history.copies),
        max(0.0, least) ** 2,
        spectrum,
        core,
    )


def plan_polynomial(
    name: str,
    problem: Evolution,
    history: History,
    polynomial: Chebyshev,
    eps: float,
    share: float,
    norm: float,
    accepted: float,
    spectrum: dict[str, float | str],
    core: Core | None = None,
) -> Plan:
    """The plan of a polynomial of L: shots from the covariance at the bound, gates from the encoding's own bounds.

    Arguments: name of the solver; problem; history; polynomial, odd or even, of L / alpha; eps and its share; norm,
    what a unit amplitude stands for; accepted, a lower bound on the success probability; spectrum, for `explain`;
    core, how the polynomial is applied, by default `transformed`.
    Result: a plan whose shots keep the sampling error below (1 - share) eps with probability 1 - 1e-4.
    Raises: nothing.
    Source: none.
    """
    frame, encoding = history.realisation.readout, history.encoding
    core = core or transformed(history, polynomial)
    spread = frame.spread(norm, problem.bound())
    shots = max(
        quantile(frame.n_wanted) * spread / (eps * (1.0 - share) * problem.unit) ** 2,
        READABLE * (norm / history.constant) ** 2,
    )
    odd = polynomial.parity == 1
    prepared, held = _start_cost(history, odd=odd)
    around = prepared + frame.two_qubit
    rotations = core.rotations + 2 * around + frame.rotations
    if history.frame is not None:
        q = encoding.n_system - history.n_time
        around, rotations = around + rotation_cost(q), rotations + rotation_turns(q) + 2**q
    resources = Resources(
        qubits=core.before + encoding.n_ancilla + held,
        two_qubit=core.two_qubit + around,
        rotations=rotations,
        t_gates=rotation_t_count(rotations, SYNTHESIS),
        success_probability=min(1.0, accepted),
        shots=math.ceil(shots),
    )
    return Plan(
        solver=name,
        problem=problem,
        queries=core.queries,
        resources=resources,
        error_budget=ErrorBudget(polynomial=eps * share, shots=eps * (1.0 - share)),
        scale=norm,
        readout=CopiedReadout(frame, history.blocks, history.realisation.start.size, history.copies, norm),
        build=lambda: _circuit(history, core.build(), odd=odd),
        branch=lambda: _branch(history, polynomial),
        parameters={
            "encoding": f"{'history' if history.frame is None else FRAMED} of {history.realisation.method}",
            "alpha": encoding.alpha,
            **spectrum,
            "degree": polynomial.degree,
            "blocks": history.blocks,
            "copies": history.copies,
            "needed": join(of_encodings(*history.realisation.encodings), history.needed),
        },
    )


def _start(history: History, *, odd: bool) -> Circuit:
    """The state the polynomial acts on: equal constants for a filter, the right side for the inverse."""
    return history.prepare_right() if odd else history.prepare_flat()


def _start_cost(history: History, *, odd: bool) -> tuple[int, int]:
    """Its CX and qubits: counted, or bounded where it is written entry by entry on a large register."""
    (step,) = history.realisation.encodings
    if odd and history.frame is None and step.layout is None and step.n_system > COUNTED:
        return history.realisation.prepare_cost, history.encoding.n_system
    start = _start(history, odd=odd)
    return cost(start).two_qubit, lower(start).n_qubits


def _circuit(history: History, core: Circuit, *, odd: bool) -> Circuit:
    encoding = history.encoding
    system = range(core.n_qubits - encoding.n_system, core.n_qubits)
    frame = history.realisation.readout
    builder = CircuitBuilder("history", core.n_qubits, encoding.n_system)
    builder.call(_start(history, odd=odd), system)
    builder.call(core, range(core.n_qubits))
    builder.postselect(range(system.start))
    if history.frame is not None:
        builder.call(rotation(history.frame, "frame"), system[history.n_time :])
    builder.call(frame.circuit(), system[encoding.n_system - frame.n_qubits :])
    builder.measure(system, range(encoding.n_system))
    return builder.build()


def _branch(history: History, polynomial: Chebyshev) -> ComplexArray:
    """The success branch by sparse products; the circuit may leave the frame's row signs out."""
    alpha, target = history.encoding.alpha, history.encoding.target
    if polynomial.parity:
        found = transform_vector(polynomial, transposed(target), alpha, history.right)
    else:
        found = transform_vector(polynomial, target, alpha, history.flat, history.take_out)
    if history.frame is not None:
        found = (found.reshape(history.blocks, -1) @ history.frame.T).reshape(-1)
    frame = history.realisation.readout.frame
    return np.asarray((found.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1), dtype=np.complex128)
