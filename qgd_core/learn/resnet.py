"""CIFAR residual networks by hand: the two the paper studies, and smaller ones of the same family."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from qgd_core.errors import ConfigError


class Block(nn.Module):
    """A residual block: convolutions with batch norm, plus a projected shortcut where the shape changes.

    Arguments: inputs, channels in; sizes, (channels, kernel) of each convolution; the first of kernel 3 has the stride.
    Result: a module of (m, inputs, h, w) -> (m, last channels, h / stride, w / stride).
    Raises: nothing.
    Source: He et al., arXiv 1512.03385, Fig 5.
    """

    def __init__(self, inputs: int, sizes: tuple[tuple[int, int], ...], stride: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        channels, left = inputs, stride
        for width, kernel in sizes:
            here, left = (left, 1) if kernel == 3 else (1, left)
            self.convolutions.append(nn.Conv2d(channels, width, kernel, here, kernel // 2, bias=False))
            self.norms.append(nn.BatchNorm2d(width))
            channels = width
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the block's output."""
        values = inputs
        last = len(self.norms) - 1
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            values = norm(convolution(values))
            if i < last:
                values = functional.relu(values)
        return functional.relu(values + self.shortcut(inputs))


def _basic(planes: int) -> tuple[tuple[int, int], ...]:
    return (planes, 3), (planes, 3)


def _bottleneck(planes: int) -> tuple[tuple[int, int], ...]:
    return (planes, 1), (planes, 3), (4 * planes, 1)


BLOCKS: dict[str, Callable[[int], tuple[tuple[int, int], ...]]] = {"basic": _basic, "bottleneck": _bottleneck}


class ResNet(nn.Module):
    """A CIFAR residual network with three stages of equal depth.

    Arguments: depth = 6 m + 2, with m blocks a stage (counted as if every block had two layers, also for the
    bottleneck, as the paper's code does); width, the factor on 16, 32, 64 planes; block, a key of BLOCKS; classes;
    channels of the input images; seed of the weights (Kaiming normal; batch norm starts as the identity).
    Result: a float32 module of (m, channels, 32, 32) -> (m, classes); any size divisible by 4 works.
    Raises: ConfigError for a depth not of that form or an unknown block.
    Source: arXiv 2303.03428 and its code; He et al., arXiv 1512.03385.
    """

    def __init__(
        self,
        depth: int = 32,
        width: int = 1,
        block: str = "basic",
        classes: int = 100,
        channels: int = 3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ConfigError(f"The depth {depth} is not 6 m + 2 with m >= 1.", subject="depth", value=depth)
        if block not in BLOCKS:
            raise ConfigError(
                f"There is no block {block!r}.", subject=block, remedy=f"Choose one of {', '.join(BLOCKS)}."
            )
        self.stem = nn.Conv2d(channels, 16 * width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16 * width)
        planes, blocks = 16 * width, []
        for stage in range(3):
            for position in range((depth - 2) // 6):
                sizes = BLOCKS[block](16 * width * 2**stage)
                blocks.append(Block(planes, sizes, 2 if stage and not position else 1))
                planes = sizes[-1][0]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(planes, classes)
        self._initialise(seed)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        values = self.blocks(functional.relu(self.norm(self.stem(images))))
        logits: Tensor = self.head(values.mean(dim=(2, 3)))
        return logits

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.kaiming_normal_(weight, generator=generator)
        nn.init.zeros_(self.head.bias)


def resnet32x4(classes: int = 100, seed: int = 0) -> ResNet:
    """Return the paper's "7 million" network: ResNet-32, width 4, basic blocks; 7,451,044 weights at 100 classes."""
    return ResNet(32, 4, "basic", classes, seed=seed)


def resnet422x4(classes: int = 100, seed: int = 0) -> ResNet:
    """Return the paper's "103 million" network: ResNet-422, width 4, bottlenecks; 103,338,916 weights at 100 classes."""
    return ResNet(422, 4, "bottleneck", classes, seed=seed)
