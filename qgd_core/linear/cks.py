"""The first polynomial inverse, a baseline: the Chebyshev series of (1 - (1 - x^2)^b) / x."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binom

from qgd_core.linear.base import Plan
from qgd_core.linear.qsvt import Inverse, plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import Target, certified, measured


def plan_cks(problem: LinearSystem, eps: float, encoding: str = "auto", share: float | None = None) -> Plan:
    """Plan A x = b by the series of arXiv:1511.02306: as `plan_qsvt`, at 2 to 6 times its degree."""
    return plan_qsvt(problem, eps, encoding, share, Inverse("cks", _degree, series))


def series(kappa: float, eps: float) -> Target:
    """1/x on [1/kappa, 1] within eps, as an odd Chebyshev series.

    Arguments: kappa, above 1; eps, absolute error of 1/x, half of it for each approximation.
    Result: 4 sum_j (-1)^j P[Bin(2b, 1/2) > b + j] T_(2j+1), j <= D.
    Raises: PrecisionUnreachable where rounding alone exceeds eps.
    Source: Childs, Kothari, Somma, arXiv:1511.02306, lemmas 17 to 19.
    """
    b, most = _sizes(kappa, eps)

    def of(most: int) -> Target:
        j = np.arange(most + 1)
        coefficients = np.zeros(2 * most + 2)
        coefficients[1::2] = 4.0 * (-1.0) ** j * binom.sf(b + j, 2 * b, 0.5)
        return measured(Chebyshev(coefficients), eps, 1.0 / kappa, np.reciprocal)

    return certified(of, most, eps)


def _sizes(kappa: float, eps: float) -> tuple[int, int]:
    b = max(1, math.ceil(kappa**2 * math.log(2.0 * max(kappa, eps) / eps)))
    return b, max(1, math.ceil(math.sqrt(b * max(0.0, math.log(8.0 * b / eps)))))


def _degree(kappa: float, eps: float) -> int:
    return 2 * _sizes(kappa, eps)[1] + 1
