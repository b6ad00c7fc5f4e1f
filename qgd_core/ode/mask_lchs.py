"""Gradient descent by a combination of unitary flows whose entries are sorted into few XOR masks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.circuit.rotation import orthogonal, rotation_cost, rotation_turns
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import FAILURE, SYNTHESIS, Plan, Resources
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.combine import prepare_nodes, prepare_nodes_cost, undo_nodes
from qgd_core.ode.labels import choose_labels, place
from qgd_core.ode.marching import READABLE
from qgd_core.ode.masks import MaskFormula, split_masks
from qgd_core.ode.nodes import Nodes, fit_nodes
from qgd_core.ode.step_flow import StepFlow, step_flow
from qgd_core.readout.base import Estimate
from qgd_core.readout.frame import NormedReadout, constant_for
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare

# Shares of eps given to the flow, and of those to the couplings left out; scalar errors of the nodes, against the rest.
_SHARES = (0.15, 0.4)
_PRUNED = 0.3
_QUADRATURES = (0.25, 1.0)
# Lengths |g u_0| tried, and most Gauss points.
_LENGTHS = (0.8, 1.6)
_STAGES = 4
_LEAST_CONSTANT = 0.2


@dataclass(frozen=True, eq=False)
class RecentredReadout:
    """A read-out of numbers measured from `offset`."""

    inner: NormedReadout
    offset: RealArray

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """The estimate from accepted outcomes of `shots` attempts."""
        return self._moved(self.inner.from_counts(counts, shots))

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The estimate from the exact, unnormalised success branch."""
        return self._moved(self.inner.from_amplitudes(amplitudes))

    def _moved(self, found: Estimate) -> Estimate:
        return Estimate(found.value + self.offset, found.covariance, found.accepted)


