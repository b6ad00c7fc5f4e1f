"""What is marched: the steps as they are, or groups of them whose singular values are amplified uniformly."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.realisation import Realisation
from qgd_core.linear.classical import DENSE, upper_norm
from qgd_core.linear.uniform import amplifier, amplify_values, chain, chain_spare, likely_queries
from qgd_core.ode.base import LinearRecurrence

# The polynomials' part of the error, and the slacks that are tried.
_SHARE = 0.05
_SLACKS = (0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.4, 0.5)
# Logarithms of the gain below which there is nothing to amplify, and above which degrees are out of reach; the least
# error of a polynomial, and its largest degree.
_LEAST_GAIN, _MOST_GAIN = 0.05, 10.0
_LEAST_ERROR = 1e-14
_MOST_DEGREE = 10**5
# A matrix and the logarithm of its factor.
_Scaled: TypeAlias = tuple[RealArray, float]


@dataclass(frozen=True, eq=False)
class March:
    """A realisation whose encodings act one after the other, `uses` times in all.

    steps, the encodings of single steps; queries, to those; spare, clean qubits besides; moved, an upper limit on what
    polynomials change of the state, in the unit of z, and `share`, what that is of the error asked for.
    """

    realisation: Realisation
    steps: tuple[BlockEncoding, ...]
    uses: int
    queries: int
    spare: int = 0
    moved: float = 0.0
    share: float = 0.0
    chosen: tuple[tuple[str, float | str], ...] = ()


def march_plainly(problem: LinearRecurrence, realisation: Realisation) -> March:
    """Every step by its own encoding."""
    return March(realisation, realisation.encodings, problem.steps, problem.steps)


def march_amplified(
    problem: LinearRecurrence, realisation: Realisation, eps: float, *, only_if_cheaper: bool
) -> March | None:
    """Groups of steps, each group one encoding by a counter, amplified by one polynomial.

    Success falls like alpha^(-2 T) without, and like (norm / (1 - slack))^(-2 T / group) with it, for a degree near
    gain / (3.3 slack) log(1 / error): group and slack are those of the least queries over success.
    Arguments: problem; realisation, of its steps; eps, of the whole error; only_if_cheaper, None where the steps as
    they are take fewer queries for each accepted run.
    Result: a march within 0.05 eps of the steps; None where no group's alpha is 1.05 above its norm, or a step is not
    assembled, so that no norm is known.
    Raises: nothing.
    Source: Fang, Lin, Tong, arXiv:2208.06941, section 3, with theorem 30 of arXiv:1806.01838.
    """
    if not all(isinstance(e.target, sp.csr_array) for e in realisation.encodings):
        return None
    # Steps run back too: their adjoints must keep to the states in use.
    both_ways = tuple(one.both_ways() for one in realisation.encodings)
    realisation = replace(realisation, encodings=both_ways)
    steps = [realisation.encoding_at(t) for t in range(problem.steps)]
    constant, allowed = realisation.readout.constant, _SHARE * eps * problem.unit
    moved = allowed / (math.hypot(1.0, problem.bound() / constant) + allowed / constant)
    length = float(np.linalg.norm(realisation.start))
    norms = _Norms(realisation)
    # Logarithms of the alphas of the first steps, as many as the place says.
    grown = np.append(0.0, np.cumsum([math.log(e.alpha) for e in steps]))
    plain = 2.0 * float(grown[-1])
    best = plain if only_if_cheaper else math.inf
    chosen: tuple[list[range], float, float, float] | None = None
    for count in {math.ceil(problem.steps / 2**k) for k in range(problem.steps.bit_length() + 1)}:
        groups = _split(problem.steps, count)
        sizes = norms.logs(groups)
        alphas = np.diff(grown[[0, *(group.stop for group in groups)]])
        # Relative to a group's norm, so that all of them together move the state by `moved` at most.
        relative = math.log1p(moved / length * math.exp(-min(sizes.sum(), 700.0))) / count
        if relative < _LEAST_ERROR:
            continue
        for slack in _SLACKS:
            log_gain = float((alphas - sizes).min()) + math.log1p(-slack)
            if not _LEAST_GAIN <= log_gain <= _MOST_GAIN:
                continue
            gain, error = math.exp(log_gain), relative * math.exp(log_gain + float((sizes - alphas).min()))
            queries = likely_queries(gain, slack, error)
            price = math.log(queries) + 2.0 * float((alphas - log_gain).sum())
            if queries <= _MOST_DEGREE and price < best:
                best, chosen = price, (groups, gain, slack, error)
    if chosen is None:
        return None
    groups, gain, slack, error = chosen
    made: dict[tuple[int, ...], BlockEncoding] = {}
    keys = [tuple(id(steps[t]) for t in group) for group in groups]
    for key, group in zip(keys, groups, strict=True):
        if key not in made:
            made[key] = amplify_values(chain([steps[t] for t in group]), gain, slack, error)
    every = tuple(made[key] for key in keys)
    degree = amplifier(gain, slack, error).polynomial.degree
    return March(
        realisation=replace(realisation, encodings=every if len(made) > 1 else every[:1]),
        steps=realisation.encodings,
        uses=len(groups),
        queries=degree * problem.steps,
        spare=max(chain_spare([steps[t] for t in group]) for group in groups),
        moved=moved,
        share=_SHARE,
        chosen=(
            ("amplified", "singular values"),
            ("steps in a group", max(map(len, groups))),
            ("degree", degree),
            ("gain", gain),
            ("slack", slack),
            ("success without", (constant / length) ** 2 * math.exp(-min(plain, 700.0))),
        ),
    )


def _split(steps: int, count: int) -> list[range]:
    """The steps in so many groups, as equal as they can be, the longer ones first."""
    ends = np.cumsum([steps // count + (i < steps % count) for i in range(count)]).tolist()
    return [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]


class _Norms:
    """Logarithms of upper limits on the norms of products of consecutive steps: exact up to 512 rows in use."""

    def __init__(self, realisation: Realisation) -> None:
        targets = [e.target for e in realisation.encodings]
        self._same = len(targets) == 1
        used = None
        if all(np.count_nonzero(np.diff(one.indptr)) <= DENSE for one in targets):
            used = np.unique(np.concatenate([np.concatenate(one.nonzero()) for one in targets]))
        small = used is not None and used.size <= DENSE
        self._dense: list[RealArray] = [one[used][:, used].toarray() for one in targets] if small else []
        self._single = [] if small else [upper_norm(one) for one in targets]
        # Powers of 2 of the one step there is, and what is known of groups of different ones.
        self._squares = [(matrix, 0.0) for matrix in self._dense[:1]]
        self._known: dict[range, float] = {}

    def logs(self, groups: list[range]) -> RealArray:
        """Of each group of steps."""
        if self._same:
            lengths, which = np.unique([len(group) for group in groups], return_inverse=True)
            return np.array([self._power(length) for length in lengths.tolist()])[which]
        return np.array([self._log(group) for group in groups])

    def _log(self, group: range) -> float:
        if group not in self._known:
            self._known[group] = self._several(group)
        return self._known[group]

    def _power(self, length: int) -> float:
        """Of so many equal steps, by squaring."""
        if not self._dense:
            return length * math.log(self._single[0])
        while len(self._squares) < length.bit_length():
            self._squares.append(_times(self._squares[-1], self._squares[-1]))
        product = np.eye(len(self._dense[0])), 0.0
        for k in range(length.bit_length()):
            if length >> k & 1:
                product = _times(product, self._squares[k])
        return _log_norm(product)

    def _several(self, group: range) -> float:
        if not self._dense:
            return sum(math.log(self._single[t]) for t in group)
        product = self._dense[group[0]], 0.0
        for t in group[1:]:
            product = _times((self._dense[t], 0.0), product)
        return _log_norm(product)


def _times(one: _Scaled, other: _Scaled) -> _Scaled:
    """The product, its largest entry brought to 1: long products of growing steps would overflow."""
    product = one[0] @ other[0]
    size = float(np.abs(product).max()) or 1.0
    return product / size, one[1] + other[1] + math.log(size)


def _log_norm(product: _Scaled) -> float:
    return product[1] + math.log(max(float(np.linalg.norm(product[0], 2)), 1e-300))
