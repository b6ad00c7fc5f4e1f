"""Linear combination of Hamiltonian simulations: a flow with loss as a sum of unitary ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from scipy.linalg import expm

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.rotation import orthogonal, rotation_cost, rotation_turns
from qgd_core.errors import ConfigError
from qgd_core.linear.base import Plan
from qgd_core.linear.classical import upper_norm
from qgd_core.ode.adjoined import Flow
from qgd_core.ode.combination import Combination
from qgd_core.ode.combine import prepare_nodes, prepare_nodes_cost, undo_nodes
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.nodes import Nodes
from qgd_core.ode.product import SUBSTEPS, durations
from qgd_core.ode.turned import decay, decays, turn
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare


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
    of eps given to quadrature and product formula, half each, by default each its own part of least gates times shots;
    order, 2 (Strang) or 4 (Suzuki), by default the cheaper one.
    Result: a plan whose discretisation error is below its share (the quadrature's by its bound, the product
    formula's by commutators, or measured on small matrices from r against 2 r steps), and whose shots keep the
    sampling error below the rest with probability 1 - 1e-4. It costs an eigendecomposition of A + A^T, n^3.
    Raises: NotDissipative when the growth of A costs more than 1e6 in success; PrecisionUnreachable when the
    quadrature is out of reach; ConfigError for unknown nodes.
    Source: An, Liu, Lin, arXiv:2303.01029; the default kernel is that of Low, Somma, arXiv:2508.19238. The
    constant coordinate carries source, sign and scale; nodes in binary make the evolutions multiplexed rotations.
    """
    if order is not None and order not in SUBSTEPS:
        raise ConfigError(f"order is {order}, expected one of {tuple(SUBSTEPS)}.", value=order)
    given = Combination.of(problem, eps, nodes)
    orders = tuple(SUBSTEPS) if order is None else (order,)
    plans = [_plan(given, formula, share) for formula in orders]
    return min(plans, key=lambda plan: plan.resources.two_qubit * plan.shots)


def _plan(given: Combination, order: int, share: float | None) -> Plan:
    """The plan of the formula of one order."""
    flow, eps, time, readout = given.flow, given.eps, given.problem.time, given.readout
    largest, q = flow.largest * time, flow.n_qubits
    parts = len(SUBSTEPS[order])
    trusted = 1.0

    def gates(nodes: Nodes, error: float) -> float:
        constant = trusted * flow.constant_of(nodes, order)
        steps = parts * max(1, math.ceil(math.pow(constant / error, 1.0 / order)))
        once = nodes.n_qubits * 2**q + rotation_cost(q)
        return float(prepare_nodes_cost(nodes.n_qubits) + 2**q + steps * once)

    shares = given.split(largest, gates, share)
    nodes = given.nodes(largest, shares)
    if share is None:
        # Where the formula is measured, it errs less than by commutators: how much less is seen once.
        error = given.operator(shares.evolution, shares)
        trusted = flow.trust(nodes, flow.steps(nodes, error, order), order)
        shares = given.split(largest, gates)
        nodes = given.nodes(largest, shares)
    steps = flow.steps(nodes, given.operator(shares.evolution, shares), order)
    times = durations(time, steps, order)
    turns = len(times) * (nodes.n_qubits * 2**q + rotation_cost(q))
    return given.plan(
        "lchs",
        nodes,
        shares,
        ErrorBudget(discretisation=eps * shares.used, shots=eps * (1.0 - shares.used)),
        (
            len(times),
            q + nodes.n_qubits,
            turns,
            turns + len(times) * (rotation_turns(q) - rotation_cost(q) + 1),
        ),
        build=lambda: _circuit(flow, nodes, times, readout),
        branch=lambda: _branch(flow, nodes, times, readout),
        parameters={
            "largest k": float(nodes.k[-1]),
            "order": order,
            "steps": steps,
            "needed": "row and column sums"
            if flow.is_large
            else "eigenvectors of A + A^T and exponentials of A - A^T, n^3",
        },
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
    if flow.is_large:
        return _large_branch(flow, nodes, times, readout)
    start, turns = _turns(flow, times, readout)
    decays = {time: np.exp(-1j * np.outer(nodes.k, flow.eigen[0]) * time) for time in set(times)}
    states = np.tile(start.astype(np.complex128), (nodes.weights.size, 1))
    for time, turned in zip(times, turns, strict=True):
        states = (states * decays[time]) @ turned.T
    combined = (nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)) @ states
    return np.asarray(combined / (nodes.norm * np.linalg.norm(flow.start)))


def _large_branch(flow: Flow, nodes: Nodes, times: Sequence[float], readout: SimplexReadout) -> ComplexArray:
    """The same by sparse products: all nodes at once where each decays once, else one after the other.

    Of nodes that mirror each other one half is followed.
    """
    loss, skew, largest, fastest = flow.loss, flow.skew, flow.largest, upper_norm(sp.csr_array(flow.skew))
    weights = nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)
    start = turn(skew, fastest, times[0] / 2, flow.start)
    if len(times) == 1:
        total = decays(loss, largest, nodes.k * times[0], weights, start)
    else:
        mirrored = np.allclose(nodes.k, -nodes.k[::-1]) and np.allclose(weights, np.conj(weights[::-1]))
        total = np.zeros(start.size, dtype=np.complex128)
        for k, weight in zip(nodes.k.tolist(), weights.tolist(), strict=True):
            if mirrored and k < 0.0:
                continue
            state = decay(loss, largest, k * times[0], start)
            for before, time in pairwise(times):
                state = decay(loss, largest, k * time, turn(skew, fastest, (before + time) / 2, state))
            part = weight * state
            total += 2.0 * part.real if mirrored and k > 0.0 else part
    total = turn(skew, fastest, times[-1] / 2, total / (nodes.norm * np.linalg.norm(flow.start)))
    frame = readout.frame
    return np.asarray((total.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1), dtype=np.complex128)


def _circuit(flow: Flow, nodes: Nodes, times: Sequence[float], readout: SimplexReadout) -> Circuit:
    q, m = flow.n_qubits, nodes.n_qubits
    start, turns = _turns(flow, times, readout)
    builder = CircuitBuilder("lchs", m + q, q)
    system = range(m, m + q)
    builder.call(prepare_nodes(nodes), range(m))
    builder.call(prepare(start, "start"), system)
    decays = {time: _decay(nodes, flow.eigen[0] * time, q) for time in set(times)}
    sign = 1.0
    for time, turned in zip(times, turns, strict=True):
        builder.call(decays[time], range(m + q))
        # A row's sign commutes with the decay: it joins the column of the next turn.
        block, sign = orthogonal(turned * np.append(np.ones(2**q - 1), sign), "turn")
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
