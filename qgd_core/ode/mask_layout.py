"""A step's flow laid out on labels for XOR masks: what its wanted numbers miss, by rows, and its circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import expm_multiply

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.rotation import orthogonal, rotation_cost, rotation_turns
from qgd_core.ode.combine import prepare_nodes, prepare_nodes_cost, undo_nodes
from qgd_core.ode.labels import choose_labels, place
from qgd_core.ode.masks import MaskFormula, split_masks
from qgd_core.ode.nodes import Nodes
from qgd_core.ode.step_flow import StepFlow
from qgd_core.readout.base import Estimate
from qgd_core.readout.frame import NormedReadout, constant_for
from qgd_core.readout.simplex import SimplexReadout
from qgd_core.state.prepare import prepare

_LEAST_CONSTANT = 0.2
# Products by which the largest loss is bounded.
_QUOTIENTS = 30
# Numbers of a complex array of rows, nodes and labels that are held at once.
_MOST_HELD = 1 << 22


@dataclass(frozen=True, eq=False)
class RecentredReadout:
    """A read-out of numbers measured from `offset`."""

    inner: NormedReadout
    offset: RealArray

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """The estimate from accepted outcomes of `shots` attempts."""
        return self._moved(self.inner.from_counts(counts, shots))

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The estimate from the exact, unnormalised success branch."""
        return self._moved(self.inner.from_amplitudes(amplitudes))

    def _moved(self, found: Estimate) -> Estimate:
        return Estimate(found.value + self.offset, found.covariance, found.accepted)


