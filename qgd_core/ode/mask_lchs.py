"""Gradient descent by a combination of unitary flows whose entries are sorted into few XOR masks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from qgd_core.budget import ErrorBudget, best_shares, check_share, easier, least_error
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, shots_within
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import READABLE
from qgd_core.ode.mask_layout import MaskLayout, RecentredReadout
from qgd_core.ode.masks import MaskFormula
from qgd_core.ode.nodes import Nodes, fit_nodes
from qgd_core.ode.step_flow import StepFlow, step_flow
from qgd_core.readout.frame import NormedReadout

# Errors a decade for which couplings are left out and nodes fitted while shares are compared.
_PER_DECADE = 3
# Lengths |g u_0| and numbers of Gauss points that are tried, and the errors of the coarsest and the finest nodes.
_LENGTHS = (0.4, 0.8)
_STAGES = (1, 2, 3, 4, 6, 8, 12)
_COARSEST, _FINEST = 0.3, 1e-5
# What everything but sampling may take of eps, and what a price is where it takes more, so that the least error is sought.
_MOST_SHARE, _TOO_MUCH = 0.9, 1e200
# Nodes finer than this part of eps take longer to find than they save.
_LEAST_QUADRATURE = 1e-2
# How near the least error in reach is named.
_WITHIN = 1.05
# A chance that stands for all below it.
_NEVER = 1e-100
# X of a fit is rounded up to a power of this.
_WIDER = 1.2
# Coordinates that labels are chosen for, and numbers that the rows of the recurrence may be.
_MOST_KEPT, _MOST_NUMBERS = 4095, 1 << 27


@dataclass(frozen=True, eq=False)
class _Choice:
    """Couplings kept, nodes and Gauss points."""

    layout: MaskLayout
    formula: MaskFormula
    nodes: Nodes

    @cached_property
    def error(self) -> float:
        """Bound on what they miss in 2-norm."""
        return self.layout.error(self.formula, self.nodes)

    @cached_property
    def two_qubit(self) -> int:
        """CX of a shot at most."""
        return self.layout.two_qubit(self.formula, self.nodes)

    @property
    def norm(self) -> float:
        """What a unit amplitude stands for."""
        return self.nodes.norm * self.layout.length

    def success(self, error: float) -> float:
        """Lower bound on the chance that a shot is accepted at such an error: the constant's part.

        What the constant c loses, d, errs numbers of up to b by b d / (c - d) at least, and that is within the error.
        """
        bound = self.layout.flow.bound
        kept = bound / (bound + error) if bound > 0.0 else 0.0
        return (kept * self.layout.readout.constant / self.norm) ** 2

    def shots(self, sampling: float, error: float) -> float:
        """Shots that leave such a sampling error in 2-norm beside `error`."""
        within = shots_within(self.layout.readout, self.norm, self.layout.flow.bound, sampling)
        return max(within, READABLE / max(self.success(error), _NEVER))


def has_step(problem: LinearRecurrence) -> bool:
    """Whether a recurrence says that it is one quadratic gradient step, over and over, in its eigenframe."""
    known = problem.structure
    return isinstance(known, SlotSteps) and len(known.maps) == 1 and known.frames is None


def plan_mask_lchs(problem: LinearRecurrence, eps: float, share: float | None = None) -> Plan:
    """Plan gradient descent as a combination of unitary flows, each by XOR masks, without building a circuit.

    Arguments: problem, a Carleman recurrence of order 2 whose structure is one map for all steps, with a source or
    without; eps, 2-norm error of z_T[wanted] relative to problem.unit; share, the part of eps given to all but
    sampling, by default that of least gates times shots.
    Result: a plan whose discretisation share is a bound for its own couplings, nodes and Gauss points: rows of what the
    circuit applies against rows of the recurrence, times the absolute values of the start. Shots keep the sampling error
    below the rest with probability 1 - 1e-4. Classical cost: the step's own eigenframe, n^3 for n weights; for m wanted
    numbers m T products with the step, and m with the formula at 2^q nodes; no D^3, and no more entries than the step has.
    Raises: PrecisionUnreachable when no choice meets eps, with the nearest error that one does, or there is no such
    structure; NotDissipative when no flow passes through the steps; ConfigError where rows or couplings are too many, or
    for a share that leaves nothing.
    Source: An, Liu, Lin, arXiv:2303.01029; the modified field stands for the step; masks at Gauss points.
    """
    known = problem.structure
    if not (isinstance(known, SlotSteps) and has_step(problem)):
        raise PrecisionUnreachable(
            "No flow is known that passes through these steps: they differ, or do not say what they are.",
            subject=problem,
            remedy="March, or give each step's own structure; a different map a step has no common flow.",
        )
    if share is not None:
        check_share(share)
    numbers = problem.z0.size * len(problem.wanted)
    if numbers > _MOST_NUMBERS:
        raise ConfigError(
            f"The {len(problem.wanted)} rows of {problem.z0.size} coordinates take {numbers * 8 / 2**30:.0f} GiB; up to"
            f" {_MOST_NUMBERS * 8 / 2**30:.0f} are held.",
            subject=problem,
            value=numbers,
            remedy="Read fewer numbers, use fewer active weights, or march.",
        )
    n = known.maps[0].n
    size = float(np.linalg.norm(problem.z0[:n])) or 1.0
    searches = [_Search(problem, step_flow(problem, n, length / size)) for length in _LENGTHS]

    def best(eps: float, *, any_will_do: bool = False) -> _Found:
        found = _Found(eps * problem.unit, share, any_will_do)
        for search in searches:
            search.improve(found)
        return found

    def reached(eps: float) -> bool:
        return best(eps, any_will_do=True).choice is not None

    found = best(eps)
    if found.choice is None:
        # From above: what is far below all that can be reached takes longest to search.
        near = 1.0
        while near > eps and reached(near):
            near /= 10.0
        reachable = least_error(reached, max(near, eps), _WITHIN)
        easiest = None if reachable is None else best(reachable)
        takes = "" if easiest is None or easiest.choice is None else easiest.takes()
        raise PrecisionUnreachable(
            f"A combination of unitary flows of at most {_MOST_KEPT} coordinates and {_STAGES[-1]} Gauss points does not"
            f" reach {eps:.1e} here.",
            subject=problem,
            value=reachable,
            remedy=easier(reachable, takes, "centre the window nearer its fixed point, or march"),
        )
    left = found.sampling(found.choice.error) / problem.unit
    return _plan(problem, found.choice, ErrorBudget(discretisation=eps - left, shots=left))


@dataclass(eq=False)
class _Found:
    """The choice of least gates times shots for an error so far, if any, or the first that meets it; `whole`, the error."""

    whole: float
    share: float | None
    any_will_do: bool
    least: float = math.inf
    choice: _Choice | None = None

    @property
    def most(self) -> float:
        """What all but sampling may take."""
        return (_MOST_SHARE if self.share is None else self.share) * self.whole

    def sampling(self, error: float) -> float:
        """What such an error leaves."""
        return self.whole - error if self.share is None else (1.0 - self.share) * self.whole

    def price(self, choice: _Choice) -> float:
        """Gates times shots, or less where it is not the best; the error, in large units, where that takes too much."""
        at_least = choice.two_qubit * choice.shots(self.sampling(0.0), 0.0)
        if at_least >= self.least:
            return at_least
        if choice.error > self.most:
            return _TOO_MUCH * choice.error
        price = choice.two_qubit * choice.shots(self.sampling(choice.error), choice.error)
        if price < self.least:
            self.least, self.choice = price, choice
        return price

    def cheapest(self, choices: list[_Choice]) -> float:
        """The least price of some choices, of which the last errs least: until one is met, it stands for all."""
        if self.any_will_do and self.choice is not None:
            return self.least
        if choices and self.choice is None and choices[-1].error > self.most:
            return self.price(choices[-1])
        return min(map(self.price, choices), default=math.inf)

    def takes(self) -> str:
        """What the best choice takes, for people."""
        assert self.choice is not None
        return f"{self.choice.two_qubit} two-qubit gates a shot and {self.least / self.choice.two_qubit:.1e} shots"


@dataclass(frozen=True, eq=False)
class _Search:
    """All choices for one flow; what is tried once is kept."""

    problem: LinearRecurrence
    flow: StepFlow
    layouts: dict[int, MaskLayout | None] = field(default_factory=dict)
    known: dict[tuple[int, int], list[_Choice]] = field(default_factory=dict)

    def improve(self, found: _Found) -> None:
        """Look for a better choice, over the parts of eps given to couplings left out and to nodes."""
        if not self.flow.drift <= found.most:
            return
        priced: dict[tuple[int, int], float] = {}

        def price(shares: tuple[float, ...]) -> float:
            if shares[1] < _LEAST_QUADRATURE:
                return math.inf
            # Rounded to the safe side: what is near shares layouts and nodes.
            first, second = (math.floor(_PER_DECADE * math.log10(part * found.whole)) for part in shares)
            key = (first, second)
            if key not in priced:
                priced[key] = found.cheapest(self.choices(*key))
            return priced[key]

        best_shares(price, 2)

    def choices(self, left_out: int, quadrature: int) -> list[_Choice]:
        """Choices whose couplings left out and nodes on scalars keep errors of such levels."""
        key = (left_out, quadrature)
        if key not in self.known:
            if left_out not in self.layouts:
                pruned = self.flow.pruned(_error(left_out))
                self.layouts[left_out] = MaskLayout(pruned) if pruned.start.size <= _MOST_KEPT else None
            layout = self.layouts[left_out]
            self.known[key] = [] if layout is None else _choices(layout, _error(quadrature))
        return self.known[key]


def _error(level: int) -> float:
    return math.pow(10.0, level / _PER_DECADE)


def _rounded(largest: float) -> float:
    """A little more, so that near layouts share nodes."""
    return _WIDER ** math.ceil(math.log(largest, _WIDER)) if largest else 0.0


def _choices(layout: MaskLayout, quadrature: float) -> list[_Choice]:
    """Nodes of least norm with every number of Gauss points."""
    fitted = fit_nodes(
        _rounded(layout.largest), float(np.clip(quadrature / layout.length, _FINEST, _COARSEST))
    )
    return [_Choice(layout, layout.formula(stages), nodes) for stages in _STAGES for nodes in fitted]


def _plan(problem: LinearRecurrence, choice: _Choice, budget: ErrorBudget) -> Plan:
    layout, formula, nodes = choice.layout, choice.formula, choice.nodes
    rotations = layout.rotations(formula, nodes)
    quadrature, product = layout.errors(formula, nodes)
    return Plan(
        solver="mask_lchs",
        problem=problem,
        queries=formula.stages,
        resources=Resources(
            qubits=formula.n_qubits + nodes.n_qubits,
            two_qubit=choice.two_qubit,
            rotations=rotations,
            t_gates=rotation_t_count(rotations, SYNTHESIS),
            success_probability=choice.success(choice.error),
            shots=math.ceil(choice.shots(budget.shots * problem.unit, choice.error)),
        ),
        error_budget=budget,
        scale=choice.norm,
        readout=RecentredReadout(NormedReadout(layout.readout, choice.norm), layout.flow.offset),
        build=lambda: layout.circuit(formula, nodes),
        branch=lambda: layout.branch(formula, nodes),
        parameters={
            "nodes": "fitted, checked on this flow",
            "number": nodes.weights.size,
            "norm": nodes.norm,
            "masks": len(formula.masks),
            "Gauss points": formula.stages,
            "coordinates kept": layout.flow.start.size,
            "left out": layout.flow.drift / problem.unit,
            "quadrature": quadrature / problem.unit,
            "product formula": product / problem.unit,
            "needed": "an eigenframe, n^3; m T products with the step, and m with the formula, 2^q nodes each",
        },
    )
