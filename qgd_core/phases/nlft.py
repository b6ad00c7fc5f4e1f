"""The nonlinear Fourier transform on SU(2): a product of rotations as two polynomials, and back, in n log^2 n.

Inside, factors keep their length sqrt(1 + |g|^2) and a* is held as a* - 1: most factors of a long product
are so near the identity that what they add to 1 would round to nothing, always to the same side.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import scipy.fft as fft
from numpy.typing import NDArray

from qgd_core.arrays import ComplexArray

Coefficients: TypeAlias = NDArray[Any]  # float64 or complex128

_DIRECT = 48


def expand(gammas: Coefficients) -> tuple[Coefficients, Coefficients]:
    """Multiply out prod_k (1 + |g_k|^2)^(-1/2) [[1, g_k z^k], [-conj(g_k) z^-k, 1]] = [[a, b], [-b*, a*]].

    Arguments: gammas, float64 or complex128 of shape (n,), n >= 1.
    Result: (coefficients of a*, coefficients of b), powers 0 to n - 1 of z, exact to rounding.
    Raises: nothing.
    Source: Alexis, Mnatsakanyan, Thiele, arXiv:2310.12683, section 3; pairs of factors merged by FFT.
    """
    n = gammas.size
    a = np.zeros((1 << (n - 1).bit_length(), 1), gammas.dtype)
    b = np.zeros_like(a)
    b[:n, 0] = gammas
    while a.shape[0] > 1:
        a, b = _merge(a[::2], b[::2], a[1::2], b[1::2], 2 * a.shape[1])
    length = math.exp(0.5 * float(np.log1p(np.abs(gammas) ** 2).sum()))
    a[0, 0] += 1.0
    return a[0, :n] / length, b[0, :n] / length


def invert(a_star: Coefficients, b: Coefficients) -> Coefficients:
    """Factors g_0 ... g_{m-1} of the pair whose lowest m coefficients are given: the inverse of `expand`.

    Arguments: a_star and b, same dtype and shape (m,), power series in z; a_star[0] > 0 and the full a_star
    free of zeros in the unit disk, which keeps the recursion stable.
    Result: the first m factors; rounding grows no faster than the logarithm of m for such pairs.
    Raises: nothing.
    Source: Ni, Sarkar, Ying, Lin, arXiv:2505.12615, algorithm 3 (inverse nonlinear FFT).
    """
    return _strip(a_star, b, last=True)[0]


def _strip(
    alpha: Coefficients, beta: Coefficients, *, last: bool = False
) -> tuple[Coefficients, Coefficients, Coefficients]:
    """Factors of a truncated pair, and (unless `last`) what they multiply out to."""
    m = alpha.size
    if m <= _DIRECT:
        return _strip_directly(alpha.copy(), beta.copy())
    h = (m + 1) // 2
    first, a, b = _strip(alpha[:h], beta[:h])
    size = fft.next_fast_len(m, real=not np.iscomplexobj(alpha))
    a_hat, b_hat, alpha_hat, beta_hat = _spectra(size, a, b, alpha, beta)
    rest_alpha = (
        alpha[: m - h] + _series(b_hat.conj() * beta_hat + a_hat.conj() * alpha_hat, size, a)[: m - h]
    )
    rest_beta = beta[h:] + _series(a_hat * beta_hat - b_hat * alpha_hat, size, a)[h:m]
    second, a2, b2 = _strip(rest_alpha, rest_beta, last=last)
    gammas = np.concatenate([first, second])
    if last:
        return gammas, gammas, gammas
    a, b = _merge(a[np.newaxis], b[np.newaxis], a2[np.newaxis], b2[np.newaxis], size)
    return gammas, a[0, :m], b[0, :m]


def _strip_directly(
    alpha: Coefficients, beta: Coefficients
) -> tuple[Coefficients, Coefficients, Coefficients]:
    """Layer stripping, one factor at a time; `a` holds the powers z^0, z^-1, ... of the product so far, less 1."""
    m = alpha.size
    gammas, a, b = np.zeros_like(alpha), np.zeros_like(alpha), np.zeros_like(alpha)
    for k in range(m):
        g = beta[k] / alpha[0]
        gammas[k] = g
        back = g.conjugate()
        top, low = alpha[: m - k], beta[k:]
        alpha, beta[k:] = top + back * low, low - g * top
        left, right = a[: k + 1], b[: k + 1]
        a[: k + 1], b[: k + 1] = left - back * right[::-1], right + g * left[::-1]
        b[k] += g
    return gammas, a.conj(), b


def _merge(
    a1: Coefficients, b1: Coefficients, a2: Coefficients, b2: Coefficients, size: int
) -> tuple[Coefficients, Coefficients]:
    """Products of neighbouring pairs, one a row, as rows of length `size`, at least the sum of theirs."""
    h, m = a1.shape[1], a2.shape[1]
    moved = np.concatenate([np.zeros_like(b1), b2], axis=1)
    a1_hat, b1_hat, a2_hat, b2_hat = _spectra(size, a1, b1, a2, moved)
    a = _series(a1_hat * a2_hat - b1_hat.conj() * b2_hat, size, a1)
    b = _series(a1_hat.conj() * b2_hat + b1_hat * a2_hat, size, a1)
    a[:, :h] += a1
    a[:, :m] += a2
    b[:, :h] += b1
    b[:, h : h + m] += b2
    return a, b


def _spectra(size: int, *series: Coefficients) -> list[ComplexArray]:
    return [fft.fft(s, size) if np.iscomplexobj(s) else fft.rfft(s, size) for s in series]


def _series(spectrum: ComplexArray, size: int, like: Coefficients) -> Coefficients:
    return np.asarray(fft.ifft(spectrum, size) if np.iscomplexobj(like) else fft.irfft(spectrum, size))
