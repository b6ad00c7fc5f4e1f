"""Fixed label weights: how to share a matrix among its diagonals with the least alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from qgd_core.arrays import RealArray

_SAMPLE = 2048
# How near the least alpha is to be, the share of the gap that a step aims at, how far it may go, and how many there are.
_GAP, _AIM, _REACH, _STEPS = 1e-8, 0.2, 2.0, 60
# What a step leaves of a distance to a border, in all.
_LEFT = 0.05
Strips = Callable[[], Iterable[RealArray]]


@dataclass(frozen=True)
class Need:
    """What columns of log |entries|, (labels, columns), ask for at weights exp(y), convex in y.

    `of`, the logarithm of it for each column; `slopes`, its derivatives by y, (labels, columns); `bend`, from slopes
    and a factor for each column, the sum of its second derivatives times these factors, (labels, labels).
    """

    of: Callable[[RealArray, RealArray], RealArray]
    slopes: Callable[[RealArray, RealArray], RealArray]
    bend: Callable[[RealArray, RealArray], RealArray]


def least_alpha(strips: Strips, need: Need) -> tuple[float, RealArray]:
    """Positive label weights c of norm 1 for which the neediest column asks for the least alpha.

    Arguments: strips, makes log |entries| anew, some columns at a time, each (labels, columns), -inf for zeros; need,
    CHAIN or PRODUCT, at c = exp(y).
    Result: (alpha, c); alpha is valid to rounding for these c, and the least within about 1e-8 where entries span less
    than ten powers of ten and the 2048 neediest columns decide. It is inf where no weights serve.
    Raises: nothing.
    Source: a convex problem in log c, solved by primal and dual Newton steps (Boyd and Vandenberghe, Convex
    Optimization, 2004, section 11.7, with slacks).
    """
    parts = [(_log_sum(logs, 1), logs.shape[1]) for logs in strips()]
    sums = _log_sum(np.array([part for part, _ in parts]), 0)
    start = 0.5 * (sums - np.log(sum(size for _, size in parts)))
    start -= _length(start)
    demands = np.concatenate([need.of(logs, start) for logs in strips()])
    first = float(demands.max())
    if not first < np.inf:
        return np.inf, np.exp(start)
    # Of columns that are the same, as those of a uniform band, one is enough.
    neediest = np.argsort(-demands)[:_SAMPLE]
    sample = np.unique(_columns(strips, neediest[demands[neediest] > -np.inf]), axis=1)
    y = _shorten(sample, need, start + first)
    # At norm 1, all ask for as much more as the weights shrink.
    y -= _length(y)
    last = max(float(need.of(logs, y).max()) for logs in strips())
    best, weights = (last, y) if last < first else (first, start)
    with np.errstate(over="ignore"):
        return float(np.exp(best)), np.exp(weights)


def _shorten(sample: RealArray, need: Need, y: RealArray) -> RealArray:
    """The shortest exp(y) for which no column asks for more than 1.

    `rooms` are what columns leave below that, `prices` what the length would gain by their asking for more.
    """
    free, step = np.flatnonzero(y > -np.inf), np.zeros_like(y)
    prices = np.full(sample.shape[1], 1.0 / sample.shape[1])
    rooms = np.maximum(-need.of(sample, y), 0.1)
    for _ in range(_STEPS):
        excess, slopes, masses = (
            need.of(sample, y) + rooms,
            need.slopes(sample, y),
            np.exp(2.0 * (y - _length(y))),
        )
        gap = float(prices @ rooms)
        if max(gap, np.abs(excess).max(), np.abs(masses + slopes @ prices).max()) < _GAP:
            break
        goal, ratios = _AIM * gap / prices.size, prices / rooms
        bend = 2.0 * (np.diag(masses) - np.outer(masses, masses)) + need.bend(slopes, prices)
        bend += (slopes * ratios) @ slopes.T
        slope = masses + slopes @ (goal / rooms + ratios * excess)
        # Labels that hardly matter leave it nearly singular.
        step[free] = -np.linalg.lstsq(bend[np.ix_(free, free)], slope[free])[0]
        opened = -excess - slopes.T @ step
        raised = goal / rooms - prices - ratios * opened
        part = min(_longest(rooms, opened), _REACH / max(_REACH, float(np.abs(step).max())))
        y, rooms = y + part * step, rooms + part * opened
        prices = prices + _longest(prices, raised) * raised
    return y


def _longest(x: RealArray, dx: RealArray) -> float:
    """The part of a step, at most 1, that leaves every entry above 0."""
    return (1.0 - _LEFT) / max(1.0 - _LEFT, float((-dx / x).max()))


def _columns(strips: Strips, wanted: NDArray[np.intp]) -> RealArray:
    """These columns, in any order."""
    found, first = [], 0
    for logs in strips():
        here = wanted[(wanted >= first) & (wanted < first + logs.shape[1])] - first
        found.append(logs[:, here])
        first += logs.shape[1]
    return np.hstack(found)


def _log_sum(logs: RealArray, axis: int) -> RealArray:
    """Logarithm of the sum of exponentials, as scipy's at a third of its time."""
    top = logs.max(axis=axis, keepdims=True)
    top[~np.isfinite(top)] = 0.0
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(logs - top).sum(axis=axis)) + top.squeeze(axis))


def _length(y: RealArray) -> float:
    """Logarithm of the norm of exp(y)."""
    return 0.5 * float(_log_sum(2.0 * y, 0))


def _asked(logs: RealArray, y: RealArray) -> RealArray:
    """log(entries / weights); a label of weight 0 has no entries and asks for nothing."""
    return logs - np.where(y > -np.inf, y, 0.0)[:, np.newaxis]


def _chain(logs: RealArray, y: RealArray) -> RealArray:
    return np.asarray(0.5 * _log_sum(2.0 * _asked(logs, y), 0))


def _chain_slopes(logs: RealArray, y: RealArray) -> RealArray:
    asked = 2.0 * _asked(logs, y)
    return np.asarray(-np.exp(asked - _log_sum(asked, 0)))


def _chain_bend(slopes: RealArray, factors: RealArray) -> RealArray:
    return np.asarray(-2.0 * (np.diag(slopes @ factors) + (slopes * factors) @ slopes.T))


def _product(logs: RealArray, y: RealArray) -> RealArray:
    ratios = _asked(logs, y)
    base, others = ratios[0], ratios[1:]
    with np.errstate(invalid="ignore"):
        whole = base + 0.5 * np.logaddexp(0.0, 2 * (others - base)).sum(axis=0)
    count = np.count_nonzero(others > -np.inf, axis=0)
    single = np.where(count > 1, np.inf, others.max(axis=0, initial=-np.inf))
    return np.asarray(np.where(base > -np.inf, whole, single))


def _product_slopes(logs: RealArray, y: RealArray) -> RealArray:
    ratios = _asked(logs, y)
    others = -expit(2.0 * (ratios[1:] - np.maximum(ratios[0], -1e300)))
    return np.vstack([-1.0 - others.sum(axis=0), others])


def _product_bend(slopes: RealArray, factors: RealArray) -> RealArray:
    """Each label's share of a column bends in its weight against the first's alone."""
    own = -2.0 * (slopes[1:] * (1.0 + slopes[1:])) @ factors
    return np.block([[np.array([[own.sum()]]), -own], [-own[:, np.newaxis], np.diag(own)]])


CHAIN = Need(_chain, _chain_slopes, _chain_bend)
"""Exact one-hot states: the norm of entries / weights."""
PRODUCT = Need(_product, _product_slopes, _product_bend)
"""Independent rotations, the first label being all zeros: each adds the loss to states that are not one-hot."""
