"""What every combination of unitary flows promises: how its errors share eps, its shots, and the plan made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget, best_shares, check_share, easier, least_error
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.errors import ConfigError, PrecisionUnreachable, nearest
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, shots_within
from qgd_core.ode.adjoined import Flow, lay_out, most_accepted
from qgd_core.ode.combine import prepare_nodes, prepare_nodes_cost, undo_nodes
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.marching import READABLE
from qgd_core.ode.nodes import NODES, Nodes
from qgd_core.readout.frame import NormedReadout
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare

# How many times their error on scalars nodes that are fitted to those were measured to miss by on matrices.
_MISSED = {"fitted": 1.3}
# While shares are compared, nodes are made for so many errors a decade, more of those that are made fast; and none
# finer than a hundredth of eps, which would take longer to find than they save.
_PER_DECADE, _FAST = 3, {"low_somma": 12, "cauchy": 12}
_LEAST_QUADRATURE = 1e-2


@dataclass(frozen=True)
class Shares:
    """Parts of eps: the quadrature's and the evolution's; sampling has the rest."""

    quadrature: float
    evolution: float

    @property
    def used(self) -> float:
        """Both together."""
        return self.quadrature + self.evolution


# What both may take at most.
_LARGEST = Shares(0.45, 0.45)


@dataclass(frozen=True, eq=False)
class Combination:
    """A flow laid out for eps as a sum of unitary ones at nodes of the kind of that name; see `Combination.of`.

    growth is what the flow may grow by in T, bound an upper limit on the answer, room the most qubits of nodes.
    """

    problem: LinearODE
    eps: float
    kind: str
    flow: Flow
    growth: float
    bound: float
    room: float = math.inf

    @classmethod
    def of(cls, problem: LinearODE, eps: float, kind: str, most_qubits: float = math.inf) -> Combination:
        """Lay a flow out; ConfigError for unknown nodes, NotDissipative where it grows too much."""
        if kind not in NODES:
            raise ConfigError(f"Unknown nodes {kind!r}.", subject=kind, remedy=nearest(kind, NODES))
        flow, growth, bound = lay_out(problem, eps)
        return cls(problem, eps, kind, flow, growth, bound, most_qubits - flow.n_qubits)

    @cached_property
    def readout(self) -> SimplexReadout:
        """Reads the wanted numbers beside the constant."""
        return SimplexReadout(len(self.problem.wanted), self.flow.constant)

    @cached_property
    def length(self) -> float:
        """Length of the start, growth included."""
        return self.growth * float(np.linalg.norm(self.flow.start))

    def operator(self, part: float, shares: Shares) -> float:
        """Error in the operator norm that takes `part` of eps, where all such errors together take `shares.used`."""
        unit = self.eps * self.problem.unit
        # Errors of the state reach the numbers through the ratio to the constant.
        carried = self.length * math.hypot(1.0, self.bound / self.flow.constant)
        return unit * part / (carried * (1.0 + shares.used * unit / self.flow.constant))

    def nodes(self, largest: float, shares: Shares) -> Nodes:
        """The nodes for the quadrature's share; largest is |L| T. PrecisionUnreachable names the eps in reach."""
        try:
            return self._nodes(largest, self.operator(shares.quadrature, shares))
        except PrecisionUnreachable as refusal:
            # Nodes that are not made fast take longest where there are none: to a decade is enough.
            within = 1.01 if self.kind in _FAST else 10.0
            reachable = least_error(lambda eps: self._reached(largest, eps) is not None, self.eps, within)
            found = None if reachable is None else self._reached(largest, reachable)
            raise PrecisionUnreachable(
                f"An error of {self.eps:.1e} is out of reach: {refusal.message}",
                subject=self.problem,
                value=reachable,
                remedy=easier(
                    reachable,
                    f"{found.weights.size if found else 0} nodes",
                    "use other nodes or another route",
                ),
            ) from refusal

    def _reached(self, largest: float, eps: float) -> Nodes | None:
        """Nodes for eps, if there are any."""
        eased = Combination.of(self.problem, eps, self.kind, self.room + self.flow.n_qubits)
        try:
            return eased._nodes(largest, eased.operator(_LARGEST.quadrature, _LARGEST))
        except PrecisionUnreachable:
            return None

    def _nodes(self, largest: float, error: float) -> Nodes:
        found = NODES[self.kind](largest, error / _MISSED.get(self.kind, 1.0))
        if found.n_qubits > self.room:
            raise PrecisionUnreachable(
                f"The nodes take {found.n_qubits} qubits, for which the coordinates leave {max(0, self.room)}."
            )
        return found

    def shots(self, norm: float, shares: Shares) -> float:
        """Shots for sampling's share where a unit amplitude stands for `norm`."""
        allowed = self.eps * (1.0 - shares.used) * self.problem.unit
        return shots_within(self.readout, norm, self.bound, allowed)

    def split(
        self, largest: float, gates: Callable[[Nodes, float], float], share: float | None = None
    ) -> Shares:
        """The shares of least gates times shots.

        Arguments: largest, |L| T; gates, a model of the gates of one shot from the nodes and the evolution's error in the
        operator norm; share, of quadrature and evolution together, half each, where the caller has chosen it.
        Result: shares at which nodes were found, if there are any.
        Raises: ConfigError for a share that leaves nothing.
        Source: none.
        """
        if share is not None:
            return Shares(check_share(share) / 2.0, share / 2.0)
        known: dict[int, Nodes | None] = {}
        density = _FAST.get(self.kind, _PER_DECADE)

        def near(error: float) -> Nodes | None:
            step = math.floor(density * math.log10(error))
            if step not in known:
                try:
                    known[step] = self._nodes(largest, 10.0 ** (step / density))
                except PrecisionUnreachable:
                    known[step] = None
            return known[step]

        def price(parts: tuple[float, ...]) -> float:
            shares = Shares(*parts)
            if shares.quadrature < _LEAST_QUADRATURE:
                return math.inf
            nodes = near(self.operator(shares.quadrature, shares))
            if nodes is None:
                return math.inf
            once = gates(nodes, self.operator(shares.evolution, shares))
            return once * self.shots(nodes.norm * self.length, shares)

        if near(self.operator(_LARGEST.quadrature, _LARGEST)) is None:
            return _LARGEST
        return Shares(*best_shares(price, 2))

    def plan(
        self,
        name: str,
        nodes: Nodes,
        shares: Shares,
        budget: ErrorBudget,
        costs: tuple[int, int, int, int],
        build: Callable[[], Circuit],
        branch: Callable[[], ComplexArray],
        parameters: Mapping[str, float | str],
        alpha: float = 1.0,
    ) -> Plan:
        """The plan of an evolution at these nodes.

        Arguments: name of the solver; nodes; shares and the budget they make; costs of the evolution and the read-out's
        frame: queries, qubits, CX and rotations; build and branch, of the whole circuit; parameters of its own; alpha, what
        the evolution is divided by besides the weights' sum.
        """
        problem, flow, m = self.problem, self.flow, nodes.n_qubits
        norm = nodes.norm * self.length * alpha
        allowed = self.eps * shares.used * problem.unit
        success = max(0.0, (flow.constant - allowed) / norm) ** 2
        queries, qubits, two_qubit, rotations = costs
        fixed = prepare_nodes_cost(m) + 2**flow.n_qubits - 2
        rotations += fixed + 4 * m + 2
        slack = nodes.operator_slack * self.operator(shares.used / 2.0, shares)
        return Plan(
            solver=name,
            problem=problem,
            queries=queries,
            resources=Resources(
                qubits=qubits,
                two_qubit=two_qubit + fixed,
                rotations=rotations,
                t_gates=rotation_t_count(rotations, SYNTHESIS),
                success_probability=success,
                shots=math.ceil(max(self.shots(norm, shares), READABLE / success)),
            ),
            error_budget=budget,
            scale=norm,
            readout=NormedReadout(self.readout, norm),
            build=build,
            branch=branch,
            parameters={
                "nodes": self.kind,
                "proven": "yes" if nodes.proven else "on scalars only",
                "number": nodes.weights.size,
                "norm": nodes.norm,
                "quadrature": self.eps * shares.quadrature,
                "growth": flow.growth,
                **parameters,
            },
            most_accepted=most_accepted(flow, self.growth, self.bound, norm, slack),
        )

    def circuit(
        self, name: str, nodes: Nodes, evolution: Circuit, n_ancilla: int = 0, restored: int = 0
    ) -> Circuit:
        """The circuit of an evolution of [ancillas..., nodes..., coordinates...], with the read-out's frame."""
        q, m, readout = self.flow.n_qubits, nodes.n_qubits, self.readout
        builder = CircuitBuilder(name, n_ancilla + m + q, q)
        register, system = range(n_ancilla, n_ancilla + m), range(n_ancilla + m, n_ancilla + m + q)
        builder.call(prepare_nodes(nodes), register)
        builder.call(prepare(self.flow.start, "start"), system)
        builder.call(evolution, range(builder.n_qubits))
        builder.call(undo_nodes(nodes), register)
        builder.postselect([*range(n_ancilla - restored), *register])
        builder.call(readout.circuit(), system[q - readout.n_qubits :])
        builder.measure(system, range(q))
        return builder.build()

    def branch(self, nodes: Nodes, states: ComplexArray) -> ComplexArray:
        """The success branch from each node's evolved start, shape (nodes, 2^q)."""
        return self.read(nodes, (nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)) @ states)

    def branch_by_node(
        self, nodes: Nodes, evolve: Callable[[RealArray], ComplexArray], together: int = 1
    ) -> ComplexArray:
        """The same from what nodes k (count,), `together` at a time, make of the start, (count, 2^q).

        k and -k make conjugates, of which one is followed.
        """
        k, weights = nodes.k, nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)
        mirrored = np.allclose(k, -k[::-1]) and np.allclose(weights, np.conj(weights[::-1]))
        if mirrored:
            # Added to its conjugate; k = 0 is its own.
            weights = np.where(k > 0.0, 2.0, 1.0)[k >= 0.0] * weights[k >= 0.0]
            k = k[k >= 0.0]
        total = np.zeros(self.flow.start.size, dtype=np.complex128)
        for first in range(0, k.size, together):
            some = slice(first, first + together)
            part = weights[some] @ evolve(k[some])
            total += part.real if mirrored else part
        return self.read(nodes, total)

    def read(self, nodes: Nodes, combined: ComplexArray) -> ComplexArray:
        """The success branch from the weighted sum of the evolved starts."""
        combined = combined / (nodes.norm * np.linalg.norm(self.flow.start))
        frame = self.readout.frame
        return np.asarray((combined.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1))
