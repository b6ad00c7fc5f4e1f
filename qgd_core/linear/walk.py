"""The adiabatic walk on arrays: what leaves the encoding's ancillas is followed too, without a circuit."""

from __future__ import annotations

import math

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.encodings.base import Action, transposed


def follow(action: Action, alpha: float, e: RealArray, angles: RealArray) -> RealArray:
    """The part of the walk's state that is kept: mixing qubit 0, ancillas 0, side 1.

    With T the encoded dilation of A / alpha and P its ancillas in |0>, states are P y + (1 - P) T k: the pair (y, k)
    is closed under T, since T (1 - P) T k = P (1 - B^2) k - (1 - P) T B k for B the encoded matrix, and under Z on
    the side, which anticommutes with T.
    Arguments: action, the matrix (n, n) and alpha; e, right side, length 1, shape (n,); angles, one a step, even many.
    Result: the unnormalised state, shape (n,), exact to rounding, by 3 products a step.
    Raises: nothing.
    Source: Costa et al., arXiv:2111.08152, section 3, for the walk.
    """
    back = transposed(action)

    def dilated(v: RealArray) -> RealArray:
        return np.stack([action @ v[1], back @ v[0]]) / alpha

    # Axes: mixing qubit, (y, k), side, system; no more than a few vectors besides.
    state = np.zeros((2, 2, 2, e.size))
    state[0, 0, 0] = e
    for step, angle in enumerate(angles.tolist()):
        _mix(state, *(_turn(angle) if step % 2 == 0 else _HADAMARD))
        y, k = state[1]
        y -= dilated(k)
        moved = dilated(y)
        moved += k
        state[1, 1], state[1, 0] = y, moved
        state[0, 0, 1] *= -1.0
        state[0, 1, 0] *= -1.0
        _mix(state, *(_HADAMARD if step % 2 == 0 else _turn(-angle)))
        # 1 - 2 P, and on even steps 1 - 2 P e e^T besides.
        if step % 2 == 0:
            state[0, 0, 0] -= 2.0 * (e @ state[0, 0, 0]) * e
        state[0, 0] *= -1.0
    return np.asarray(state[0, 0, 1])


_HADAMARD = (math.sqrt(0.5), math.sqrt(0.5), math.sqrt(0.5), -math.sqrt(0.5))


def _turn(angle: float) -> tuple[float, float, float, float]:
    c, s = math.cos(angle / 2), math.sin(angle / 2)
    return c, -s, s, c


def _mix(state: RealArray, a: float, b: float, c: float, d: float) -> None:
    """Apply a matrix ((a, b), (c, d)) to the mixing qubit, in place."""
    for part in np.ndindex(2, 2):
        first, second = state[0][part], state[1][part]
        state[0][part], state[1][part] = a * first + b * second, c * first + d * second
