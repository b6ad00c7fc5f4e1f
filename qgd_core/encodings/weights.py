"""Fixed label weights: how to share a matrix among its diagonals with the least alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from qgd_core.arrays import RealArray

_SHARPNESS = (10.0, 100.0, 1e3, 1e4)
_SAMPLE = 2048
Need = Callable[[RealArray, RealArray], RealArray]


def least_alpha(strips: Callable[[], Iterable[RealArray]], need: Need) -> tuple[float, RealArray]:
    """Positive label weights c of norm 1 for which the neediest column asks for the least alpha.

    Arguments: strips, makes log |entries| anew, some columns at a time, each (labels, columns), -inf for zeros; need,
    `chain_need` or `product_need`: the logarithm of what each column asks for at c = exp(y).
    Result: (alpha, c); alpha is valid to rounding for these c, and the least within about 1e-4. It is inf
    where no weights serve.
    Raises: nothing.
    Source: a convex problem in log c, solved by BFGS on a smoothed maximum that is sharpened.
    """
    parts = [(_log_sum(logs, 1), logs.shape[1]) for logs in strips()]
    start = 0.5 * (logsumexp([part for part, _ in parts], axis=0) - np.log(sum(size for _, size in parts)))
    used = start > -np.inf
    start -= 0.5 * logsumexp(2 * start)
    demands = np.concatenate([need(logs, start) for logs in strips()])
    if not demands.max() < np.inf:
        return np.inf, np.exp(start)
    # Of columns that are the same, as those of a uniform band, one is enough.
    sample = np.unique(_columns(strips, np.argsort(-demands)[:_SAMPLE]), axis=1)

    def smooth(y: RealArray, sharpness: float) -> float:
        y = np.where(used, y, -np.inf)
        return float(logsumexp(sharpness * need(sample, y)) / sharpness + 0.5 * logsumexp(2 * y))

    def neediest(y: RealArray) -> float:
        return max(float(need(logs, y).max()) for logs in strips())

    y = np.where(used, start, 0.0)
    for sharpness in _SHARPNESS:
        y = np.asarray(minimize(smooth, y, args=(sharpness,), method="BFGS").x)
    y = np.where(used, y, -np.inf)
    # At norm 1, all ask for as much more as the weights shrink.
    lengths = [0.5 * float(logsumexp(2 * z)) for z in (start, y)]
    alphas = [neediest(z) + length for z, length in zip((start, y), lengths, strict=True)]
    best = int(np.argmin(alphas))
    return float(np.exp(alphas[best])), np.exp((start, y)[best] - lengths[best])


def _columns(strips: Callable[[], Iterable[RealArray]], wanted: NDArray[np.intp]) -> RealArray:
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


def _asked(logs: RealArray, y: RealArray) -> RealArray:
    """log(entries / weights); a label of weight 0 has no entries and asks for nothing."""
    return logs - np.where(y > -np.inf, y, 0.0)[:, np.newaxis]


def chain_need(logs: RealArray, y: RealArray) -> RealArray:
    """Exact one-hot states: the norm of entries / weights."""
    return np.asarray(0.5 * _log_sum(2 * _asked(logs, y), 0))


def product_need(logs: RealArray, y: RealArray) -> RealArray:
    """Independent rotations, the first label being all zeros: each adds the loss to states that are not one-hot."""
    ratios = _asked(logs, y)
    base, others = ratios[0], ratios[1:]
    with np.errstate(invalid="ignore"):
        whole = base + 0.5 * np.logaddexp(0.0, 2 * (others - base)).sum(axis=0)
    count = np.count_nonzero(others > -np.inf, axis=0)
    single = np.where(count > 1, np.inf, others.max(axis=0, initial=-np.inf))
    return np.asarray(np.where(base > -np.inf, whole, single))
