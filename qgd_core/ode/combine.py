"""The register of nodes: preparation with their weights, and its undoing by the weights' magnitudes."""

from __future__ import annotations

import numpy as np

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.ode.nodes import Nodes
from qgd_core.state.prepare import prepare


def prepare_nodes(nodes: Nodes) -> Circuit:
    """Circuit from |0> to sum_j sqrt(|weights_j| / norm) exp(i arg weights_j - i k_j tilt) |j> on m qubits.

    Arguments: nodes, on their grid of 2^m points.
    Result: exact to rounding; with `undo_nodes` after a controlled flow U_j it leaves sum_j weights_j U_j / norm.
    Raises: nothing.
    Source: Childs, Wiebe, arXiv:1202.5822.
    """
    m = nodes.n_qubits
    builder = CircuitBuilder("weigh", m)
    builder.call(_magnitudes(nodes), range(m))
    phases = np.angle(nodes.weights)
    if np.any(phases):
        builder.gate("diagonal", range(m), phases)
    for bit in range(m):
        if nodes.tilt:
            builder.gate("rz", [m - 1 - bit], [-nodes.spacing * 2**bit * nodes.tilt])
    return builder.build()


def undo_nodes(nodes: Nodes) -> Circuit:
    """The inverse of the preparation without its phases."""
    return _magnitudes(nodes).adjoint()


def prepare_nodes_cost(m: int) -> int:
    """Upper bound on the CX of both together for 2^m nodes."""
    return 3 * ((1 << m) - 2)


def _magnitudes(nodes: Nodes) -> Circuit:
    return prepare(np.sqrt(np.abs(nodes.weights)), "weights")
