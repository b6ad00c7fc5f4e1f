"""Degree-level weights of a cubic Carleman step of order 3: exactly normalised labels from Perron vectors.

The step is append(f) o contract, between which the degrees are rescaled by lengths that make contract's norm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from qgd_core.arrays import RealArray
from qgd_core.errors import ConfigError

ORDER = 3
_LEAST = 1e-12


@dataclass(frozen=True)
class Degrees:
    """Amplitudes of the transitions between degrees: `column[i, j]` on the way in, `row[i, j]` on the way out.

    `contract_*` for degrees 1 to 3, norm 1; `append_*` for degrees 0 to 3, norm alpha. Their products, times the norm,
    are the weights of the blocks.
    """

    alpha: float
    contract_column: RealArray
    contract_row: RealArray
    append_column: RealArray
    append_row: RealArray


def weigh_degrees(
    multiplier: float, quadratic: float, cubic: float, offset: float, balances: tuple[float, float]
) -> Degrees:
    """Choose the lengths between the two parts that make alpha least.

    Arguments: multiplier, the largest |w_i|; quadratic and cubic, the sums of the magnitudes of their terms' weights;
    offset, |f|; all in the coordinates of the encoded vector; balances, the weights of degrees 2 and 3 in it.
    Result: amplitudes that reproduce the step exactly; alpha is the norm of append's weights with those lengths.
    Raises: ConfigError when the multipliers, the quadratic part or the offset are zero.
    Source: row and column states with Perron weights, arXiv:0810.0312, on degrees; derived here.
    """
    for name, value in {"multipliers": multiplier, "quadratic part": quadratic, "offset": offset}.items():
        if not value > _LEAST:
            raise ConfigError(
                f"The {name} of a cubic step in slots must not be zero.",
                value=value,
                remedy="Use order 2 in slots, or encode the entries.",
            )
    contract, append = block_weights(multiplier, quadratic, cubic, offset, balances)

    def parts(logs: RealArray) -> tuple[RealArray, RealArray]:
        lengths = np.exp(np.append(0.0, logs))
        lengths *= np.linalg.norm(contract / lengths[:, np.newaxis], 2)
        return contract / lengths[:, np.newaxis], append * np.append(1.0, lengths)

    def norm(logs: RealArray) -> float:
        return float(np.linalg.norm(parts(logs)[1], 2))

    start: Any = np.zeros(2)
    best = minimize(norm, start, method="Nelder-Mead")
    inner, outer = parts(best.x)
    _, *kept = _perron(inner)
    alpha, *added = _perron(outer)
    return Degrees(alpha, *kept, *added)


def block_weights(
    multiplier: float, quadratic: float, cubic: float, offset: float, balances: tuple[float, float]
) -> tuple[RealArray, RealArray]:
    """The blocks' weights of contract on degrees 1 to 3, and of append on degrees 0 to 3; arguments as above."""
    second, third = balances
    contract = np.array(
        [
            [multiplier, quadratic / second, cubic / third],
            [0.0, multiplier**2, 2.0 * multiplier * quadratic * second / third],
            [0.0, 0.0, multiplier**3],
        ]
    )
    weights = np.array([1.0, 1.0, second, third])
    append = np.array(
        [
            [
                math.comb(i, j) * offset ** (i - j) * weights[i] / weights[j] if j <= i else 0.0
                for j in range(4)
            ]
            for i in range(4)
        ]
    )
    return contract, append


def _perron(blocks: RealArray) -> tuple[float, RealArray, RealArray]:
    """The norm of a non-negative connected matrix, and column and row amplitudes of unit columns and rows."""
    left, values, right = np.linalg.svd(blocks)
    u, v = np.abs(left[:, 0]), np.abs(right[0])
    share = blocks / values[0]
    return float(values[0]), np.sqrt(share * np.outer(u, 1.0 / v)), np.sqrt(share * np.outer(1.0 / u, v))