@dataclass(frozen=True, eq=False)
class MaskLayout:
    """A step flow on 2^q labels: the wanted numbers on the first ones, a constant among them."""

    flow: StepFlow

    @cached_property
    def labels(self) -> tuple[list[int], int]:
        """Those of the coordinates, and the constant's."""
        m = self.flow.n_wanted
        return choose_labels(self.flow.matrix, m, range(m, 2 ** m.bit_length()))

    @cached_property
    def readout(self) -> SimplexReadout:
        """Reads the wanted numbers beside the constant."""
        m = self.flow.n_wanted
        least = _LEAST_CONSTANT * float(np.linalg.norm(self.flow.start[:m]))
        return SimplexReadout(m, max(constant_for(self.flow.bound, m), least) or 1.0)

    @cached_property
    def parts(self) -> MaskFormula:
        """The formula of one Gauss point."""
        size = 2 ** self.flow.start.size.bit_length()
        diagonal, masks = split_masks(place(self.flow.matrix, self.labels[0], size))
        return MaskFormula(diagonal, masks, self.flow.time, 1)

    def formula(self, stages: int) -> MaskFormula:
        """The formula of so many Gauss points."""
        return MaskFormula(self.parts.diagonal, self.parts.masks, self.flow.time, stages)

    @cached_property
    def start(self) -> RealArray:
        """The constant and the flow's start on their labels, (2^q,)."""
        start = np.zeros(self.parts.diagonal.size)
        start[self.labels[0]] = self.flow.start
        start[self.labels[1]] = self.readout.constant
        return start

    @cached_property
    def length(self) -> float:
        """Length of the start."""
        return float(np.linalg.norm(self.start))

    @cached_property
    def largest(self) -> float:
        """An upper limit on the largest exponent X = |L| T, for which nodes are fitted.

        Of the loss with absolute couplings, by Collatz's quotients: products with it, no eigenvalues.
        """
        loss = -(self.flow.matrix + self.flow.matrix.T) / 2
        diagonal = loss.diagonal()
        shift = 1.0 - min(0.0, float(diagonal.min()))
        positive = abs(loss - sp.diags_array(diagonal)) + sp.diags_array(diagonal + shift)
        vector, quotient = np.ones(diagonal.size), 0.0
        for _ in range(_QUOTIENTS):
            after = np.asarray(positive @ vector)
            quotient, vector = float((after / vector).max()), after / after.max()
        return self.flow.time * max(0.0, quotient - shift)

    def error(self, formula: MaskFormula, nodes: Nodes) -> float:
        """Bound on the 2-norm error of the wanted numbers against the recurrence.

        By rows of what the circuit applies and absolute values of the start: it holds for the very couplings, nodes and
        Gauss points it is given, whatever the signs of the start; m D 2^m times the formula.
        """
        return self._carried(self._rows(formula, nodes), self._placed(self.flow.exact), self.flow.lost)

    def errors(self, formula: MaskFormula, nodes: Nodes) -> tuple[float, float]:
        """The same apart: what the nodes miss of the flow, and what the formula misses of the flows at the nodes."""
        unit = np.zeros_like(self.flow.lost)
        at_nodes, whole = self._rows_at(nodes), self._placed(self.flow.rows())
        rows = self._rows(formula, nodes)
        return self._carried(at_nodes, whole, unit), self._carried(rows, at_nodes, unit)

    def _carried(self, found: ComplexArray, true: ComplexArray | RealArray, lost: RealArray) -> float:
        """What rows that differ so move the numbers by, which are read as ratios to the constant."""
        defects = np.abs(found - true) @ np.abs(self.start)
        constant = self.readout.constant
        left = constant - defects[0]
        if not left > 0.0:
            return float("inf")
        moved = float(np.linalg.norm(defects[1:] + lost))
        return float((constant * moved + self.flow.bound * defects[0]) / left)

    def _placed(self, rows: RealArray) -> RealArray:
        """The constant's row and those of the wanted numbers, on labels."""
        placed = np.zeros((len(rows) + 1, self.start.size))
        placed[0, self.labels[1]] = 1.0
        placed[1:, self.labels[0]] = rows
        return placed

    def _rows(self, formula: MaskFormula, nodes: Nodes) -> ComplexArray:
        wanted = [self.labels[1], *range(self.flow.n_wanted)]
        step = max(1, _MOST_HELD // (self.start.size * nodes.weights.size))
        every = [formula.rows(wanted[i : i + step], nodes) for i in range(0, len(wanted), step)]
        return np.vstack(every)

    def _rows_at(self, nodes: Nodes) -> ComplexArray:
        """Rows of the weighted sum of the unitary flows themselves."""
        matrix, time, m = self.flow.matrix, self.flow.time, self.flow.n_wanted
        loss, skew = (matrix + matrix.T) / 2, (matrix - matrix.T) / 2
        turns = sp.kron(sp.diags_array(1j * nodes.k), loss) + sp.kron(sp.eye_array(nodes.k.size), skew)
        unit = np.tile(np.eye(self.flow.start.size, m), (nodes.k.size, 1)).astype(np.complex128)
        states = expm_multiply(
            sp.csr_array(turns.T) * time, unit, traceA=complex(turns.diagonal().sum()) * time
        )
        weights = nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)
        summed = np.tensordot(weights, np.reshape(states, (nodes.k.size, -1, m)), (0, 0))
        placed = self._placed(np.zeros((m, self.flow.start.size))).astype(np.complex128)
        placed[0] *= weights.sum()
        placed[1:, self.labels[0]] = summed.T
        return placed

    @cached_property
    def frame(self) -> RealArray:
        """From labels to the read-out's outcomes: constant and numbers into their places, then the read-out's own frame."""
        m, own = self.flow.n_wanted, self.readout.frame
        others = [label for label in range(m, len(own)) if label != self.labels[1]]
        return np.asarray(own[:, np.argsort([self.labels[1], *range(m), *others])])

    @property
    def fixed_cost(self) -> tuple[int, int]:
        """CX and rotations at most of start and frame."""
        q, m = self.parts.n_qubits, self.flow.n_wanted.bit_length()
        return 2**q - 2 + rotation_cost(m), 2**q - 2 + rotation_turns(m)

    def two_qubit(self, formula: MaskFormula, nodes: Nodes) -> int:
        """CX of the circuit at most."""
        return prepare_nodes_cost(nodes.n_qubits) + self.fixed_cost[0] + formula.two_qubit(nodes.n_qubits)

    def rotations(self, formula: MaskFormula, nodes: Nodes) -> int:
        """Rotations of the circuit at most."""
        m = nodes.n_qubits
        return prepare_nodes_cost(m) + self.fixed_cost[1] + formula.rotations(m) + 4 * m + 2

    def branch(self, formula: MaskFormula, nodes: Nodes) -> ComplexArray:
        """The success branch, one node after the other."""
        start = self.start / (nodes.norm * self.length)
        states = formula.evolve(np.tile(start.astype(np.complex128), (nodes.weights.size, 1)), nodes.k)
        combined = (nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)) @ states
        frame = self.frame
        return np.asarray((combined.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1))

    def circuit(self, formula: MaskFormula, nodes: Nodes) -> Circuit:
        """Start, all unitary flows at once, the read-out's frame; kept where the nodes' register returns to zero."""
        q, m = formula.n_qubits, nodes.n_qubits
        builder = CircuitBuilder("mask_lchs", m + q, q)
        system = range(m, m + q)
        builder.call(prepare_nodes(nodes), range(m))
        builder.call(prepare(self.start, "start"), system)
        builder.call(formula.circuit(nodes), range(m + q))
        turned = orthogonal(self.frame, "frame")[0]
        builder.call(turned, system[q - turned.n_qubits :])
        builder.call(undo_nodes(nodes), range(m))
        builder.postselect(range(m))
        builder.measure(system, range(q))
        return builder.build()
