"""Quadratures of exp(-x) = integral of g(k) exp(-i k x): one table, nodes on a grid of 2^m points about zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import linprog

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.errors import PrecisionUnreachable

Kernel: TypeAlias = Callable[[Any], Any]
_MOST_NODES = 1 << 20
# k = sinh of these.
_LINE = np.linspace(0.0, 30.0, 3_001)
# Half widths of the strips in which a kernel is taken as analytic.
_STRIPS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
# How far beyond X the first image of a fitted combination lies: tried in turn.
_GAPS = (2.0, 3.5, 6.0)
# X of a fit is rounded up to a power of this.
_STEP = 1.03


@dataclass(frozen=True, eq=False)
class Nodes:
    """sum_j weights[j] exp(-i k_j (x + tilt)) near exp(-x) for 0 <= x <= X, k_j = (j - (2^m - 1) / 2) spacing."""

    spacing: float
    weights: ComplexArray
    tilt: float
    proven: bool

    @property
    def n_qubits(self) -> int:
        """m."""
        return self.weights.size.bit_length() - 1

    @property
    def k(self) -> RealArray:
        """The nodes."""
        return np.asarray((np.arange(self.weights.size) - (self.weights.size - 1) / 2) * self.spacing)

    @property
    def norm(self) -> float:
        """Sum of |weights|: the subnormalisation of the combination."""
        return float(np.abs(self.weights).sum())

    @property
    def operator_slack(self) -> float:
        """How many times its share the combination of evolutions may miss the flow: quadrature and formula.

        Nodes fitted to scalars were measured to miss up to 1.3 times as much on matrices: twice that is allowed.
        """
        return 2.0 if self.proven else 4.0

    def error(self, largest: float, density: int = 16) -> float:
        """Largest error on a grid of 0 <= x <= largest, `density` points per half turn of the fastest node."""
        points = max(64, math.ceil(density * largest * float(self.k.max()) / np.pi))
        x = np.linspace(0.0, largest, min(points, 4_000))
        sums = np.exp(-1j * np.outer(x + self.tilt, self.k)) @ self.weights
        return float(np.abs(sums - np.exp(-x)).max())


def low_somma(largest: float, eps: float) -> Nodes:
    """Nodes of the shifted Gaussian kernel, whose error bound holds for every dissipative operator.

    Arguments: largest, X, at least |L| T; eps, error in the operator norm.
    Result: nodes of error at most eps, half from the cut at K and half from the spacing; the shift c is the
    one of least (sum of weights)^2 K among 24.
    Raises: PrecisionUnreachable past 2^20 nodes.
    Source: Low, Somma, arXiv:2508.19238, Eq 6 and theorems 2 and 3.
    """
    found = [_low_somma(c, largest, eps / 2) for c in np.geomspace(0.1, 4.0, 24)]
    return min(found, key=lambda nodes: nodes.norm**2 * float(nodes.k[-1]))


def _low_somma(c: float, largest: float, eps: float) -> Nodes:
    width = math.sqrt(c + math.log((1.0 + 0.5 / math.pi) / eps)) / c
    cut = 2.0 * c * width**2
    spacing = math.pi / (largest / 2 + math.log(64.0 / 15.0 / eps) + 1.5 * c)
    return _grid(
        spacing,
        cut,
        lambda k: np.exp(c - (k**2 + 1.0) / (4.0 * width**2)) / (np.pi * (1.0 + k**2)),
        c,
        proven=True,
    )


def cauchy(largest: float, eps: float) -> Nodes:
    """Nodes of the first kernel, 1 / (pi (1 + k^2)): sum of weights 1, but K about 4 / (pi eps).

    Arguments and result as for `low_somma`; half of eps goes to the cut, half to the spacing (`_analytic`).
    Raises: PrecisionUnreachable past 2^20 nodes.
    Source: An, Liu, Lin, arXiv:2303.01029.
    """
    return _analytic(lambda k: 1.0 / (np.pi * (1.0 + k**2)), largest, eps)


def an_childs_lin(largest: float, eps: float) -> Nodes:
    """Nodes of the kernel exp(2^b - (1 + i k)^b) / (2 pi (1 - i k)): K grows like log(1 / eps)^(1 / b).

    Arguments and result as for `cauchy`; b is the one of least (sum of weights)^2 K among eight in [0.5, 0.9].
    Raises: PrecisionUnreachable past 2^20 nodes.
    Source: An, Childs, Lin, arXiv:2312.03916, Eq 7.
    """

    def kernel(b: float) -> Kernel:
        return lambda k: np.exp(2.0**b - (1.0 + 1j * k) ** b) / (2.0 * np.pi * (1.0 - 1j * k))

    found = [_analytic(kernel(b), largest, eps) for b in np.linspace(0.5, 0.9, 8).tolist()]
    return min(found, key=lambda nodes: nodes.norm**2 * float(nodes.k[-1]))


def _analytic(kernel: Kernel, largest: float, eps: float) -> Nodes:
    """A kernel on a uniform grid, for any dissipative operator: half of eps for the cut, half for the spacing.

    The cut: beyond K the magnitudes fall, so that their sum is below their integral from one spacing before. The
    spacing h: the unitaries are entire in k, below exp(X d) at Im k = d and below 1 at Im k = -d, so that in a strip
    |Im k| <= d < 1 where the kernel is analytic the error is below (exp(X d) I(d) + I(-d)) / (exp(2 pi d / h) - 1),
    I(d) the integral of |kernel| on the line. Source: Trefethen, Weideman, SIAM Review 56, 385 (2014), theorem 5.1.
    """
    spacing = 0.0
    for d in _STRIPS:
        log_above = largest * d + math.log(_on_line(kernel, d))
        total = float(np.logaddexp(log_above, math.log(_on_line(kernel, -d))))
        spacing = max(spacing, 2.0 * math.pi * d / float(np.logaddexp(0.0, total - math.log(eps / 2.0))))
    sizes = _magnitudes(kernel, 0.0)
    tails = np.cumsum(sizes[::-1])[::-1]
    cut = float(np.sinh(_LINE[np.argmax(2.0 * tails <= eps / 2.0)]))
    return _grid(spacing, cut + spacing, kernel, 0.0, proven=True)


def _on_line(kernel: Kernel, d: float) -> float:
    """The integral of |kernel| over Im k = d, from above."""
    return float(_magnitudes(kernel, d).sum() + _magnitudes(kernel, d, -1.0).sum())


def _magnitudes(kernel: Kernel, d: float, side: float = 1.0) -> RealArray:
    """Pieces of that integral over one half of the line: by k = sinh t it is smooth and short."""
    values = np.abs(kernel(side * np.sinh(_LINE) + 1j * d)) * np.cosh(_LINE)
    return np.asarray(1.01 * (_LINE[1] - _LINE[0]) * values)


def _grid(spacing: float, cut: float, kernel: Kernel, tilt: float, *, proven: bool) -> Nodes:
    """The kernel on the least power of two of nodes that reach the cut, spread as densely as that number allows."""
    count = 2 ** max(1, math.ceil(math.log2(2.0 * cut / spacing)))
    if count > _MOST_NODES:
        raise PrecisionUnreachable(
            f"The quadrature needs {count} nodes, more than {_MOST_NODES}.",
            value=count,
            remedy="Use another kernel, a shorter time or a larger eps.",
        )
    spacing = 2.0 * cut / count
    k = (np.arange(count) - (count - 1) / 2) * spacing
    return Nodes(spacing, (spacing * kernel(k)).astype(np.complex128), tilt, proven)


def fitted(largest: float, eps: float) -> Nodes:
    """Nodes fitted by a linear programme: the fewest, but only for what was fitted, scalars 0 <= x <= X.

    Arguments and result as for `low_somma`, the error being measured on a grid four times finer than the one
    fitted; for operators that are not normal it is not proved (measured 0.97 to 1.3 times the scalar error).
    Of the two least numbers of nodes that reach eps, the one of least m (sum of weights)^2.
    Raises: PrecisionUnreachable when 256 nodes do not reach eps.
    Source: least sum |g| by HiGHS, on half-integer nodes whose images stay some way off [0, X].
    """
    found = fit_nodes(largest, eps)
    if not found:
        raise PrecisionUnreachable(
            f"256 fitted nodes do not reach {eps:.1e} for X = {largest:.3g}.", value=eps
        )
    return min(found, key=lambda nodes: nodes.n_qubits * nodes.norm**2)


def fit_nodes(largest: float, eps: float) -> tuple[Nodes, ...]:
    """Fitted nodes of least norm, for the two least numbers of them that reach eps; none past 256."""
    # Both rounded a little to the safe side, so that near questions share an answer.
    wide = _STEP ** math.ceil(math.log(largest, _STEP)) if largest else 0.0
    return _fitted(wide, 10.0 ** (math.floor(8.0 * math.log10(eps)) / 8.0))


@lru_cache(maxsize=512)
def _fitted(largest: float, eps: float) -> tuple[Nodes, ...]:
    found: list[Nodes] = []
    # Fewer nodes than a third of X have not been seen to reach any error below 0.3.
    for m in range(max(1, math.ceil(math.log2(max(2.0, largest / 3.0)))), 9):
        tried = (_fit(largest, eps, 2.0 * math.pi / (largest + gap), m) for gap in _GAPS)
        # The fine grid is what decides: a fit may be exact on its own grid and wrong between its points.
        good = [nodes for nodes in tried if nodes is not None and nodes.error(largest, density=32) <= eps]
        if good:
            found.append(min(good, key=lambda nodes: nodes.norm))
        if len(found) == 2:
            break
    return tuple(found)


def _fit(largest: float, eps: float, spacing: float, m: int) -> Nodes | None:
    """Least sum of |weights| within 0.8 eps on a grid of eight points per half turn of the fastest node."""
    half = (np.arange(2 ** (m - 1)) + 0.5) * spacing
    x = np.linspace(0.0, largest, max(64, math.ceil(8 * largest * half[-1] / math.pi)))
    turns, wanted = np.outer(x, half), np.exp(-x)
    basis = 2.0 * np.hstack([np.cos(turns), np.sin(turns)])
    signed = np.hstack([basis, -basis])
    found = linprog(
        np.full(4 * half.size, 2.0),
        A_ub=np.vstack([signed, -signed]),
        b_ub=np.concatenate([wanted + 0.8 * eps, 0.8 * eps - wanted]),
    )
    if found.status != 0 or found.x is None:
        return None
    plus, minus = np.split(np.asarray(found.x), 2)
    even, odd = np.split(plus - minus, 2)
    upper = even + 1j * odd
    return Nodes(spacing, np.concatenate([upper.conj()[::-1], upper]), 0.0, proven=False)


NODES: dict[str, Callable[[float, float], Nodes]] = {
    "low_somma": low_somma,
    "cauchy": cauchy,
    "an_childs_lin": an_childs_lin,
    "fitted": fitted,
}
