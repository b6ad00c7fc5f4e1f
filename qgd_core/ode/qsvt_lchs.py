"""A combination of unitary flows whose evolution is a polynomial of one block encoding, nodes included."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.encodings.algebra import combine, kron
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.choose import block_encode
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import FAILURE, SYNTHESIS, Plan, Resources
from qgd_core.ode.adjoined import Flow, lay_out, most_accepted
from qgd_core.ode.combine import prepare_nodes, prepare_nodes_cost, undo_nodes
from qgd_core.ode.evolve import encode_evolution, evolved, series, workspace
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.marching import READABLE
from qgd_core.ode.nodes import NODES, Nodes
from qgd_core.readout.frame import NormedReadout
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare

_SHARE = 0.2
# The whole generator, nodes included, is assembled on so many qubits at most.
_MOST_QUBITS = 12


@dataclass(frozen=True, eq=False)
class _Generators:
    """Every node's Hermitian generator k L + H, applied to states (2^q, nodes)."""

    flow: Flow
    nodes: Nodes
    alpha: float

    def __matmul__(self, states: ComplexArray) -> ComplexArray:
        """(k L + H) / alpha, node by node."""
        lost = self.nodes.k * (self.flow.loss @ states)
        return np.asarray((lost + 1j * (self.flow.skew @ states)) / self.alpha)


def plan_qsvt_lchs(problem: LinearODE, eps: float, nodes: str = "fitted") -> Plan:
    """Plan dz/dt = A z + b as a combination of unitary flows, all evolved by one polynomial of one block encoding.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; nodes, a name of NODES.
    Result: a plan whose discretisation share holds the quadrature and whose polynomial share the Jacobi-Anger series,
    a tenth of eps each. Queries are the degree, about T (K |L| + |H|) + log(1 / eps). The query's encoding is
    built for its counts, nothing else is.
    Raises: as `plan_lchs`; PrecisionUnreachable past 12 qubits of nodes and coordinates.
    Source: An, Liu, Lin, arXiv:2303.01029; Gilyen et al., arXiv:1806.01838, theorem 58, for the evolution.
    """
    flow, growth, bound = lay_out(problem, eps)
    length = float(np.linalg.norm(flow.start))
    readout = SimplexReadout(len(problem.wanted), flow.constant)
    allowed = eps * _SHARE * problem.unit
    operator = allowed / (growth * length * math.hypot(1.0, bound / flow.constant))
    operator /= 2.0 * (1.0 + allowed / flow.constant)
    chosen = NODES[nodes](float(flow.eigen[0][-1]) * problem.time, operator)
    q, m = flow.n_qubits, chosen.n_qubits
    if q + m > _MOST_QUBITS:
        raise PrecisionUnreachable(
            f"The generator with its nodes takes {q + m} qubits, more than {_MOST_QUBITS}.",
            subject=problem,
            value=q + m,
            remedy="Use the product formula.",
        )
    query = _query(flow, chosen)
    evolution = encode_evolution(query, problem.time, operator / chosen.norm)
    even, odd = series(query.alpha * problem.time, operator / chosen.norm)
    norm = chosen.norm * length * growth * evolution.alpha
    worst = np.zeros(len(problem.wanted))
    worst[0] = bound
    spread = float(np.linalg.norm(readout.covariance(norm, 1.0, worst), 2))
    quantile = float(chi2.ppf(1.0 - FAILURE, len(problem.wanted)))
    success = max(0.0, (flow.constant - allowed) / norm) ** 2
    shots = max(quantile * spread / (eps * (1.0 - _SHARE) * problem.unit) ** 2, READABLE / success)
    fixed = prepare_nodes_cost(m) + 2**q - 2 + readout.two_qubit
    rotations = evolution.rotations + fixed + 4 * m + 2 + readout.rotations
    return Plan(
        solver="qsvt_lchs",
        problem=problem,
        queries=max(even.degree, odd.degree),
        resources=Resources(
            qubits=q + m + evolution.n_ancilla + workspace(query),
            two_qubit=evolution.two_qubit + fixed,
            rotations=rotations,
            t_gates=rotation_t_count(rotations, SYNTHESIS),
            success_probability=success,
            shots=math.ceil(shots),
        ),
        error_budget=ErrorBudget(
            discretisation=eps * _SHARE / 2, polynomial=eps * _SHARE / 2, shots=eps * (1.0 - _SHARE)
        ),
        scale=norm,
        readout=NormedReadout(readout, norm),
        build=lambda: _circuit(flow, chosen, evolution, readout),
        branch=lambda: _branch(flow, chosen, query, operator, readout),
        parameters={
            "nodes": nodes,
            "proven": "yes" if chosen.proven else "on scalars only",
            "number": chosen.weights.size,
            "norm": chosen.norm,
            "encoding": query.method,
            "alpha": query.alpha,
            "growth": flow.growth,
            "needed": "eigenvalues of A + A^T, n^3; the generator of all nodes, its entries",
        },
        most_accepted=most_accepted(flow, growth, bound, norm, chosen.operator_slack * operator),
    )


def _query(flow: Flow, nodes: Nodes) -> BlockEncoding:
    """k (x) L + 1 (x) H on [nodes, coordinates], parts that are zero left out."""
    k = block_encode(sp.diags_array(nodes.k, format="csr"))
    parts = []
    if np.any(flow.loss):
        parts.append(kron(k, block_encode(flow.loss)))
    if np.any(flow.skew):
        still = block_encode(sp.eye_array(nodes.k.size, format="csr"))
        parts.append(kron(still, block_encode(1j * flow.skew)))
    return combine(parts, [1.0] * len(parts)) if len(parts) > 1 else parts[0]


def _branch(
    flow: Flow, nodes: Nodes, query: BlockEncoding, operator: float, readout: SimplexReadout
) -> ComplexArray:
    even, odd = series(query.alpha * flow.problem.time, operator / nodes.norm)
    start = np.repeat(flow.start[:, np.newaxis].astype(np.complex128), nodes.k.size, axis=1)
    states = evolved(_Generators(flow, nodes, query.alpha), even, odd, start) / 2.0
    weights = nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)
    combined = states @ weights / (nodes.norm * np.linalg.norm(flow.start))
    frame = readout.frame
    return np.asarray((combined.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1))


def _circuit(flow: Flow, nodes: Nodes, evolution: BlockEncoding, readout: SimplexReadout) -> Circuit:
    q, m, a = flow.n_qubits, nodes.n_qubits, evolution.n_ancilla
    builder = CircuitBuilder("qsvt_lchs", a + m + q, q)
    register, system = range(a, a + m), range(a + m, a + m + q)
    builder.call(prepare_nodes(nodes), register)
    builder.call(prepare(flow.start, "start"), system)
    builder.call(evolution.circuit(), range(a + m + q))
    builder.call(undo_nodes(nodes), register)
    builder.postselect([*range(a - evolution.restored), *register])
    builder.call(readout.circuit(), system[q - readout.n_qubits :])
    builder.measure(system, range(q))
    return builder.build()
