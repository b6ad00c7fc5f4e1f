"""Linear combination of Hamiltonian simulations: a flow with loss as a sum of unitary ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import expm
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.circuit.orthogonal import orthogonal
from qgd_core.errors import ConfigError, NotDissipative, nearest
from qgd_core.linear.base import FAILURE, SYNTHESIS, Plan, Resources
from qgd_core.ode.combine import prepare_nodes, undo_nodes
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.nodes import NODES, Nodes
from qgd_core.readout.frame import NormedReadout, constant_for
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare

# Growth e^(2 m T) that the success probability may pay for a logarithmic norm m above 0.
_MOST_GROWTH = 1e6
_LEAST_CONSTANT = 0.2
# Numbers (nodes times 8^qubits) up to which the product formula's error is measured, and how much it is trusted less.
_MEASURED = 3e7
_SAFETY = 1.5
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
# Fewest readable outcomes expected, so that the roots of their counts are nearly normal.
_READABLE = 400


@dataclass(frozen=True, eq=False)
class Flow:
    """The flow on (constant, wanted, others), less its growth: -A = loss + i H, skew = -i H, both real (2^q, 2^q)."""

    problem: LinearODE
    constant: float

    @cached_property
    def _matrix(self) -> RealArray:
        wanted = self.problem.wanted
        order = [*wanted, *sorted(set(range(self.problem.z0.size)) - set(wanted))]
        full = np.zeros((2**self.n_qubits,) * 2)
        n = len(order) + 1
        full[1:n, 1:n] = self.problem.matrix.toarray()[np.ix_(order, order)]
        full[1:n, 0] = self.problem.b[order] / self.constant
        return full

    @property
    def n_qubits(self) -> int:
        """q."""
        return int(self.problem.z0.size).bit_length()

    @cached_property
    def start(self) -> RealArray:
        """The start vector (2^q,), the constant first."""
        wanted = self.problem.wanted
        order = [*wanted, *sorted(set(range(self.problem.z0.size)) - set(wanted))]
        start = np.zeros(2**self.n_qubits)
        start[: len(order) + 1] = np.append(self.constant, self.problem.z0[order])
        return start

    @cached_property
    def growth(self) -> float:
        """What is taken off the generator so that it loses in every direction."""
        return max(0.0, float(np.linalg.eigvalsh((self._matrix + self._matrix.T) / 2)[-1]))

    @cached_property
    def loss(self) -> RealArray:
        """L, positive semidefinite once the growth is taken off."""
        symmetric = (self._matrix + self._matrix.T) / 2
        return np.asarray(self.growth * np.eye(len(symmetric)) - symmetric)

    @cached_property
    def skew(self) -> RealArray:
        """-i H."""
        return np.asarray((self._matrix - self._matrix.T) / 2)

    @cached_property
    def eigen(self) -> tuple[RealArray, RealArray]:
        """Eigenvalues and eigenvectors of L."""
        values, vectors = np.linalg.eigh(self.loss)
        return np.maximum(values, 0.0), vectors

    @cached_property
    def commutators(self) -> tuple[float, float]:
        """|[L, [L, K]]| and |[K, [K, L]]|."""
        loss, skew = self.loss, self.skew
        mixed = loss @ skew - skew @ loss
        return (
            float(np.linalg.norm(loss @ mixed - mixed @ loss, 2)),
            float(np.linalg.norm(skew @ mixed - mixed @ skew, 2)),
        )

    def steps(self, nodes: Nodes, eps: float) -> int:
        """Strang steps that keep the weighted error of all nodes below eps.

        By commutators (Childs et al., arXiv:1912.08854), always enough; where the matrices are small, fewer by
        comparing the whole combination at r and 2 r steps, whose distance is 3/4 of the error to leading order.
        """
        k, size = np.abs(nodes.k), np.abs(nodes.weights)
        first, second = self.commutators
        each = float(size @ (k**2 * first / 12.0 + k * second / 24.0))
        enough = max(1, math.ceil(math.sqrt(self.problem.time**3 * each / eps)))
        if enough == 1 or nodes.weights.size * 8**self.n_qubits > _MEASURED:
            return enough
        coarse = self._combined(nodes, 1)
        for trial in (1 << j for j in range(enough.bit_length())):
            fine = self._combined(nodes, 2 * trial)
            error = _SAFETY * 4.0 / 3.0 * float(np.linalg.norm(coarse - fine, 2))
            if error <= eps:
                # Back from the first power of two that serves, by the second order of the formula.
                return min(enough, max(trial // 2 + 1, math.ceil(trial * math.sqrt(error / eps))))
            coarse = fine
        return enough

    def _combined(self, nodes: Nodes, steps: int) -> ComplexArray:
        """The weighted sum of all nodes' product formulas, shape (2^q, 2^q)."""
        tau = self.problem.time / steps
        half = expm(self.skew * tau / 2) @ self.eigen[1]
        phases = np.exp(-1j * np.outer(nodes.k, self.eigen[0]) * tau)
        each = (half * phases[:, np.newaxis, :]) @ (self.eigen[1].T @ expm(self.skew * tau / 2))
        weights = nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)
        return np.asarray(np.tensordot(weights, np.linalg.matrix_power(each, steps), 1))


