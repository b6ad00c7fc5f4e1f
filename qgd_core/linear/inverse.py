"""What every solver by an odd polynomial near 1/x shares: the encoded rows, the read-out, and the plan's figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.encodings.base import BlockEncoding
from qgd_core.linear.balance import encode_balanced
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, shots_for
from qgd_core.linear.needed import join, of_encodings
from qgd_core.linear.system import LinearSystem
from qgd_core.linear.transform import transform_vector
from qgd_core.phases.targets import Target
from qgd_core.readout.shifted import ShiftedReadout


@dataclass(frozen=True, eq=False)
class Inversion:
    """A system ready to be inverted: `rows` has its solution, `encoding` encodes the transpose of its matrix."""

    problem: LinearSystem
    rows: LinearSystem
    encoding: BlockEncoding

    @classmethod
    def of(cls, problem: LinearSystem, encoding: str) -> Inversion:
        """Choose rows and encoding by `encode_balanced`."""
        return cls(problem, *encode_balanced(problem, lambda system: sp.csr_array(system.matrix.T), encoding))

    @cached_property
    def start(self) -> RealArray:
        """The shifted right side on the register."""
        b = self.rows.shifted()
        start = np.zeros(2**self.encoding.n_system)
        start[: b.size] = b
        return start

    @cached_property
    def length(self) -> float:
        """Its length."""
        return float(np.linalg.norm(self.start))

    @cached_property
    def kappa(self) -> float:
        """Singular values over alpha are at least 1 / kappa."""
        return self.encoding.alpha / self.rows.smallest * (1.0 + 1e-12)

    @cached_property
    def unit(self) -> float:
        """The error of the function 1/x that is an error of problem.unit in the solution."""
        return self.problem.unit * self.encoding.alpha / self.length

    def plan(
        self,
        name: str,
        target: Target,
        eps: float,
        share: float,
        costs: tuple[int, int, int, int],
        build: Callable[[], Circuit],
    ) -> Plan:
        """The plan of a polynomial with target.error <= eps * share * unit.

        Arguments: name of the solver; target; eps; share, the polynomial's part of it; costs: queries, qubits, CX
        and rotations; build, makes the circuit whose success branch is the polynomial of the encoded matrix.
        """
        problem, rows = self.problem, self.rows
        queries, qubits, two_qubit, rotations = costs
        norm = self.length / (target.factor * self.encoding.alpha)
        readout = ShiftedReadout(problem.wanted, problem.shift, norm)
        m, copies = problem.wanted.shape
        # |x + a| from below: from |A|, and from the shift against the bound on x.
        shifts = problem.shift * math.sqrt(m * copies)
        least = max(self.length / rows.norm, shifts - problem.bound() * math.sqrt(copies))
        most = min(self.length / rows.smallest, problem.shifted_bound())
        slack = eps * share * problem.unit
        return Plan(
            solver=name,
            problem=problem,
            queries=queries,
            resources=Resources(
                qubits=qubits,
                two_qubit=two_qubit,
                rotations=rotations,
                t_gates=rotation_t_count(rotations, SYNTHESIS),
                success_probability=min(1.0, (max(0.0, least - slack) / norm) ** 2),
                shots=shots_for(readout, problem, eps * (1.0 - share)),
            ),
            error_budget=ErrorBudget(polynomial=eps * share, shots=eps * (1.0 - share)),
            scale=norm,
            readout=readout,
            build=build,
            branch=lambda: self._branch(target),
            parameters={
                "encoding": self.encoding.method,
                "alpha": self.encoding.alpha,
                "kappa": self.kappa,
                "degree": target.polynomial.degree,
                "needed": join(rows.needed(), of_encodings(self.encoding)),
            },
            most_accepted=min(1.0, ((most + slack) / norm) ** 2),
        )

    def _branch(self, target: Target) -> ComplexArray:
        # The encoding is that of the transpose.
        v = self.start / self.length
        solved = transform_vector(target.polynomial, self.encoding.target, self.encoding.alpha, v)
        return solved.astype(np.complex128)
