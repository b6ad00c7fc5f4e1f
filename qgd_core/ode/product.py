"""Product formulas of second and fourth order, with error bounds computed from nested commutators of their terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import RealArray
from qgd_core.linear.classical import upper_norm

Letter: TypeAlias = Hashable
Word: TypeAlias = tuple[Letter, ...]
Stages: TypeAlias = tuple[tuple[Letter, float], ...]

_P = 1.0 / (4.0 - 4.0 ** (1.0 / 3.0))
# Parts of a step over which Strang's formula runs, by order.
SUBSTEPS: dict[int, tuple[float, ...]] = {2: (1.0,), 4: (_P, _P, 1.0 - 4.0 * _P, _P, _P)}


def durations(time: float, steps: int, order: int) -> list[float]:
    """How long each run of Strang's formula takes: `steps` steps of the formula of that order."""
    return [part * time / steps for _ in range(steps) for part in SUBSTEPS[order]]


def symmetric_stages(letters: Sequence[tuple[Letter, float]], order: int) -> Stages:
    """One unit step of the formula of that order: what acts, first to last, and for how long.

    Arguments: letters, what one half of a symmetric second-order step applies, in order, with lengths that add up to
    1/2 for every letter; order, 2 or 4.
    Result: the stages, neighbours of one letter merged.
    Raises: nothing.
    Source: Suzuki, Phys. Lett. A 146, 319 (1990).
    """
    once = [*letters, *reversed(letters)]
    merged: list[tuple[Letter, float]] = []
    for part in SUBSTEPS[order]:
        for letter, length in once:
            if merged and merged[-1][0] == letter:
                merged[-1] = (letter, merged[-1][1] + part * length)
            else:
                merged.append((letter, part * length))
    return tuple(merged)


@lru_cache(maxsize=64)
def commutator_weights(stages: Stages, order: int, cut: int) -> dict[Word, float]:
    """Weights c of the bound |S(t) - exp(t G)| <= t^(p+1) sum_w c_w |nested commutator of word w|.

    Arguments: stages of a formula S of order p for an anti-Hermitian G, as `symmetric_stages` gives them; order, p;
    cut, how many stages form the right factor R of S = L R.
    Result: c by word (innermost letter first, p + 1 letters); words whose first two letters are equal vanish and are
    left out.
    Raises: nothing.
    Source: Childs, Su, Tran, Wiebe, Zhu, arXiv:1912.08854, section 3: S' - G S = L (X + Y - L^-1 G L) R, where X and Y
    hold the generators of the stages, each turned by those between it and the cut; what is below order p cancels,
    and every remainder is a nested commutator between unitaries.
    """
    right, left = stages[:cut], stages[cut:]
    total: dict[Word, float] = defaultdict(float)
    for at, stage in enumerate(right):
        _add_words(total, stage, right[at + 1 :], order)
    for at, stage in enumerate(left):
        _add_words(total, stage, left[:at][::-1], order)
    if left:
        for letter in dict.fromkeys(letter for letter, _ in stages):
            _add_words(total, (letter, 1.0), left[::-1], order)
    return dict(total)


def _add_words(total: dict[Word, float], first: tuple[Letter, float], turns: Stages, order: int) -> None:
    """Remainders of the generator `first`, turned by one stage after the other, as words of order + 1 letters."""
    words: dict[Word, float] = {(first[0],): abs(first[1])}
    for letter, size in turns:
        longer: dict[Word, float] = defaultdict(float)
        for word, weight in words.items():
            factor = 1.0
            for extra in range(order + 2 - len(word)):
                factor *= abs(size) / extra if extra else 1.0
                grown = word + (letter,) * extra
                if len(grown) < 2 or grown[0] != grown[1]:
                    longer[grown] += weight * factor
        words = longer
    for word, weight in words.items():
        if len(word) == order + 1:
            total[word] += weight / (order + 1)


@dataclass(frozen=True, eq=False)
class CommutatorBound:
    """The bound of a formula as a polynomial of |k|, where the generator's parts are matrices, some times i k.

    by_power[j] multiplies |k|^j t^(p+1).
    """

    by_power: RealArray
    order: int

    def error(self, k: RealArray, time: float, steps: int) -> RealArray:
        """Bound on the error of `steps` steps over `time`, at each node k."""
        each = np.polynomial.polynomial.polyval(np.abs(k), self.by_power)
        return np.asarray(steps * (time / steps) ** (self.order + 1) * each)


def bound_commutators(
    stages: Stages, order: int, parts: Mapping[Letter, Any], with_k: frozenset[Letter]
) -> CommutatorBound:
    """Evaluate the nested commutators of a formula's terms.

    Arguments: stages and order as for `commutator_weights`; parts, the real matrix of each letter, dense or CSR; with_k, the
    letters whose term is i k times their (symmetric) matrix, the others being antisymmetric.
    Result: the bound as a polynomial of |k|; letters^(p+1) products at most, shared between words.
    Raises: nothing.
    Source: as `commutator_weights`.
    """
    nested: dict[Word, Any] = {}

    def commutator(word: Word) -> Any:
        if len(word) == 1:
            return parts[word[0]]
        if word not in nested:
            outer, inner = parts[word[-1]], commutator(word[:-1])
            nested[word] = outer @ inner - inner @ outer
        return nested[word]

    cuts = [commutator_weights(stages, order, cut) for cut in (len(stages), len(stages) // 2)]
    sizes: dict[Word, float] = {}
    place = {letter: i for i, letter in enumerate(parts)}
    for word in sorted(set().union(*cuts), key=lambda word: [place[letter] for letter in word]):
        # In this order words with a common beginning come together: only the beginnings of the last one are kept.
        nested = {known: matrix for known, matrix in nested.items() if known == word[: len(known)]}
        sizes[word] = _size(commutator(word))
    found = []
    for weights in cuts:
        by_power = np.zeros(order + 2)
        for word, weight in weights.items():
            by_power[sum(letter in with_k for letter in word)] += weight * sizes[word]
        found.append(by_power)
    return CommutatorBound(min(found, key=lambda powers: float(powers.sum())), order)


def _size(matrix: Any) -> float:
    """The 2-norm of a dense matrix, an upper bound on it of a sparse one."""
    return upper_norm(matrix) if isinstance(matrix, sp.csr_array) else float(np.linalg.norm(matrix, 2))
