"""A combination of unitary flows by a product formula over Pauli strings, from the entries alone."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.errors import ConfigError, PrecisionUnreachable, nearest
from qgd_core.linear.base import FAILURE, SYNTHESIS, Plan, Resources
from qgd_core.ode.adjoined import Flow, lay_out, most_accepted
from qgd_core.ode.combine import prepare_nodes, prepare_nodes_cost, undo_nodes
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.marching import READABLE
from qgd_core.ode.masks import PauliFormula, split_masks
from qgd_core.ode.nodes import NODES, Nodes
from qgd_core.ode.product import SUBSTEPS
from qgd_core.readout.frame import NormedReadout
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare

_SHARE = 0.2
# Nested commutators that are worked out for a bound.
_MOST_WORDS = 4_000


def plan_pauli_lchs(
    problem: LinearODE, eps: float, nodes: str = "low_somma", order: int | None = None
) -> Plan:
    """Plan dz/dt = A z + b as a combination of unitary flows, each by a product of Pauli strings' exponentials.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; nodes, a name of NODES; order, 2
    or 4, by default the one of fewest gates whose commutators are few enough to work out.
    Result: a plan whose discretisation share, a fifth of eps, holds quadrature and formula, half each; the formula's
    steps follow from nested commutators of its terms, no eigenvectors are needed. Strings with the same X part and
    the same symmetry commute and form one term, a multiplexed rotation.
    Raises: as `plan_lchs`; PrecisionUnreachable when the terms are too many for their commutators.
    Source: An, Liu, Lin, arXiv:2303.01029; Childs et al., arXiv:1912.08854, for the bound.
    """
    if nodes not in NODES:
        raise ConfigError(f"Unknown nodes {nodes!r}.", subject=nodes, remedy=nearest(nodes, NODES))
    flow, growth, bound = lay_out(problem, eps)
    length = float(np.linalg.norm(flow.start))
    allowed = eps * _SHARE * problem.unit
    operator = allowed / (growth * length * math.hypot(1.0, bound / flow.constant))
    operator /= 2.0 * (1.0 + allowed / flow.constant)
    chosen = NODES[nodes](float(np.abs(flow.loss).sum(axis=1).max()) * problem.time, operator)
    diagonal, masks = split_masks(sp.csr_array(flow.skew - flow.loss))
    letters = 1 + 2 * len(masks)
    formulas = []
    for formula_order in SUBSTEPS if order is None else (order,):
        if letters ** (formula_order + 1) > _MOST_WORDS:
            continue
        one = PauliFormula(diagonal, masks, problem.time, 1, formula_order)
        each = float(np.abs(chosen.weights) @ one.bound().error(chosen.k, problem.time, 1))
        steps = max(1, math.ceil(math.pow(each / operator, 1.0 / formula_order)))
        formulas.append(PauliFormula(diagonal, masks, problem.time, steps, formula_order))
    if not formulas:
        raise PrecisionUnreachable(
            f"{letters} terms have too many nested commutators to bound them.",
            subject=problem,
            value=letters,
            remedy="Use lchs, whose formula has two terms.",
        )
    best = min(formulas, key=lambda formula: formula.two_qubit(chosen.n_qubits))
    norm = chosen.norm * length * growth
    most = most_accepted(flow, growth, bound, norm, chosen.operator_slack * operator)
    return _plan(problem, flow, chosen, best, eps, nodes, norm, bound, allowed, most)


def _plan(
    problem: LinearODE,
    flow: Flow,
    nodes: Nodes,
    formula: PauliFormula,
    eps: float,
    kind: str,
    norm: float,
    bound: float,
    allowed: float,
    most: float,
) -> Plan:
    readout = SimplexReadout(len(problem.wanted), flow.constant)
    worst = np.zeros(len(problem.wanted))
    worst[0] = bound
    spread = float(np.linalg.norm(readout.covariance(norm, 1.0, worst), 2))
    quantile = float(chi2.ppf(1.0 - FAILURE, len(problem.wanted)))
    success = max(0.0, (flow.constant - allowed) / norm) ** 2
    shots = max(quantile * spread / (eps * (1.0 - _SHARE) * problem.unit) ** 2, READABLE / success)
    q, m = flow.n_qubits, nodes.n_qubits
    fixed = prepare_nodes_cost(m) + 2**q - 2 + readout.two_qubit
    rotations = fixed + formula.rotations(m) + 4 * m + 2 + readout.rotations
    return Plan(
        solver="pauli_lchs",
        problem=problem,
        queries=formula.stages * len(SUBSTEPS[formula.order]),
        resources=Resources(
            qubits=q + m,
            two_qubit=fixed + formula.two_qubit(m),
            rotations=rotations,
            t_gates=rotation_t_count(rotations, SYNTHESIS),
            success_probability=success,
            shots=math.ceil(shots),
        ),
        error_budget=ErrorBudget(discretisation=eps * _SHARE, shots=eps * (1.0 - _SHARE)),
        scale=norm,
        readout=NormedReadout(readout, norm),
        build=lambda: _circuit(flow, nodes, formula, readout),
        branch=lambda: _branch(flow, nodes, formula, readout),
        parameters={
            "nodes": kind,
            "proven": "yes" if nodes.proven else "on scalars only",
            "number": nodes.weights.size,
            "norm": nodes.norm,
            "masks": len(formula.masks),
            "order": formula.order,
            "steps": formula.stages,
            "growth": flow.growth,
            "needed": "eigenvalues of A + A^T, n^3; norms of nested commutators, n^3 each",
        },
        most_accepted=most,
    )


def _branch(flow: Flow, nodes: Nodes, formula: PauliFormula, readout: SimplexReadout) -> ComplexArray:
    start = flow.start / (nodes.norm * np.linalg.norm(flow.start))
    states = formula.evolve(np.tile(start.astype(np.complex128), (nodes.weights.size, 1)), nodes.k)
    combined = (nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)) @ states
    frame = readout.frame
    return np.asarray((combined.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1))


def _circuit(flow: Flow, nodes: Nodes, formula: PauliFormula, readout: SimplexReadout) -> Circuit:
    q, m = flow.n_qubits, nodes.n_qubits
    builder = CircuitBuilder("pauli_lchs", m + q, q)
    system = range(m, m + q)
    builder.call(prepare_nodes(nodes), range(m))
    builder.call(prepare(flow.start, "start"), system)
    builder.call(formula.circuit(nodes), range(m + q))
    builder.call(undo_nodes(nodes), range(m))
    builder.postselect(range(m))
    builder.call(readout.circuit(), system[q - readout.n_qubits :])
    builder.measure(system, range(q))
    return builder.build()
