"""What every solver's plan is: costs and error shares, a circuit, and the same success branch on arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np
from scipy.stats import chi2

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.budget import ErrorBudget
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.program import Program
from qgd_core.errors import ConfigError
from qgd_core.linear.system import LinearSystem
from qgd_core.readout.base import Estimate
from qgd_core.readout.frame import FrameReadout

# Chance that the sampling error exceeds its share, per solve.
FAILURE = 1e-4
# Total synthesis error of one shot's rotations at which T gates are quoted until the planner gives it a share.
SYNTHESIS = 1e-2


@dataclass(frozen=True)
class Resources:
    """What one attempted shot costs, counted or bounded, and how often a shot is accepted.

    `t_gates` are for rotations that are off by `synthesis` altogether, in the operator norm.
    """

    qubits: int
    two_qubit: int
    rotations: int
    t_gates: int
    success_probability: float
    shots: int
    synthesis: float = SYNTHESIS


@dataclass(frozen=True)
class Solution:
    """An answer with its scale, standard errors and costs.

    `value` (m,) are the wanted entries, `stderr` (m,) their standard errors (zero for exact amplitudes),
    `scale` what a unit amplitude stands for, `error_budget` relative to the problem's unit.
    """

    value: RealArray
    stderr: RealArray
    scale: float
    error_budget: ErrorBudget
    success_probability: float
    resources: Resources
    program: Program


class Sampled(Protocol):
    """A read-out that knows the covariance of its numbers at a bound on them."""

    def covariance(self, shots: float, value: RealArray) -> RealArray:
        """Covariance, shape (m, m), after `shots` attempts."""


class Readout(Protocol):
    """Turns outcomes into numbers with sign and scale."""

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """The estimate from accepted outcomes of `shots` attempts."""

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The estimate from the exact, unnormalised success branch."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Every cost and every share of the error of one route, before its circuit is built.

    `scale` is what a unit amplitude stands for, `parameters` what the solver chose and from what, `losers` the
    other routes that were considered; `build` and `branch` make the circuit and its success branch;
    `most_accepted` is an upper bound on the success probability, `checks` how many qubits each post-selection in
    mid-circuit projects: `linear.amplify` needs both.
    """

    solver: str
    problem: object
    queries: int
    resources: Resources
    error_budget: ErrorBudget
    scale: float
    readout: Readout
    build: Callable[[], Circuit]
    branch: Callable[[], ComplexArray]
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    losers: tuple[Plan, ...] = ()
    most_accepted: float = 1.0
    checks: tuple[int, ...] = ()

    @property
    def qubits(self) -> int:
        """Qubits, clean workspace included."""
        return self.resources.qubits

    @property
    def gates(self) -> dict[str, int]:
        """Upper bounds on the lowered gates of one shot."""
        return {"two_qubit": self.resources.two_qubit, "rotations": self.resources.rotations}

    @property
    def success_probability(self) -> float:
        """Lower bound on the chance that a shot is accepted."""
        return self.resources.success_probability

    @property
    def shots(self) -> int:
        """Shots that meet the sampling share of the budget."""
        return self.resources.shots

    @cached_property
    def _program(self) -> Program:
        return Program(self.build(), self.branch)

    def compile(self) -> Program:
        """The gate-level program."""
        return self._program

    def emulate(self) -> Estimate:
        """The answer of the circuit's success branch, by sparse algebra; ConfigError where its vectors do not fit."""
        try:
            return self.readout.from_amplitudes(self.branch())
        except MemoryError as error:
            raise ConfigError(
                f"The vectors of {self.solver} do not fit into memory: {error}.",
                subject=self.problem,
                remedy="Take a shorter history, a smaller problem, or a machine with more memory.",
            ) from error

    def read_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """The estimate from accepted outcomes."""
        return self.readout.from_counts(counts, shots)

    def read_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """The estimate from exact amplitudes over the classical bits."""
        return self.readout.from_amplitudes(amplitudes)

    def explain(self) -> str:
        """A table of this route and of those it was chosen over: costs, shots and error shares, parameters below."""
        return explain([self, *self.losers])


@cache
def quantile(m: int) -> float:
    """The square of a length that m standard normal numbers together exceed with probability 1e-4."""
    return float(chi2.ppf(1.0 - FAILURE, m))


def shots_for(readout: Sampled, problem: LinearSystem, eps: float) -> int:
    """Shots that keep the sampling error of x[wanted] below eps * problem.unit with probability 1 - 1e-4."""
    m = len(problem.wanted)
    worst = np.zeros(m)
    worst[0] = problem.bound()
    spread = float(np.linalg.norm(readout.covariance(1.0, worst), 2))
    return math.ceil(quantile(m) * spread / (eps * problem.unit) ** 2)


def shots_within(readout: FrameReadout, norm: float, bound: float, error: float) -> float:
    """Shots that keep the sampling error of numbers through a frame below `error` with probability 1 - 1e-4.

    Arguments: readout; norm, what a unit amplitude stands for; bound, an upper limit on the numbers' length; error, in
    their unit.
    Result: shots, by the covariance at the bound.
    Raises: nothing.
    Source: none.
    """
    return quantile(readout.n_wanted) * readout.spread(norm, bound) / error**2


def explain(plans: Sequence[Any]) -> str:
    """The table of `Plan.explain` for plans of any kind, the chosen one first."""
    head = f"{'solver':<24}{'qubits':>8}{'two-qubit':>12}{'queries':>9}{'success':>10}{'shots':>10}{'CX x shots':>12}"
    rows = [f"{head}  errors"]
    for plan in plans:
        cost = plan.resources
        shares = ", ".join(
            f"{name} {share:.1e}" for name, share in plan.error_budget.shares().items() if share
        )
        rows.append(
            f"{plan.solver:<24}{cost.qubits:>8}{cost.two_qubit:>12}{plan.queries:>9}"
            f"{cost.success_probability:>10.2e}{cost.shots:>10.1e}{cost.two_qubit * cost.shots:>12.1e}  {shares}"
        )
    chosen = getattr(plans[0], "parameters", {})
    rows.append(_reason(plans))
    rows += [
        f"  {name} = {value:.6g}" if isinstance(value, float) else f"  {name} = {value}"
        for name, value in chosen.items()
    ]
    return "\n".join(rows)


def _reason(plans: Sequence[Any]) -> str:
    """Why the first of these was chosen."""
    chosen, *losers = plans
    cheapest = min(plans, key=lambda plan: plan.resources.two_qubit * plan.resources.shots)
    if not losers:
        return f"{chosen.solver} is the one route that was planned."
    if cheapest is chosen:
        return f"{chosen.solver} is chosen: least two-qubit gates times shots."
    how = getattr(cheapest, "parameters", {}).get("encoding", "another choice")
    return (
        f"{chosen.solver} is chosen: least two-qubit gates times shots of what scales and fits the backend;"
        f" {cheapest.solver} by {how} on {cheapest.resources.qubits} qubits takes fewer."
    )
