"""Fixed label weights: how to share a matrix among its diagonals with the least alpha."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from qgd_core.arrays import RealArray

_SHARPNESS = (10.0, 100.0, 1e3, 1e4)
_SAMPLE = 2048
Need = Callable[[RealArray, RealArray], RealArray]


def least_alpha(logs: RealArray, need: Need) -> tuple[float, RealArray]:
    """Positive label weights c of norm 1 for which the neediest column asks for the least alpha.

    Arguments: logs, log |entries|, shape (labels, n), -inf for zeros; need, `chain_need` or `product_need`:
    the logarithm of what each column asks for at c = exp(y).
    Result: (alpha, c); alpha is valid to rounding for these c, and the least within about 1e-4. It is inf
    where no weights serve.
    Raises: nothing.
    Source: a convex problem in log c, solved by BFGS on a smoothed maximum that is sharpened.
    """
    start = 0.5 * (logsumexp(logs, axis=1) - np.log(logs.shape[1]))
    used = start > -np.inf
    start -= 0.5 * logsumexp(2 * start)
    demands = need(logs, start)
    if not demands.max() < np.inf:
        return np.inf, np.exp(start)
    sample = logs[:, np.argsort(-demands)[:_SAMPLE]]

    def smooth(y: RealArray, sharpness: float) -> float:
        y = np.where(used, y, -np.inf)
        return float(logsumexp(sharpness * need(sample, y)) / sharpness + 0.5 * logsumexp(2 * y))

    y = np.where(used, start, 0.0)
    for sharpness in _SHARPNESS:
        y = np.asarray(minimize(smooth, y, args=(sharpness,), method="BFGS").x)
    y = np.where(used, y, -np.inf)
    best = min((start, y), key=lambda z: need(logs, z).max() + 0.5 * logsumexp(2 * z))
    weights = np.exp(best - 0.5 * logsumexp(2 * best))
    with np.errstate(divide="ignore"):
        return float(np.exp(need(logs, np.log(weights)).max())), weights


def _asked(logs: RealArray, y: RealArray) -> RealArray:
    """log(entries / weights); a label of weight 0 has no entries and asks for nothing."""
    return logs - np.where(y > -np.inf, y, 0.0)[:, np.newaxis]


def chain_need(logs: RealArray, y: RealArray) -> RealArray:
    """Exact one-hot states: the norm of entries / weights."""
    return np.asarray(0.5 * logsumexp(2 * _asked(logs, y), axis=0))


def product_need(logs: RealArray, y: RealArray) -> RealArray:
    """Independent rotations, the first label being all zeros: each adds the loss to states that are not one-hot."""
    ratios = _asked(logs, y)
    base, others = ratios[0], ratios[1:]
    with np.errstate(invalid="ignore"):
        whole = base + 0.5 * np.logaddexp(0.0, 2 * (others - base)).sum(axis=0)
    count = np.count_nonzero(others > -np.inf, axis=0)
    single = np.where(count > 1, np.inf, others.max(axis=0, initial=-np.inf))
    return np.asarray(np.where(base > -np.inf, whole, single))