def plan_lchs(problem: LinearODE, eps: float, nodes: str = "low_somma", share: float | None = None) -> Plan:
    """Plan dz/dt = A z + b as a combination of unitary flows, each by a product formula, without building a circuit.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; nodes, a name of NODES
    ("low_somma" is proven for every A, "fitted" is the cheapest and measured on scalars only); share, the part
    of eps given to quadrature and product formula, half each, by default the one of least gates times shots.
    Result: a plan whose discretisation error is below its share (the quadrature's by its bound, the product
    formula's by commutators, or measured on small matrices from r against 2 r steps), and whose shots keep the
    sampling error below the rest with probability 1 - 1e-4. It costs an eigendecomposition of A + A^T, n^3.
    Raises: NotDissipative when the growth of A costs more than 1e6 in success; PrecisionUnreachable when the
    quadrature is out of reach; ConfigError for unknown nodes.
    Source: An, Liu, Lin, arXiv:2303.01029; the default kernel is that of Low, Somma, arXiv:2508.19238. The
    constant coordinate carries source, sign and scale; nodes in binary make the evolutions multiplexed rotations.
    """
    if nodes not in NODES:
        raise ConfigError(f"Unknown nodes {nodes!r}.", subject=nodes, remedy=nearest(nodes, NODES))
    flow, growth, bound = lay_out(problem, eps)
    shares = _SHARES if share is None else (share,)
    plans = [_plan(problem, flow, eps, nodes, part, growth, bound) for part in shares]
    return min(plans, key=lambda plan: plan.resources.two_qubit * plan.shots)


def lay_out(problem: LinearODE, eps: float) -> tuple[Flow, float, float]:
    """The flow with a constant that carries sign and scale, how much it may grow in T, and the bound of the answer."""
    bound = problem.bound()
    # A constant far below the start, or below the error, could not carry the scale.
    least = max(_LEAST_CONSTANT, 2.0 * eps) * problem.unit
    constant = max(constant_for(bound, len(problem.wanted)), least)
    flow = Flow(problem, constant)
    growth = math.exp(min(700.0, flow.growth * problem.time))
    if growth**2 > _MOST_GROWTH:
        raise NotDissipative(
            f"The flow may grow by {growth:.1e} in T = {problem.time:.3g}: the success probability would vanish.",
            subject=problem,
            value=flow.growth,
            remedy="Use a shorter time, or rescale the coordinates so that A + A^T has no positive eigenvalue.",
        )
    return flow, growth, bound


