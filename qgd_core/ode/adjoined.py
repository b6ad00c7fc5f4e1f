"""A flow with its constant adjoined, and the steps of product formulas that its two parts need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import expm

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.errors import ConfigError, NotDissipative
from qgd_core.linear.classical import upper_norm
from qgd_core.ode.flow import LinearODE, log_norm
from qgd_core.ode.nodes import Nodes
from qgd_core.ode.product import CommutatorBound, Letter, bound_commutators, durations, symmetric_stages
from qgd_core.readout.frame import constant_for

# Growth e^(2 m T) that the success probability may pay for a logarithmic norm m above 0.
_MOST_GROWTH = 1e6
_LEAST_CONSTANT = 0.2
# Numbers (nodes times 8^qubits) up to which the product formula's error is measured, and how much it is trusted less.
_MEASURED = 3e7
# Qubits up to which matrices are dense.
_DENSE_QUBITS = 10
_SAFETY = 1.5


@dataclass(frozen=True, eq=False)
class Flow:
    """The flow on (constant, wanted, others), less its growth: -A = loss + i H, skew = -i H, both real (2^q, 2^q).

    Past 1024 states both are sparse, bounds stand in the place of eigenvalues, and there is no circuit.
    """

    problem: LinearODE
    constant: float

    @property
    def n_qubits(self) -> int:
        """q."""
        return int(self.problem.z0.size).bit_length()

    @property
    def is_large(self) -> bool:
        """Whether everything dense is left out."""
        return self.n_qubits > _DENSE_QUBITS

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Where each coordinate of z stands."""
        n, wanted = self.problem.z0.size, list(self.problem.wanted)
        others = np.ones(n, dtype=bool)
        others[wanted] = False
        places = np.zeros(n, dtype=np.int64)
        places[wanted] = np.arange(1, len(wanted) + 1)
        places[others] = np.arange(len(wanted) + 1, n + 1)
        return places

    @cached_property
    def _matrix(self) -> Any:
        entries, source = sp.coo_array(self.problem.matrix), np.flatnonzero(self.problem.b)
        rows, columns = (self._places[index] for index in entries.coords)
        every = (
            np.append(rows, self._places[source]),
            np.append(columns, np.zeros(source.size, dtype=np.int64)),
        )
        values = np.append(entries.data, self.problem.b[source] / self.constant)
        full = sp.csr_array((values, every), shape=(2**self.n_qubits,) * 2)
        return full if self.is_large else full.toarray()

    @cached_property
    def start(self) -> RealArray:
        """The start vector (2^q,), the constant first."""
        start = np.zeros(2**self.n_qubits)
        start[0], start[self._places] = self.constant, self.problem.z0
        return start

    @cached_property
    def growth(self) -> float:
        """What is taken off the generator so that it loses in every direction."""
        if self.is_large:
            return max(0.0, log_norm(self._matrix))
        return max(0.0, float(np.linalg.eigvalsh((self._matrix + self._matrix.T) / 2)[-1]))

    @cached_property
    def loss(self) -> Any:
        """L, positive semidefinite once the growth is taken off."""
        symmetric = (self._matrix + self._matrix.T) / 2
        size = symmetric.shape[0]
        if self.is_large:
            return sp.csr_array(self.growth * sp.eye_array(size, format="csr") - symmetric)
        return np.asarray(self.growth * np.eye(size) - symmetric)

    @cached_property
    def skew(self) -> Any:
        """-i H."""
        skew = (self._matrix - self._matrix.T) / 2
        return sp.csr_array(skew) if self.is_large else np.asarray(skew)

    @property
    def largest(self) -> float:
        """Largest eigenvalue of L, or an upper bound on it."""
        return upper_norm(self.loss) if self.is_large else float(self.eigen[0][-1])

    @cached_property
    def eigen(self) -> tuple[RealArray, RealArray]:
        """Eigenvalues and eigenvectors of L; ConfigError for a large flow."""
        if self.is_large:
            raise ConfigError(
                f"A flow of {self.problem.z0.size} unknowns has no circuit of this kind: it takes eigenvectors, n^3.",
                subject=self.problem,
                remedy="Emulate the plan, or use taylor_marching, which takes the entries alone.",
            )
        values, vectors = np.linalg.eigh(self.loss)
        return np.maximum(values, 0.0), vectors

    def combined(self, nodes: Nodes, steps: int, order: int) -> ComplexArray:
        """The weighted sum of all nodes' product formulas, shape (2^q, 2^q)."""
        whole = np.broadcast_to(
            np.eye(len(self.skew), dtype=np.complex128), (nodes.weights.size, *self.skew.shape)
        )
        for tau in durations(self.problem.time / steps, 1, order):
            half = expm(self.skew * tau / 2)
            phases = np.exp(-1j * np.outer(nodes.k, self.eigen[0]) * tau)
            once = ((half @ self.eigen[1]) * phases[:, np.newaxis, :]) @ (self.eigen[1].T @ half)
            whole = once @ whole
        weights = nodes.weights * np.exp(-1j * nodes.k * nodes.tilt)
        return np.asarray(np.tensordot(weights, np.linalg.matrix_power(whole, steps), 1))

    def bound(self, order: int) -> CommutatorBound:
        """The bound of the formula of that order, from nested commutators of L and -i H."""
        if order not in self._bounds:
            stages = symmetric_stages((("K", 0.5), ("L", 0.5)), order)
            parts: dict[Letter, Any] = {"L": self.loss, "K": self.skew}
            self._bounds[order] = bound_commutators(stages, order, parts, frozenset({"L"}))
        return self._bounds[order]

    @cached_property
    def _bounds(self) -> dict[int, CommutatorBound]:
        """What `bound` has worked out."""
        return {}

    def constant_of(self, nodes: Nodes, order: int) -> float:
        """c of the bound c / r^order on the weighted error of all nodes after r steps, by commutators."""
        return float(np.abs(nodes.weights) @ self.bound(order).error(nodes.k, self.problem.time, 1))

    def trust(self, nodes: Nodes, steps: int, order: int) -> float:
        """What part of the bound's c shows at so many steps, where the matrices are small enough to see it."""
        bound = self.constant_of(nodes, order)
        if not (bound > 0.0 and self._is_small(nodes)):
            return 1.0
        coarse, fine = (self.combined(nodes, r, order) for r in (steps, 2 * steps))
        return min(1.0, self._distance(coarse, fine, order) * float(steps) ** order / bound)

    def steps(self, nodes: Nodes, eps: float, order: int) -> int:
        """Steps of the formula of that order that keep the weighted error of all nodes below eps.

        By commutators, always enough; where the matrices are small, fewer by comparing the whole combination at r and
        2 r steps, whose distance is 1 - 2^-order of the error to leading order.
        """
        enough = max(1, math.ceil(math.pow(self.constant_of(nodes, order) / eps, 1.0 / order)))
        if enough == 1 or not self._is_small(nodes):
            return enough
        coarse = self.combined(nodes, 1, order)
        for trial in (1 << j for j in range(enough.bit_length())):
            fine = self.combined(nodes, 2 * trial, order)
            error = self._distance(coarse, fine, order)
            if error <= eps:
                # Back from the first power of two that serves, by the order of the formula.
                return min(enough, max(trial // 2 + 1, math.ceil(trial * math.pow(error / eps, 1.0 / order))))
            coarse = fine
        return enough

    def _is_small(self, nodes: Nodes) -> bool:
        return not self.is_large and bool(nodes.weights.size * 8.0**self.n_qubits <= _MEASURED)

    def _distance(self, coarse: ComplexArray, fine: ComplexArray, order: int) -> float:
        return _SAFETY / (1.0 - 0.5**order) * float(np.linalg.norm(coarse - fine, 2))


def lay_out(problem: LinearODE, eps: float) -> tuple[Flow, float, float]:
    """The flow with a constant that carries sign and scale, how much it may grow in T, and the bound of the answer."""
    bound = problem.bound()
    # A constant far below the start, or below the error, could not carry the scale.
    least = max(_LEAST_CONSTANT, 2.0 * eps) * problem.unit
    constant = max(constant_for(bound, len(problem.wanted)), least)
    flow = Flow(problem, constant)
    growth = math.exp(min(700.0, flow.growth * problem.time))
    if growth > math.sqrt(_MOST_GROWTH):
        raise NotDissipative(
            f"The flow may grow by {growth:.1e} in T = {problem.time:.3g}: the success probability would vanish.",
            subject=problem,
            value=flow.growth,
            remedy="Use a shorter time, or rescale the coordinates so that A + A^T has no positive eigenvalue.",
        )
    return flow, growth, bound


def most_accepted(flow: Flow, growth: float, bound: float, norm: float, slack: float) -> float:
    """Upper limit on the success probability of a combination of unitary flows.

    Less its growth the flow loses in every direction, so it ends no longer than it starts, nor longer, where all of z
    is read, than the constant and the bound of the answer; what quadrature and evolution may add is `slack` of the start.
    Arguments: flow, growth and bound of `lay_out`; norm, what a unit amplitude stands for; slack, in the operator norm.
    Result: the square of the longest branch.
    Raises: nothing.
    Source: none.
    """
    start = growth * float(np.linalg.norm(flow.start))
    whole = len(flow.problem.wanted) == flow.problem.z0.size
    end = min(start, math.hypot(flow.constant, bound)) if whole else start
    return min(1.0, ((end + slack * start) / norm) ** 2)
