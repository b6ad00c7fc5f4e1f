"""A combination of unitary flows by a product formula over Pauli strings, from the entries alone."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.base import Plan
from qgd_core.ode.combination import Combination
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.masks import PauliFormula
from qgd_core.ode.nodes import Nodes
from qgd_core.ode.pairs import bound_by_sizes, split_pairs
from qgd_core.ode.product import SUBSTEPS, CommutatorBound

# Nested commutators that are worked out for a bound.
_MOST_WORDS = 4_000
# Amplitudes of several nodes that are evolved at once.
_TOGETHER = 1 << 15


def plan_pauli_lchs(
    problem: LinearODE,
    eps: float,
    nodes: str = "low_somma",
    order: int | None = None,
    share: float | None = None,
) -> Plan:
    """Plan dz/dt = A z + b as a combination of unitary flows, each by a product of Pauli strings' exponentials.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; nodes, a name of NODES; order, 2
    or 4, by default the one of fewest gates times shots whose commutators are few enough to work out; share, the part of
    eps given to quadrature and formula, half each, by default each its own part of least gates times shots.
    Result: a plan whose discretisation share holds quadrature and formula; the formula's steps follow from nested
    commutators of its terms, no eigenvectors are needed. Where these are too many and the masks few for the size, as
    those of a band, its second order is bounded by the sizes of its terms. Strings with the same X part and the same
    symmetry commute and form one term, a multiplexed rotation.
    Raises: as `plan_lchs`; PrecisionUnreachable when the terms are too many for their commutators.
    Source: An, Liu, Lin, arXiv:2303.01029; Childs et al., arXiv:1912.08854, for the bound.
    """
    given = Combination.of(problem, eps, nodes)
    flow = given.flow
    if order is not None and order not in SUBSTEPS:
        raise ConfigError(f"order is {order}, expected one of {tuple(SUBSTEPS)}.", value=order)
    diagonal, masks = split_pairs(sp.csr_array(flow.skew - flow.loss))
    letters = 1 + 2 * len(masks)
    orders = [p for p in (SUBSTEPS if order is None else (order,)) if letters ** (p + 1) <= _MOST_WORDS]
    once: list[tuple[PauliFormula, CommutatorBound]] = []
    if orders and not flow.is_large:
        whole = tuple(mask.whole() for mask in masks)
        strings = [PauliFormula(diagonal, whole, problem.time, 1, p) for p in orders]
        once = [(one, one.bound()) for one in strings]
    elif order in (None, 2) and len(masks) <= 2 * flow.n_qubits:
        once = [(PauliFormula(diagonal, masks, problem.time, 1, 2), bound_by_sizes(diagonal, masks))]
    if not once:
        raise PrecisionUnreachable(
            f"{letters} terms have too many nested commutators to bound them.",
            subject=problem,
            remedy="Use lchs, whose formula has two terms.",
        )
    plans = [_plan(given, one, bound, share) for one, bound in once]
    return min(plans, key=lambda plan: plan.resources.two_qubit * plan.shots)


def _plan(given: Combination, once: PauliFormula, commutators: CommutatorBound, share: float | None) -> Plan:
    """The plan of the formula of one order, of which `once` is a single step, of the error that is bounded."""
    flow, eps, order = given.flow, given.eps, once.order
    largest = float(abs(flow.loss).sum(axis=1).max()) * once.time

    def formula(steps: int) -> PauliFormula:
        return PauliFormula(once.diagonal, once.masks, once.time, steps, order)

    def steps(nodes: Nodes, error: float) -> int:
        each = float(np.abs(nodes.weights) @ commutators.error(nodes.k, once.time, 1))
        return max(1, math.ceil(math.pow(each / error, 1.0 / order)))

    def gates(nodes: Nodes, error: float) -> float:
        first, second = (formula(few).two_qubit(nodes.n_qubits) for few in (1, 2))
        return first + (steps(nodes, error) - 1.0) * (second - first)

    shares = given.split(largest, gates, share)
    nodes = given.nodes(largest, shares)
    chosen = formula(steps(nodes, given.operator(shares.evolution, shares)))
    m, readout = nodes.n_qubits, given.readout
    return given.plan(
        "pauli_lchs",
        nodes,
        shares,
        ErrorBudget(discretisation=eps * shares.used, shots=eps * (1.0 - shares.used)),
        (
            chosen.stages * len(SUBSTEPS[order]),
            flow.n_qubits + m,
            chosen.two_qubit(m) + readout.two_qubit,
            chosen.rotations(m) + readout.rotations,
        ),
        build=lambda: given.circuit("pauli_lchs", nodes, chosen.circuit(nodes)),
        branch=lambda: given.branch_by_node(
            nodes, lambda k: _evolve(given, chosen, k), max(1, _TOGETHER // given.flow.start.size)
        ),
        parameters={
            "masks": len(chosen.masks),
            "order": order,
            "steps": chosen.stages,
            "needed": "row and column sums; sizes of its terms"
            if flow.is_large
            else "eigenvalues of A + A^T, n^3; norms of nested commutators, n^3 each",
        },
    )


def _evolve(given: Combination, formula: PauliFormula, k: RealArray) -> ComplexArray:
    """The start, evolved at each node."""
    states = np.repeat(given.flow.start.astype(np.complex128)[np.newaxis], k.size, axis=0)
    return formula.evolve(states, k)