def _plan(
    problem: LinearODE, flow: Flow, eps: float, kind: str, share: float, growth: float, bound: float
) -> Plan:
    length = float(np.linalg.norm(flow.start))
    readout = SimplexReadout(len(problem.wanted), flow.constant)
    # Errors of the state reach the numbers through the ratio to the constant.
    carried = growth * length * math.hypot(1.0, bound / flow.constant)
    allowed = eps * share * problem.unit
    operator = allowed / (carried * (1.0 + allowed / flow.constant)) / 2.0
    nodes = NODES[kind](float(flow.eigen[0][-1]) * problem.time, operator)
    steps = flow.steps(nodes, operator)
    norm = nodes.norm * length * growth
    q, m = flow.n_qubits, nodes.n_qubits
    frames = (2**q - 1) * 2 ** (q - 1)
    worst = np.zeros(len(problem.wanted))
    worst[0] = bound
    spread = float(np.linalg.norm(readout.covariance(norm, 1.0, worst), 2))
    quantile = float(chi2.ppf(1.0 - FAILURE, len(problem.wanted)))
    success = max(0.0, (flow.constant - allowed) / norm) ** 2
    shots = max(quantile * spread / (eps * (1.0 - share) * problem.unit) ** 2, _READABLE / success)
    two_qubit = 2**q + 3 * 2**m + steps * m * 2**q + steps * frames
    return Plan(
        solver="lchs",
        problem=problem,
        queries=steps,
        resources=Resources(
            qubits=q + m,
            two_qubit=two_qubit,
            rotations=two_qubit + 2 * m + steps,
            t_gates=rotation_t_count(two_qubit + 2 * m + steps, SYNTHESIS),
            success_probability=success,
            shots=math.ceil(shots),
        ),
        error_budget=ErrorBudget(discretisation=eps * share, shots=eps * (1.0 - share)),
        scale=norm,
        readout=NormedReadout(readout, norm),
        build=lambda: _circuit(flow, nodes, steps, readout),
        branch=lambda: _branch(flow, nodes, steps, readout),
        parameters={
            "nodes": kind,
            "proven": "yes" if nodes.proven else "on scalars only",
            "number": nodes.weights.size,
            "largest k": float(nodes.k[-1]),
            "norm": nodes.norm,
            "steps": steps,
            "growth": flow.growth,
        },
    )


def _pieces(flow: Flow, steps: int, readout: SimplexReadout) -> tuple[RealArray, RealArray, RealArray]:
    """Start in the eigenframe of the loss, the turn between two steps, and the turn to the read-out's frame."""
    tau, vectors = flow.problem.time / steps, flow.eigen[1]
    half = expm(flow.skew * tau / 2)
    frame = np.kron(np.eye(2 ** (flow.n_qubits - readout.n_qubits)), readout.frame)
    return vectors.T @ half @ flow.start, vectors.T @ half @ half @ vectors, frame @ half @ vectors


def _branch(flow: Flow, nodes: Nodes, steps: int, readout: SimplexReadout) -> ComplexArray:
    start, turn, last = _pieces(flow, steps, readout)
    phases = np.exp(-1j * np.outer(nodes.k, flow.eigen[0]) * flow.problem.time / steps)
    states = np.tile(start.astype(np.complex128), (nodes.weights.size, 1)) * phases
    for _ in range(steps - 1):
        states = (states @ turn.T) * phases
    combined = (nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)) @ states
    return np.asarray(last @ combined / (nodes.norm * np.linalg.norm(flow.start)))


def _circuit(flow: Flow, nodes: Nodes, steps: int, readout: SimplexReadout) -> Circuit:
    q, m = flow.n_qubits, nodes.n_qubits
    start, turn, last = _pieces(flow, steps, readout)
    builder = CircuitBuilder("lchs", m + q, q)
    system = range(m, m + q)
    builder.call(prepare_nodes(nodes), range(m))
    builder.call(prepare(start, "start"), system)
    decay = _decay(nodes, flow.eigen[0] * flow.problem.time / steps, q)
    signs = np.ones(2**q)
    for step in range(steps):
        builder.call(decay, range(m + q))
        # Row signs commute with the decay: they join the columns of the next turn.
        block, signs = orthogonal((last if step == steps - 1 else turn) * signs, "turn")
        builder.call(block, system)
    builder.call(undo_nodes(nodes), range(m))
    builder.postselect(range(m))
    builder.measure(system, range(q))
    return builder.build()


def _decay(nodes: Nodes, angles: RealArray, q: int) -> Circuit:
    """exp(-i k angles) for every node at once: k = -(spacing / 2) sum_b 2^b Z_b."""
    m = nodes.n_qubits
    builder = CircuitBuilder("decay", m + q)
    for bit in range(m):
        builder.gate("mux_rz", [*range(m, m + q), m - 1 - bit], -nodes.spacing * 2**bit * angles)
    return builder.build()
