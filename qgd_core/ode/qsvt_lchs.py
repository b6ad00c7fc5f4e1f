"""A combination of unitary flows whose evolution is a polynomial of one block encoding, nodes included."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit
from qgd_core.encodings.algebra import combine, kron
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.choose import block_encode
from qgd_core.errors import ConfigError
from qgd_core.linear.base import Plan
from qgd_core.ode.adjoined import Flow
from qgd_core.ode.combination import Combination
from qgd_core.ode.evolve import Bounds, bound_evolution, encode_evolution, evolved, series, workspace
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.nodes import Nodes
from qgd_core.ode.turned import multiply

# Qubits of nodes and coordinates up to which the generators of all nodes are assembled, and their circuits counted.
_ASSEMBLED = 12


@dataclass(frozen=True, eq=False)
class _Generator:
    """A node's Hermitian generator k L + H over alpha."""

    flow: Flow
    k: float
    alpha: float

    def __matmul__(self, state: ComplexArray) -> ComplexArray:
        """Applied to a state (2^q,)."""
        lost, turned = multiply(self.flow.loss, state), multiply(self.flow.skew, state)
        lost *= self.k / self.alpha
        turned *= 1j / self.alpha
        lost += turned
        return np.asarray(lost)


def plan_qsvt_lchs(problem: LinearODE, eps: float, nodes: str = "fitted", share: float | None = None) -> Plan:
    """Plan dz/dt = A z + b as a combination of unitary flows, all evolved by one polynomial of one block encoding.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; nodes, a name of NODES; share, the part
    of eps given to quadrature and polynomial, half each, by default each its own part of least calls times shots.
    Result: a plan whose discretisation share holds the quadrature and whose polynomial share the Jacobi-Anger series.
    Queries are the degree, about T (K |L| + |H|) + log(1 / eps). Up to 12 qubits of nodes and coordinates the query's
    encoding is built for its counts, and beyond them its gates are bounded by those of its parts; nothing else is built.
    Raises: as `plan_lchs`.
    Source: An, Liu, Lin, arXiv:2303.01029; Gilyen et al., arXiv:1806.01838, theorem 58, for the evolution.
    """
    given = Combination.of(problem, eps, nodes)
    flow, time = given.flow, problem.time
    largest = flow.largest * time
    parts = _Parts.of(flow)
    shares = given.split(largest, lambda chosen, error: parts.calls(chosen, error, time), share)
    chosen = given.nodes(largest, shares)
    q, m = flow.n_qubits, chosen.n_qubits
    error = given.operator(shares.evolution, shares) / chosen.norm
    small = q + m <= _ASSEMBLED
    query = parts.query(chosen) if small else parts.bound_query(chosen)
    figures = _figures(query, time, error) if small else bound_evolution(query, time, error)
    even, odd = series(query.alpha * time, error)

    def build() -> Circuit:
        evolution = encode_evolution(parts.query(chosen), time, error)
        return given.circuit(
            "qsvt_lchs", chosen, evolution.circuit(), evolution.n_ancilla, evolution.restored
        )

    def branch() -> ComplexArray:
        def evolve(k: RealArray) -> ComplexArray:
            start = flow.start.astype(np.complex128)
            return evolved(_Generator(flow, k.item(), query.alpha), even, odd, start)[np.newaxis] / 2.0

        return given.branch_by_node(chosen, evolve)

    return given.plan(
        "qsvt_lchs",
        chosen,
        shares,
        ErrorBudget(
            discretisation=eps * shares.quadrature,
            polynomial=eps * shares.evolution,
            shots=eps * (1.0 - shares.used),
        ),
        (
            max(even.degree, odd.degree),
            q + m + figures.n_ancilla + figures.spare,
            figures.two_qubit + given.readout.two_qubit,
            figures.rotations + given.readout.rotations,
        ),
        build=build,
        branch=branch,
        parameters={
            "encoding": query.method,
            "alpha": query.alpha,
            "needed": ("row and column sums" if flow.is_large else "eigenvalues of A + A^T, n^3")
            + ("; the generator of all nodes, its entries" if small else "; the entries of A"),
        },
        alpha=figures.alpha,
    )


def _figures(query: BlockEncoding, time: float, error: float) -> Bounds:
    """Counted on the circuits."""
    made = encode_evolution(query, time, error)
    return Bounds(made.alpha, made.n_ancilla, made.two_qubit, made.rotations, workspace(query))


@dataclass(frozen=True, eq=False)
class _Parts:
    """Encodings of L and H, None where they are zero."""

    loss: BlockEncoding | None
    skew: BlockEncoding | None

    @classmethod
    def of(cls, flow: Flow) -> _Parts:
        """Encode both; ConfigError where both are zero."""
        loss, skew = (abs(part).max() > 0 for part in (flow.loss, flow.skew))
        if not (loss or skew):
            raise ConfigError("A and b are zero: the answer is the start.", subject=flow.problem)
        return cls(block_encode(flow.loss) if loss else None, block_encode(1j * flow.skew) if skew else None)

    def query(self, nodes: Nodes) -> BlockEncoding:
        """k (x) L + 1 (x) H on [nodes, coordinates]."""
        parts = []
        if self.loss is not None:
            parts.append(kron(block_encode(sp.diags_array(nodes.k, format="csr")), self.loss))
        if self.skew is not None:
            parts.append(kron(block_encode(sp.eye_array(nodes.k.size, format="csr")), self.skew))
        return combine(parts, [1.0] * len(parts)) if len(parts) > 1 else parts[0]

    def bound_query(self, nodes: Nodes) -> BlockEncoding:
        """What `query` would be by its figures: products of encodings, added under a label each."""
        size = nodes.k.size
        factors = [
            (block_encode(sp.diags_array(values, format="csr")), part)
            for values, part in ((nodes.k, self.loss), (np.ones(size), self.skew))
            if part is not None
        ]
        terms = [
            left.derived(
                method="kron",
                alpha=left.alpha * right.alpha,
                n_system=left.n_system + right.n_system,
                n_ancilla=left.n_ancilla + right.n_ancilla,
                two_qubit=left.two_qubit + right.two_qubit,
                rotations=left.rotations + right.rotations,
                restored=left.restored + right.restored,
                target=None,
                build=lambda: self.query(nodes).circuit(),
            )
            for left, right in factors
        ]
        if len(terms) == 1:
            return terms[0]
        costs, widest = [term.gated_cost() for term in terms], max(term.n_ancilla for term in terms)
        return terms[0].derived(
            method="sum",
            alpha=sum(term.alpha for term in terms),
            n_ancilla=1 + widest,
            two_qubit=sum(two_qubit for two_qubit, _ in costs),
            rotations=2 + sum(rotations for _, rotations in costs),
            restored=widest - max(term.n_projected for term in terms),
        )

    def calls(self, nodes: Nodes, error: float, time: float) -> float:
        """About what the evolution takes: degree of the series times gates of a query."""
        sizes = [(float(nodes.k[-1]), self.loss), (1.0, self.skew)]
        alpha = time * sum(size * part.alpha for size, part in sizes if part is not None)
        digits = math.log(max(math.e, nodes.norm / error))
        degree = alpha + digits / math.log(math.e + digits / max(alpha, 1e-300))
        return degree * (nodes.k.size + sum(part.two_qubit for _, part in sizes if part is not None))
