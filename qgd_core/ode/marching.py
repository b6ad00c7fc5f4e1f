"""Marching: apply a block encoding of every step, and keep the runs in which each of them succeeded.

Nothing is approximated besides the sampling: no quadrature, no linear solver, and a different step per use
is as easy as the same one. The success probability falls like (|M| / alpha)^(2T), which a dissipative step
keeps near a constant: the adjoined constant coordinate never decays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import Counts, t_estimate
from qgd_core.circuit.program import Program
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.choose import block_encode
from qgd_core.errors import PrecisionUnreachable
from qgd_core.ode.base import LinearRecurrence, Matrix, Plan, Resources
from qgd_core.readout.base import Estimate
from qgd_core.readout.simplex import SimplexReadout, constant_for
from qgd_core.state.prepare import prepare

# Chance that the sampling error exceeds its share, per solve.
FAILURE = 1e-4
# Total synthesis error of one shot's rotations at which T gates are quoted.
SYNTHESIS = 1e-2
# Fewest readable outcomes expected, so that the roots of their counts are nearly normal.
READABLE = 400
_MOST_SHOTS = 10**12


@dataclass(frozen=True, eq=False)
class MarchingPlan(Plan):
    """A marching route: the encodings of the steps, the read-out, and everything known before building."""

    problem: LinearRecurrence
    encodings: tuple[BlockEncoding, ...]
    start: RealArray
    readout: SimplexReadout
    queries: int
    resources: Resources
    error_budget: ErrorBudget
    solver: str = "marching"

    @property
    def scale(self) -> float:
        """Length of the start vector with its constant coordinate."""
        return float(np.linalg.norm(self.start))

    @property
    def norm(self) -> float:
        """Length of the start vector times every step's alpha: what a unit amplitude stands for."""
        return self.scale * _subnormalisation(self.encodings, self.problem.steps)

    @cached_property
    def _program(self) -> Program:
        n_system = self.encodings[0].n_system
        n_ancilla = max(encoding.n_ancilla for encoding in self.encodings)
        system = range(n_ancilla, n_ancilla + n_system)
        builder = CircuitBuilder("marching", n_ancilla + n_system, n_system)
        builder.call(prepare(self.start, "start"), system)
        if len(self.encodings) == 1:
            builder.call(
                _step(self.encodings[0], n_ancilla), range(builder.n_qubits), repeat=self.problem.steps
            )
        else:
            for encoding in self.encodings:
                builder.call(_step(encoding, n_ancilla), range(builder.n_qubits))
        builder.call(self.readout.circuit(), system[n_system - self.readout.n_qubits :])
        builder.measure(system, range(n_system))
        return Program(builder.build(), self._branch)

    def compile(self) -> Program:
        """The gate-level program."""
        return self._program

    def emulate(self) -> Estimate:
        """The answer of the success branch, by sparse products."""
        return self.readout.from_amplitudes(self._branch())

    def read_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """The estimate from accepted outcomes."""
        return self.readout.from_counts(counts, shots, self.norm)

    def read_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The estimate from exact amplitudes."""
        return self.readout.from_amplitudes(amplitudes)

    def _branch(self) -> ComplexArray:
        state = self.start / self.norm
        for t in range(self.problem.steps):
            state = np.asarray(self.encodings[t if len(self.encodings) > 1 else 0].target @ state)
        # The circuit leaves the frame's row signs out; only magnitudes are measured.
        frame = self.readout.frame
        return np.asarray((state.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1), dtype=np.complex128)


def plan_marching(problem: LinearRecurrence, eps: float, encoding: str = "auto") -> MarchingPlan:
    """Plan a recurrence by marching, without building a circuit or knowing the answer.

    Arguments: problem; eps, 2-norm error of z_T[wanted] relative to |z0|, all of it given to sampling, the
    only error of this route; encoding, a name of `list_encodings`.
    Result: a plan whose shots keep the sampling error below eps |z0| with probability 1 - 1e-4.
    Raises: PrecisionUnreachable when more than 1e12 shots would be needed.
    Source: Fang, Lin, Tong, arXiv:2208.06941 (time marching), for exact discrete steps; the constant
    coordinate carries the source b and the scale.
    """
    constant = constant_for(problem.bound(), len(problem.wanted)) or 1.0
    order = _order(problem)
    augmented = [_augment(m, problem.b, constant, order) for m in problem.matrices]
    encodings = tuple(block_encode(matrix, encoding) for matrix in augmented)
    n_system = encodings[0].n_system
    start = np.zeros(2**n_system)
    start[: len(order) + 1] = np.concatenate([[constant], problem.z0[order]])
    readout = SimplexReadout(len(problem.wanted), constant)
    steps = problem.steps
    subnormalisation = _subnormalisation(encodings, steps)
    norm = float(np.linalg.norm(start)) * subnormalisation

    share = eps * problem.unit
    worst = np.zeros(len(problem.wanted))
    worst[0] = problem.bound()
    spread = float(np.linalg.norm(readout.covariance(norm, 1.0, worst), 2))
    quantile = float(chi2.ppf(1.0 - FAILURE, len(problem.wanted)))
    needed = max(quantile * spread / share**2, READABLE * (norm / constant) ** 2)
    if needed > _MOST_SHOTS:
        reachable = eps * math.sqrt(needed / _MOST_SHOTS)
        raise PrecisionUnreachable(
            f"An error of {eps:.1e} needs {needed:.1e} shots, more than {_MOST_SHOTS:.0e}.",
            subject=problem,
            value=reachable,
            remedy=f"Ask for {reachable:.1e} or more, or march fewer steps.",
        )

    frame_turns = 2**readout.n_qubits - 1
    fixed_two_qubit = 2**n_system - 2 + frame_turns * 2 ** (readout.n_qubits - 1)
    fixed_rotations = 2**n_system - 1 + frame_turns * 2 ** (readout.n_qubits - 1)
    uses = [encodings[t if len(encodings) > 1 else 0] for t in range(steps)]
    rotations = fixed_rotations + sum(e.rotations for e in uses)
    resources = Resources(
        qubits=n_system + max(e.n_ancilla for e in encodings),
        two_qubit=fixed_two_qubit + sum(e.two_qubit for e in uses),
        rotations=rotations,
        t_gates=t_estimate(Counts(rotations=rotations), SYNTHESIS),
        success_probability=min(1.0, (constant / norm) ** 2),
        shots=max(1, math.ceil(needed)),
    )
    return MarchingPlan(problem, encodings, start, readout, steps, resources, ErrorBudget(shots=eps))


def _order(problem: LinearRecurrence) -> list[int]:
    """Wanted entries first, so that the frame acts on the lowest basis states."""
    wanted = set(problem.wanted)
    return [*problem.wanted, *(i for i in range(problem.z0.size) if i not in wanted)]


def _augment(matrix: Matrix, b: RealArray, constant: float, order: Sequence[int]) -> Matrix:
    """The step on (constant, z): the source is a column, and the constant keeps itself."""
    reordered = sp.csr_array(matrix)[order][:, order]
    column = sp.csr_array(b[order][:, np.newaxis] / constant)
    return sp.csr_array(sp.block_array([[sp.csr_array([[1.0]]), None], [column, reordered]], format="csr"))


def _subnormalisation(encodings: Sequence[BlockEncoding], steps: int) -> float:
    return encodings[0].alpha ** steps if len(encodings) == 1 else math.prod(e.alpha for e in encodings)


def _step(encoding: BlockEncoding, n_ancilla: int) -> Circuit:
    """One use of an encoding, kept only if its ancillas return to |0>."""
    n_system = encoding.n_system
    own = range(n_ancilla - encoding.n_ancilla, n_ancilla)
    builder = CircuitBuilder("step", n_ancilla + n_system)
    builder.call(encoding.circuit(), [*own, *range(n_ancilla, n_ancilla + n_system)])
    builder.postselect(own)
    return builder.build()
