"""A convolution that works on its active weights only: the pair of a bilinear map of (image, active weights)."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qgd_core.learn.sparse_kernels import installed, load_kernels

_DENSE_SPEED = 6.0  # flops of a dense convolution in the time of one here, measured on one AVX-512 core
_MOVE = 66.0  # multiply-adds of a dense convolution in the time an image element changes its layout


class Pattern:
    """Where the weight of a convolution of shape (outputs, inputs, height, width) is active.

    Arguments: index, sorted flat positions (n,); shape, of the weight.
    Result: `entries(height, width)` are the kernels' tables for images of that size, `transposed` those of the adjoint with
    the order its values take.
    Raises: nothing.
    Source: direct sparse convolution, arXiv 1608.01409.
    """

    def __init__(self, index: Tensor, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.flat = index.cpu().numpy()
        self.entries = cache(self._entries)

    def pays(self) -> bool:
        """Return whether the sparse kernels beat a dense convolution here."""
        outputs, inputs, *kernel = self.shape
        if len(kernel) != 2 or not all(size % 2 for size in kernel) or not installed():
            return False
        whole = outputs * inputs * kernel[0] * kernel[1]
        return len(self.flat) * _DENSE_SPEED + (outputs + inputs) * _MOVE < whole

    def _entries(self, height: int, width: int) -> tuple[Any, ...]:
        outputs, inputs, tall, wide = self.shape
        row = width + wide - 1
        plane = (height + tall - 1) * row + wide
        o, i, dy, dx = np.unravel_index(self.flat, self.shape)
        order = np.lexsort((o, i))
        sizes = height, width, row, tall // 2 * row + wide // 2, plane
        start = [
            np.append(0, np.bincount(side, minlength=count).cumsum())
            for side, count in ((o, outputs), (i, inputs))
        ]
        forth = i * plane + dy * row + dx
        back = (o * plane + (tall - 1 - dy) * row + wide - 1 - dx)[order]
        return sizes, (start[0], forth), (start[1], back), torch.from_numpy(order)


class SparseConvolution:
    """The pair of a convolution of stride 1 that keeps the size of the image, on the active weights of a pattern."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern

    def forward(self, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        """Return the convolution of images x (m, inputs, h, w) with the active weights w (n,), plus b (outputs,)."""
        sizes, table, _, _ = self.pattern.entries(*x.shape[2:])
        return _convolve(x, w, b, sizes, table, self.pattern.shape[0])

    def backward(
        self, g: Tensor, x: Tensor, w: Tensor, wanted: tuple[bool, bool, bool]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return the gradients by x, w and b that are wanted."""
        sizes, table, adjoint, order = self.pattern.entries(*x.shape[2:])
        at_x = _convolve(g, w[order], None, sizes, adjoint, self.pattern.shape[1]) if wanted[0] else None
        at_w = _correlate(g, x, sizes, table) if wanted[1] else None
        return at_x, at_w, sum_pixels(g) if wanted[2] else None


def sum_pixels(g: Tensor) -> Tensor:
    """Return the sum of g (m, channels, ...) over all but the channels."""
    return g.movedim(1, -1).reshape(-1, g.shape[1]).sum(dim=0)


def _convolve(x: Tensor, w: Tensor, b: Tensor | None, sizes: Any, table: Any, outputs: int) -> Tensor:
    y = torch.empty((len(x), outputs, *x.shape[2:]), dtype=x.dtype, memory_format=torch.channels_last)
    bias = np.zeros(outputs, dtype=_array(w).dtype) if b is None else _array(b)
    values, source, target = _array(w.contiguous()), _pixels(x), _pixels(y)
    kernel = load_kernels().convolve
    _over_samples(len(x), lambda part: kernel(source[part], target[part], bias, *table, values, sizes))
    return y


def _correlate(g: Tensor, x: Tensor, sizes: Any, table: Any) -> Tensor:
    left, right = _pixels(g), _pixels(x)
    kernel = load_kernels().correlate
    parts: list[Any] = []

    def run(part: slice) -> None:
        out = np.zeros(len(table[1]), dtype=left.dtype)
        kernel(left[part], right[part], out, *table, sizes)
        parts.append(out)

    _over_samples(len(x), run)
    return torch.from_numpy(sum(parts[1:], parts[0]))


def _over_samples(count: int, run: Any) -> None:
    """Run on slices of the samples, one a thread of torch's."""
    threads = min(torch.get_num_threads(), count)
    if threads < 2:
        run(slice(0, count))
        return
    edges = [count * i // threads for i in range(threads + 1)]
    list(_pool(threads).map(run, [slice(*edge) for edge in itertools.pairwise(edges)]))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def _array(tensor: Tensor) -> Any:
    return tensor.detach().numpy()


def _pixels(tensor: Tensor) -> Any:
    """Return images (m, c, h, w) as an array (m, h * w, c), the same memory where they are channels-last."""
    last = tensor.detach().permute(0, 2, 3, 1).contiguous()
    return last.reshape(len(last), -1, last.shape[3]).numpy()
