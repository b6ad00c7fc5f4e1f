"""A combination of unitary flows whose evolution is a polynomial of one block encoding, nodes included."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray
from qgd_core.budget import ErrorBudget
from qgd_core.encodings.algebra import combine, kron
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.choose import block_encode
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.base import Plan
from qgd_core.ode.adjoined import Flow
from qgd_core.ode.combination import Combination
from qgd_core.ode.evolve import encode_evolution, evolved, series, workspace
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.nodes import Nodes

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


def plan_qsvt_lchs(problem: LinearODE, eps: float, nodes: str = "fitted", share: float | None = None) -> Plan:
    """Plan dz/dt = A z + b as a combination of unitary flows, all evolved by one polynomial of one block encoding.

    Arguments: problem; eps, 2-norm error of z(T)[wanted] relative to problem.unit; nodes, a name of NODES; share, the part
    of eps given to quadrature and polynomial, half each, by default each its own part of least calls times shots.
    Result: a plan whose discretisation share holds the quadrature and whose polynomial share the Jacobi-Anger series.
    Queries are the degree, about T (K |L| + |H|) + log(1 / eps). The query's encoding is
    built for its counts, nothing else is.
    Raises: as `plan_lchs`; PrecisionUnreachable past 12 qubits of nodes and coordinates.
    Source: An, Liu, Lin, arXiv:2303.01029; Gilyen et al., arXiv:1806.01838, theorem 58, for the evolution.
    """
    given = Combination.of(problem, eps, nodes, _MOST_QUBITS)
    flow = given.flow
    if given.room < 1:
        raise PrecisionUnreachable(
            f"The coordinates take {flow.n_qubits} qubits, and with the nodes more than {_MOST_QUBITS}: all of their"
            " generators are assembled as one matrix.",
            subject=problem,
            remedy="Use lchs, whose product formula takes A as it is.",
        )
    largest = flow.largest * problem.time
    parts = _Parts.of(flow)
    shares = given.split(largest, lambda chosen, error: parts.calls(chosen, error, problem.time), share)
    chosen = given.nodes(largest, shares)
    q, m = flow.n_qubits, chosen.n_qubits
    error = given.operator(shares.evolution, shares) / chosen.norm
    query = parts.query(chosen)
    evolution = encode_evolution(query, problem.time, error)
    even, odd = series(query.alpha * problem.time, error)
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
            q + m + evolution.n_ancilla + workspace(query),
            evolution.two_qubit + given.readout.two_qubit,
            evolution.rotations + given.readout.rotations,
        ),
        build=lambda: given.circuit(
            "qsvt_lchs", chosen, evolution.circuit(), evolution.n_ancilla, evolution.restored
        ),
        branch=lambda: given.branch(chosen, _states(flow, chosen, query, error)),
        parameters={
            "encoding": query.method,
            "alpha": query.alpha,
            "needed": "eigenvalues of A + A^T, n^3; the generator of all nodes, its entries",
        },
        alpha=evolution.alpha,
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """Encodings of L and H, None where they are zero."""

    loss: BlockEncoding | None
    skew: BlockEncoding | None

    @classmethod
    def of(cls, flow: Flow) -> _Parts:
        """Encode both; ConfigError where both are zero."""
        if not (np.any(flow.loss) or np.any(flow.skew)):
            raise ConfigError("A and b are zero: the answer is the start.", subject=flow.problem)
        return cls(
            block_encode(flow.loss) if np.any(flow.loss) else None,
            block_encode(1j * flow.skew) if np.any(flow.skew) else None,
        )

    def query(self, nodes: Nodes) -> BlockEncoding:
        """k (x) L + 1 (x) H on [nodes, coordinates]."""
        parts = []
        if self.loss is not None:
            parts.append(kron(block_encode(sp.diags_array(nodes.k, format="csr")), self.loss))
        if self.skew is not None:
            parts.append(kron(block_encode(sp.eye_array(nodes.k.size, format="csr")), self.skew))
        return combine(parts, [1.0] * len(parts)) if len(parts) > 1 else parts[0]

    def calls(self, nodes: Nodes, error: float, time: float) -> float:
        """About what the evolution takes: degree of the series times gates of a query."""
        sizes = [(float(nodes.k[-1]), self.loss), (1.0, self.skew)]
        alpha = time * sum(size * part.alpha for size, part in sizes if part is not None)
        digits = math.log(max(math.e, nodes.norm / error))
        degree = alpha + digits / math.log(math.e + digits / max(alpha, 1e-300))
        return degree * (nodes.k.size + sum(part.two_qubit for _, part in sizes if part is not None))


def _states(flow: Flow, nodes: Nodes, query: BlockEncoding, error: float) -> ComplexArray:
    """The start, evolved at every node, over the alpha of the evolution."""
    even, odd = series(query.alpha * flow.problem.time, error)
    start = np.repeat(flow.start[:, np.newaxis].astype(np.complex128), nodes.k.size, axis=1)
    return evolved(_Generators(flow, nodes, query.alpha), even, odd, start).T / 2.0
