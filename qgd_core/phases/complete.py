"""The complementary polynomial: what fills a polynomial up to a unitary."""

from __future__ import annotations

import numpy as np
import scipy.fft as fft

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.errors import PrecisionUnreachable
from qgd_core.phases.nlft import Coefficients

_GRIDS = (1 << 21, 1 << 26)  # points tried at least, and at most, before giving up
_FLOOR = 1e-9  # a tail below this that no longer falls is rounding


def complete(b: Coefficients, tolerance: float = 1e-13) -> Coefficients:
    """Polynomial a* with |a*|^2 + |b|^2 = 1 on the unit circle, a*(0) > 0 and no zero in the unit disk.

    Arguments: b, coefficients of powers 0 to d, float64 or complex128, with |b| < 1 on the circle; tolerance,
    largest coefficient past degree d that counts as none.
    Result: coefficients of powers 0 to d, same dtype. The grid is doubled until the tail past d is below
    tolerance or no longer falls; near |b| = 1 the logarithm loses digits, so certify what is made of it.
    Raises: PrecisionUnreachable when 64 (d + 1) points (at least 2**21, at most 2**26) do not suffice.
    Source: Berntson, Sunderhauf, arXiv:2406.04246, algorithm 1 (log, analytic projection, exp by FFT).
    """
    size = 1 << (8 * b.size - 1).bit_length()
    largest = min(max(8 * size, _GRIDS[0]), _GRIDS[1])
    before = np.inf
    while size <= largest:
        room = 1.0 - np.abs(_values(b, size)) ** 2
        if not room.min() > 0:
            break
        a_star = _outer(np.log(room), size, like=b)
        tail = float(np.abs(a_star[b.size :]).max())
        if tail <= tolerance or 0.5 * before < tail <= _FLOOR:
            return a_star[: b.size]
        before = tail
        size *= 2
    raise PrecisionUnreachable(
        f"No complementary polynomial of degree {b.size - 1} found: the magnitude comes too near 1.",
        value=float(1.0 - np.abs(_values(b, 8 * b.size)).max()),
        remedy="Scale the polynomial down.",
    )


def _outer(logs: RealArray, size: int, like: Coefficients) -> Coefficients:
    """Coefficients of the function without zeros in the disk whose squared magnitude has these logarithms."""
    real = not np.iscomplexobj(like)
    cepstrum = np.asarray(fft.irfft(logs, size) if real else fft.ifft(logs))
    cepstrum[[0, size // 2]] *= 0.5
    cepstrum[size // 2 + 1 :] = 0.0
    spectrum = np.exp(_values(cepstrum, size))
    return np.asarray(fft.irfft(spectrum, size) if real else fft.ifft(spectrum))


def _values(series: Coefficients, size: int) -> ComplexArray:
    return np.asarray(fft.fft(series, size) if np.iscomplexobj(series) else fft.rfft(series, size))
