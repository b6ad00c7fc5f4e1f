"""Convolutions with few active weights, compiled by numba: rows of pixels times single weights, pixel-last scratch."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F")

_BLOCK = 16  # channels moved between layouts at once


class Kernels(NamedTuple):
    """Compiled functions: convolve(x, y, bias, start, offsets, values, sizes) and correlate(g, x, out, ..., sizes)."""

    convolve: Any
    correlate: Any


def installed() -> bool:
    """Return whether numba, which compiles these kernels, is there."""
    return importlib.util.find_spec("numba") is not None


@cache
def load_kernels() -> Kernels:
    """Compile the kernels; they drop Python's lock, keep NaN, and may add in any order."""
    import numpy as np

    compiled: Callable[[F], F] = importlib.import_module("numba").njit(
        nogil=True, fastmath={"reassoc", "contract", "nsz"}
    )

    @compiled
    def pack(x: Any, planes: Any, height: int, width: int, row: int, shift: int) -> None:
        """Write pixels (height * width, channels) into channel planes with rows of length `row`, from `shift` on."""
        channels = x.shape[1]
        for first in range(0, channels, _BLOCK):
            last = min(first + _BLOCK, channels)
            for h in range(height):
                for w in range(width):
                    for c in range(first, last):
                        planes[c, shift + h * row + w] = x[h * width + w, c]

    @compiled
    def convolve(x: Any, y: Any, bias: Any, start: Any, offsets: Any, values: Any, sizes: Any) -> None:
        """y[n, p, o] = bias[o] + the sum of values * x shifted, over the entries start[o] to start[o + 1]."""
        height, width, row, shift, plane = sizes
        outputs = y.shape[2]
        length = (height - 1) * row + width
        planes = np.zeros((x.shape[2], plane), x.dtype)
        flat = planes.reshape(-1)
        sums = np.zeros((_BLOCK, length), x.dtype)
        for n in range(x.shape[0]):
            pack(x[n], planes, height, width, row, shift)
            for first in range(0, outputs, _BLOCK):
                count = min(_BLOCK, outputs - first)
                for j in range(count):
                    a = sums[j]
                    a[:] = bias[first + j]
                    k, end = start[first + j], start[first + j + 1]
                    while k + 4 <= end:
                        p0, p1 = flat[offsets[k] :], flat[offsets[k + 1] :]
                        p2, p3 = flat[offsets[k + 2] :], flat[offsets[k + 3] :]
                        w0, w1, w2, w3 = values[k], values[k + 1], values[k + 2], values[k + 3]
                        for q in range(length):
                            a[q] += w0 * p0[q] + w1 * p1[q] + w2 * p2[q] + w3 * p3[q]
                        k += 4
                    while k < end:
                        p0, w0 = flat[offsets[k] :], values[k]
                        for q in range(length):
                            a[q] += w0 * p0[q]
                        k += 1
                for h in range(height):
                    for w in range(width):
                        for j in range(count):
                            y[n, h * width + w, first + j] = sums[j, h * row + w]

    @compiled
    def correlate(g: Any, x: Any, out: Any, start: Any, offsets: Any, sizes: Any) -> None:
        """out[k] += the sum over samples and pixels of g[n, p, o] * x shifted, for the entries k of row o."""
        height, width, row, shift, plane = sizes
        outputs = g.shape[2]
        length = (height - 1) * row + width
        planes = np.zeros((x.shape[2], plane), x.dtype)
        flat = planes.reshape(-1)
        rows = np.zeros((_BLOCK, length), x.dtype)  # the gaps between rows stay zero
        zero = x.dtype.type(0)
        for n in range(x.shape[0]):
            pack(x[n], planes, height, width, row, shift)
            for first in range(0, outputs, _BLOCK):
                count = min(_BLOCK, outputs - first)
                for h in range(height):
                    for w in range(width):
                        for j in range(count):
                            rows[j, h * row + w] = g[n, h * width + w, first + j]
                for j in range(count):
                    a = rows[j]
                    k, end = start[first + j], start[first + j + 1]
                    while k + 4 <= end:
                        p0, p1 = flat[offsets[k] :], flat[offsets[k + 1] :]
                        p2, p3 = flat[offsets[k + 2] :], flat[offsets[k + 3] :]
                        s0 = s1 = s2 = s3 = zero
                        for q in range(length):
                            s0 += a[q] * p0[q]
                            s1 += a[q] * p1[q]
                            s2 += a[q] * p2[q]
                            s3 += a[q] * p3[q]
                        out[k] += s0
                        out[k + 1] += s1
                        out[k + 2] += s2
                        out[k + 3] += s3
                        k += 4
                    while k < end:
                        p0, s0 = flat[offsets[k] :], zero
                        for q in range(length):
                            s0 += a[q] * p0[q]
                        out[k] += s0
                        k += 1

    return Kernels(convolve, correlate)