@dataclass(frozen=True, eq=False)
class _Layout:
    """A step flow on 2^q labels: numbers in the unit of z, rows on the first labels, a constant among them."""

    flow: StepFlow
    unit: float
    wanted: tuple[int, ...]

    @cached_property
    def labels(self) -> tuple[list[int], int]:
        n = self.flow.n
        return choose_labels(self.flow.matrix, n, range(n, 2 ** n.bit_length()))

    @cached_property
    def bound(self) -> float:
        """Upper limit on the wanted numbers, measured from the offset."""
        return float(
            np.linalg.norm(self.ratio * (np.abs(self.flow.frame) @ self.flow.radii)[list(self.wanted)])
        )

    @property
    def ratio(self) -> float:
        """What an entry of the flow's z stands for in the unit of the recurrence."""
        return self.unit / self.flow.scale

    @cached_property
    def readout(self) -> SimplexReadout:
        least = _LEAST_CONSTANT * self.ratio * float(np.linalg.norm(self.flow.start[: self.flow.n]))
        constant = max(constant_for(self.bound, len(self.wanted)), least)
        return SimplexReadout(len(self.wanted), constant)

    @cached_property
    def formula(self) -> MaskFormula:
        size = 2 ** self.flow.start.size.bit_length()
        diagonal, masks = split_masks(place(self.flow.matrix, self.labels[0], size))
        return MaskFormula(diagonal, masks, self.flow.time, 1)

    @cached_property
    def start(self) -> RealArray:
        start = np.zeros(self.formula.diagonal.size)
        start[self.labels[0]] = self.ratio * self.flow.start
        start[self.labels[1]] = self.readout.constant
        return start

    @cached_property
    def exact(self) -> RealArray:
        """Rows of the flow's own propagator: the constant's, then the wanted ones in the coordinates of u."""
        exact = np.zeros((len(self.wanted) + 1, self.start.size))
        exact[0, self.labels[1]] = 1.0
        exact[1:, self.labels[0]] = self.flow.frame[list(self.wanted)] @ self.flow.rows()
        return exact

    def error(self, formula: MaskFormula, nodes: Nodes) -> float:
        """Bound on the 2-norm error of the wanted numbers, from rows of the combination and absolute values.

        It holds for the very nodes and stages it is given, whatever the signs of the start; n D times the formula.
        """
        n = self.flow.n
        rows = formula.rows([self.labels[1], *range(n)], nodes)
        found = np.vstack([rows[:1], self.flow.frame[list(self.wanted)] @ rows[1:]])
        defects = np.abs(found - self.exact) @ np.abs(self.start)
        scale = self.readout.constant - defects[0]
        if not scale > 0.0:
            return math.inf
        lost = float(np.linalg.norm(defects[1:])) + self.ratio * self.flow.drift
        return float((self.readout.constant * lost + self.bound * defects[0]) / scale)

    @cached_property
    def frame(self) -> RealArray:
        """From labels to the read-out's outcomes: the rows turned back into u, then the read-out's own frame."""
        n, size = self.flow.n, 2 ** self.flow.n.bit_length()
        order = [*self.wanted, *(i for i in range(n) if i not in self.wanted)]
        turn = np.zeros((size, size))
        turn[0, self.labels[1]] = 1.0
        turn[1 : n + 1, :n] = self.flow.frame[order]
        others = [label for label in range(n, size) if label != self.labels[1]]
        turn[range(n + 1, size), others] = 1.0
        own = self.readout.frame
        return np.asarray(np.kron(np.eye(size // own.shape[0]), own) @ turn)

    @property
    def frame_cost(self) -> int:
        """CX of the frame at most."""
        return rotation_cost(self.flow.n.bit_length())


def has_step(problem: LinearRecurrence) -> bool:
    """Whether a recurrence says that it is one quadratic gradient step, over and over, in its eigenframe."""
    known = problem.structure
    return isinstance(known, SlotSteps) and len(known.maps) == 1 and known.frames is None


def plan_mask_lchs(problem: LinearRecurrence, eps: float) -> Plan:
    """Plan gradient descent as a combination of unitary flows, each by XOR masks, without building a circuit.

    Arguments: problem, a Carleman recurrence of order 2 whose structure is one map for all steps; eps, 2-norm error
    of z_T[wanted] relative to problem.unit.
    Result: a plan whose discretisation share is a bound for its own nodes and stages: couplings left out by a
    majorant, nodes and product formula by the rows of what the circuit applies, against the closed propagator, times
    the absolute values of the start. Shots as for marching. Classical cost: an eigenframe, n^3, n products with the
    formula, D 2^m each; no D^3. Where the centre is no fixed point, both truncations' majorants
    join the discretisation share.
    Raises: PrecisionUnreachable when no choice meets eps, or there is no such structure; NotDissipative when no flow
    passes through the steps.
    Source: An, Liu, Lin, arXiv:2303.01029; the modified field stands for the step; masks at Gauss points.
    """
    known = problem.structure
    if not (isinstance(known, SlotSteps) and has_step(problem)):
        raise PrecisionUnreachable(
            "No flow is known that passes through these steps: they differ, or do not say what they are.",
            subject=problem,
            remedy="March, or give each step's own structure; a different map a step has no common flow.",
        )
    size = float(np.linalg.norm(known.start)) or 1.0
    field = known.maps[0].field(1.0)
    whole = [step_flow(field, 1.0, 2, known.start, problem.steps, length / size) for length in _LENGTHS]
    room = eps - known.unit * whole[0].recentred / problem.unit
    plans = [
        found
        for share in _SHARES
        for flow in whole
        if (found := _cheapest(problem, flow, known.unit, eps, room, share)) is not None
    ]
    if not plans:
        raise PrecisionUnreachable(
            f"A combination of unitary flows does not reach {eps:.1e} here.",
            subject=problem,
            value=eps,
            remedy="Ask for a larger error, or centre the window at its fixed point.",
        )
    return min(plans, key=lambda plan: plan.resources.two_qubit * plan.shots)


def _cheapest(
    problem: LinearRecurrence, flow: StepFlow, unit: float, eps: float, room: float, share: float
) -> Plan | None:
    """The cheapest plan of one scale and share: fewest gates times shots over nodes and Gauss points."""
    allowed = share * room * problem.unit
    if not allowed > 0.0:
        return None
    layout = _Layout(flow.pruned(_PRUNED * allowed * flow.scale / unit), unit, problem.wanted)
    formula, best = layout.formula, None
    largest = formula.time * max(0.0, float(-formula.diagonal.min()))
    length = float(np.linalg.norm(layout.start))
    for quadrature in _QUADRATURES:
        for nodes in fit_nodes(largest, min(0.3, quadrature * allowed / length)):
            for stages in range(1, _STAGES + 1):
                chosen = MaskFormula(formula.diagonal, formula.masks, formula.time, stages)
                error = layout.error(chosen, nodes)
                if error > allowed:
                    continue
                plan = _plan(problem, layout, chosen, nodes, error, eps, unit)
                if best is None or _price(plan) < _price(best):
                    best = plan
                break
    return best


def _price(plan: Plan) -> float:
    return plan.resources.two_qubit * float(plan.shots)


def _plan(
    problem: LinearRecurrence,
    layout: _Layout,
    formula: MaskFormula,
    nodes: Nodes,
    error: float,
    eps: float,
    unit: float,
) -> Plan:
    norm, readout = nodes.norm * float(np.linalg.norm(layout.start)), layout.readout
    recentred = unit * layout.flow.recentred / problem.unit
    sampling = eps - recentred - error / problem.unit
    worst = np.zeros(len(problem.wanted))
    worst[0] = layout.bound
    spread = float(np.linalg.norm(readout.covariance(norm, 1.0, worst), 2))
    quantile = float(chi2.ppf(1.0 - FAILURE, len(problem.wanted)))
    success = max(0.0, (readout.constant - error) / norm) ** 2
    shots = max(quantile * spread / (sampling * problem.unit) ** 2, READABLE / success)
    q, m = formula.n_qubits, nodes.n_qubits
    fixed = prepare_nodes_cost(m) + 2**q - 2 + layout.frame_cost
    rotations = fixed + formula.rotations(m) + 4 * m + 2 + rotation_turns(layout.flow.n.bit_length())
    offset = unit * layout.flow.offset[list(problem.wanted)]
    return Plan(
        solver="mask_lchs",
        problem=problem,
        queries=formula.stages,
        resources=Resources(
            qubits=q + m,
            two_qubit=fixed + formula.two_qubit(m),
            rotations=rotations,
            t_gates=rotation_t_count(rotations, SYNTHESIS),
            success_probability=success,
            shots=math.ceil(shots),
        ),
        error_budget=ErrorBudget(discretisation=recentred + error / problem.unit, shots=sampling),
        scale=norm,
        readout=RecentredReadout(NormedReadout(readout, norm), offset),
        build=lambda: _circuit(layout, formula, nodes),
        branch=lambda: _branch(layout, formula, nodes),
        parameters={
            "nodes": "fitted, checked on this flow",
            "number": nodes.weights.size,
            "norm": nodes.norm,
            "masks": len(formula.masks),
            "Gauss points": formula.stages,
            "coordinates kept": layout.flow.start.size,
            "left out": float(layout.ratio * layout.flow.drift / problem.unit),
            "recentred": recentred,
            "needed": "an eigenframe, n^3; n products with the formula, D 2^m each",
        },
    )


def _branch(layout: _Layout, formula: MaskFormula, nodes: Nodes) -> ComplexArray:
    start = layout.start / (nodes.norm * np.linalg.norm(layout.start))
    states = formula.evolve(np.tile(start.astype(np.complex128), (nodes.weights.size, 1)), nodes.k)
    combined = (nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)) @ states
    frame = layout.frame
    return np.asarray((combined.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1))


def _circuit(layout: _Layout, formula: MaskFormula, nodes: Nodes) -> Circuit:
    q, m = formula.n_qubits, nodes.n_qubits
    builder = CircuitBuilder("mask_lchs", m + q, q)
    system = range(m, m + q)
    builder.call(prepare_nodes(nodes), range(m))
    builder.call(prepare(layout.start, "start"), system)
    builder.call(formula.circuit(nodes), range(m + q))
    turned = orthogonal(layout.frame, "frame")[0]
    builder.call(turned, system[q - turned.n_qubits :])
    builder.call(undo_nodes(nodes), range(m))
    builder.postselect(range(m))
    builder.measure(system, range(q))
    return builder.build()
