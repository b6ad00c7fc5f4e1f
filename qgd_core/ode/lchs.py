"""Linear combination of Hamiltonian simulations: a flow with loss as a sum of unitary ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.linalg import expm
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.circuit.rotation import orthogonal, rotation_cost, rotation_turns
from qgd_core.errors import ConfigError, nearest
from qgd_core.linear.base import FAILURE, SYNTHESIS, Plan, Resources
from qgd_core.ode.adjoined import Flow, lay_out, most_accepted
from qgd_core.ode.combine import prepare_nodes, undo_nodes
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.marching import READABLE
from qgd_core.ode.nodes import NODES, Nodes
from qgd_core.ode.product import SUBSTEPS, durations
from qgd_core.readout.frame import NormedReadout
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare

_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)


def plan_lchs(
    problem: LinearODE,
    eps: float,
    nodes: str = "low_somma",
    share: float | None = None,
    order: int | None = None,
) -> Plan:
    """Plan dz/dt = A z + b as a combination of unitary flows, each by a product formula, without building a circuit.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; nodes, a name of NODES
    ("low_somma" is proven for every A, "fitted" is the cheapest and measured on scalars only); share, the part
    of eps given to quadrature and product formula, half each; order, 2 (Strang) or 4 (Suzuki); by default both are
    those of least gates times shots.
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
    if order is not None and order not in SUBSTEPS:
        raise ConfigError(f"order is {order}, expected one of {tuple(SUBSTEPS)}.", value=order)
    orders = tuple(SUBSTEPS) if order is None else (order,)
    plans = [
        _plan(problem, flow, eps, nodes, part, formula, growth, bound)
        for part in shares
        for formula in orders
    ]
    return min(plans, key=lambda plan: plan.resources.two_qubit * plan.shots)


def _plan(
    problem: LinearODE,
    flow: Flow,
    eps: float,
    kind: str,
    share: float,
    order: int,
    growth: float,
    bound: float,
) -> Plan:
    length = float(np.linalg.norm(flow.start))
    readout = SimplexReadout(len(problem.wanted), flow.constant)
    # Errors of the state reach the numbers through the ratio to the constant.
    carried = growth * length * math.hypot(1.0, bound / flow.constant)
    allowed = eps * share * problem.unit
    operator = allowed / (carried * (1.0 + allowed / flow.constant)) / 2.0
    nodes = NODES[kind](float(flow.eigen[0][-1]) * problem.time, operator)
    times = durations(problem.time, flow.steps(nodes, operator, order), order)
    steps = len(times)
    norm = nodes.norm * length * growth
    q, m = flow.n_qubits, nodes.n_qubits
    worst = np.zeros(len(problem.wanted))
    worst[0] = bound
    spread = float(np.linalg.norm(readout.covariance(norm, 1.0, worst), 2))
    quantile = float(chi2.ppf(1.0 - FAILURE, len(problem.wanted)))
    success = max(0.0, (flow.constant - allowed) / norm) ** 2
    shots = max(quantile * spread / (eps * (1.0 - share) * problem.unit) ** 2, READABLE / success)
    two_qubit = 2**q + 3 * 2**m + steps * m * 2**q + steps * rotation_cost(q)
    rotations = two_qubit + steps * (rotation_turns(q) - rotation_cost(q) + 1) + 2 * m
    return Plan(
        solver="lchs",
        problem=problem,
        queries=steps,
        resources=Resources(
            qubits=q + m,
            two_qubit=two_qubit,
            rotations=rotations,
            t_gates=rotation_t_count(rotations, SYNTHESIS),
            success_probability=success,
            shots=math.ceil(shots),
        ),
        error_budget=ErrorBudget(discretisation=eps * share, shots=eps * (1.0 - share)),
        scale=norm,
        readout=NormedReadout(readout, norm),
        build=lambda: _circuit(flow, nodes, times, readout),
        branch=lambda: _branch(flow, nodes, times, readout),
        parameters={
            "nodes": kind,
            "proven": "yes" if nodes.proven else "on scalars only",
            "number": nodes.weights.size,
            "largest k": float(nodes.k[-1]),
            "norm": nodes.norm,
            "order": order,
            "steps": steps // len(SUBSTEPS[order]),
            "growth": flow.growth,
            "needed": "eigenvectors of A + A^T and exponentials of A - A^T, n^3",
        },
        most_accepted=most_accepted(flow, growth, bound, norm, nodes.operator_slack * operator),
    )


def _turns(flow: Flow, times: Sequence[float], readout: SimplexReadout) -> tuple[RealArray, list[RealArray]]:
    """Start in the eigenframe of the loss, then what turns after each decay, at last to the read-out's frame."""
    vectors = flow.eigen[1]
    frame = np.kron(np.eye(2 ** (flow.n_qubits - readout.n_qubits)), readout.frame)
    known = {
        time: expm(flow.skew * time)
        for time in {(a + b) / 2 for a, b in pairwise(times)} | {times[0] / 2, times[-1] / 2}
    }
    between = [vectors.T @ known[(a + b) / 2] @ vectors for a, b in pairwise(times)]
    return vectors.T @ known[times[0] / 2] @ flow.start, [*between, frame @ known[times[-1] / 2] @ vectors]


def _branch(flow: Flow, nodes: Nodes, times: Sequence[float], readout: SimplexReadout) -> ComplexArray:
    start, turns = _turns(flow, times, readout)
    decays = {time: np.exp(-1j * np.outer(nodes.k, flow.eigen[0]) * time) for time in set(times)}
    states = np.tile(start.astype(np.complex128), (nodes.weights.size, 1))
    for time, turn in zip(times, turns, strict=True):
        states = (states * decays[time]) @ turn.T
    combined = (nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)) @ states
    return np.asarray(combined / (nodes.norm * np.linalg.norm(flow.start)))


def _circuit(flow: Flow, nodes: Nodes, times: Sequence[float], readout: SimplexReadout) -> Circuit:
    q, m = flow.n_qubits, nodes.n_qubits
    start, turns = _turns(flow, times, readout)
    builder = CircuitBuilder("lchs", m + q, q)
    system = range(m, m + q)
    builder.call(prepare_nodes(nodes), range(m))
    builder.call(prepare(start, "start"), system)
    decays = {time: _decay(nodes, flow.eigen[0] * time, q) for time in set(times)}
    sign = 1.0
    for time, turn in zip(times, turns, strict=True):
        builder.call(decays[time], range(m + q))
        # A row's sign commutes with the decay: it joins the column of the next turn.
        block, sign = orthogonal(turn * np.append(np.ones(2**q - 1), sign), "turn")
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
