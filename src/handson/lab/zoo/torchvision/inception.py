"""Inception-3 (Szegedy et al.: Rethinking the Inception Architecture for Computer Vision, 2015, arXiv:1512.00567).

Each block is a table of its branches; a branch is the chain of what the input goes through.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from handson.lab.zoo.torchvision.blocks import ConvNormRelu, mean_over_places


class Conv(NamedTuple):
    """A step of a branch: the module's name, its output channels, its kernel (height, width), its stride.

    With stride 1 the picture keeps its size; with stride 2 there is no padding.
    """

    name: str
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


class Pool(NamedTuple):
    """A step of a branch: 3 × 3, "mean" with stride 1 and the padding's zeros counted, or "max" with stride 2."""

    kind: str


class Fork(NamedTuple):
    """The last step of a branch: two convolutions of the same input, stacked."""

    left: Conv
    right: Conv


Branch = tuple[Conv | Pool | Fork, ...]
SQUARE, WIDE, TALL, WIDE7, TALL7 = (3, 3), (1, 3), (3, 1), (1, 7), (7, 1)


def small_kernels(pooled: int) -> tuple[Branch, ...]:
    """Mixed_5: 1 × 1, 5 × 5, two 3 × 3, and pooling with `pooled` channels (paper, figure 5)."""
    return (
        (Conv("branch1x1", 64),),
        (Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
        (Conv("branch3x3dbl_1", 64), Conv("branch3x3dbl_2", 96, SQUARE), Conv("branch3x3dbl_3", 96, SQUARE)),
        (Pool("mean"), Conv("branch_pool", pooled)),
    )


def long_kernels(width: int) -> tuple[Branch, ...]:
    """Mixed_6: 7 × 7 as 1 × 7 and 7 × 1, once and twice, `width` channels wide inside (paper, figure 6)."""
    return (
        (Conv("branch1x1", 192),),
        (Conv("branch7x7_1", width), Conv("branch7x7_2", width, WIDE7), Conv("branch7x7_3", 192, TALL7)),
        (
            Conv("branch7x7dbl_1", width),
            Conv("branch7x7dbl_2", width, TALL7),
            Conv("branch7x7dbl_3", width, WIDE7),
            Conv("branch7x7dbl_4", width, TALL7),
            Conv("branch7x7dbl_5", 192, WIDE7),
        ),
        (Pool("mean"), Conv("branch_pool", 192)),
    )


FORKED: tuple[Branch, ...] = (
    (Conv("branch1x1", 320),),
    (Conv("branch3x3_1", 384), Fork(Conv("branch3x3_2a", 384, WIDE), Conv("branch3x3_2b", 384, TALL))),
    (
        Conv("branch3x3dbl_1", 448),
        Conv("branch3x3dbl_2", 384, SQUARE),
        Fork(Conv("branch3x3dbl_3a", 384, WIDE), Conv("branch3x3dbl_3b", 384, TALL)),
    ),
    (Pool("mean"), Conv("branch_pool", 192)),
)
"""Mixed_7b and Mixed_7c: 1 × 3 and 3 × 1 side by side (paper, figure 7)."""

MIXED: dict[str, tuple[Branch, ...]] = {
    "5b": small_kernels(32),
    "5c": small_kernels(64),
    "5d": small_kernels(64),
    "6a": (
        (Conv("branch3x3", 384, SQUARE, 2),),
        (Conv("branch3x3dbl_1", 64), Conv("branch3x3dbl_2", 96, SQUARE), Conv("branch3x3dbl_3", 96, SQUARE, 2)),
        (Pool("max"),),
    ),
    "6b": long_kernels(128),
    "6c": long_kernels(160),
    "6d": long_kernels(160),
    "6e": long_kernels(192),
    "7a": (
        (Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, SQUARE, 2)),
        (
            Conv("branch7x7x3_1", 192),
            Conv("branch7x7x3_2", 192, WIDE7),
            Conv("branch7x7x3_3", 192, TALL7),
            Conv("branch7x7x3_4", 192, SQUARE, 2),
        ),
        (Pool("max"),),
    ),
    "7b": FORKED,
    "7c": FORKED,
}


class Mixed(nn.Module):
    """The branches of a table side by side on the same input, stacked: (N, inputs, H, W) -> (N, `outputs`, H', W').

    H' = H, or (H - 1) // 2 rounded down where the block halves the picture.
    """

    def __init__(self, inputs: int, branches: tuple[Branch, ...]) -> None:
        super().__init__()
        self.branches = branches
        self.outputs = sum(self._add(inputs, branch) for branch in branches)

    def _add(self, channels: int, branch: Branch) -> int:
        """Makes the convolutions of a branch; returns how many channels leave it."""
        for step in branch:
            if isinstance(step, Conv):
                channels = self._add_conv(channels, step)
            elif isinstance(step, Fork):
                channels = self._add_conv(channels, step.left) + self._add_conv(channels, step.right)
        return channels

    def _add_conv(self, channels: int, conv: Conv) -> int:
        height, width = conv.kernel
        padding = (height // 2, width // 2) if conv.stride == 1 else 0
        self.add_module(conv.name, ConvNormRelu(channels, conv.outputs, conv.kernel, conv.stride, padding))
        return conv.outputs

    def _step(self, step: Conv | Pool | Fork, x: torch.Tensor) -> torch.Tensor:
        if isinstance(step, Fork):
            return torch.cat([self._step(step.left, x), self._step(step.right, x)], dim=1)
        if isinstance(step, Conv):
            out: torch.Tensor = self.get_submodule(step.name)(x)
            return out
        if step.kind == "mean":
            return F.avg_pool2d(x, 3, stride=1, padding=1)
        return F.max_pool2d(x, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, outputs, H', W')."""
        outputs = []
        for branch in self.branches:
            out = x
            for step in branch:
                out = self._step(step, out)
            outputs.append(out)
        return torch.cat(outputs, dim=1)


class AuxiliaryHead(nn.Module):
    """The classifier above Mixed_6e that helped the training; from 17 × 17: (N, inputs, H, W) -> (N, classes)."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv0 = ConvNormRelu(inputs, 128, 1)
        self.conv1 = ConvNormRelu(128, 768, 5)
        self.fc = nn.Linear(768, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, classes)."""
        x = self.conv1(self.conv0(F.avg_pool2d(x, 5, stride=3)))
        logits: torch.Tensor = self.fc(mean_over_places(x))
        return logits


class Inception3(nn.Module):
    """Eleven Mixed blocks; 27,161,264 parameters with the auxiliary head that only its training used.

    (N, 3, H, W), pictures in -1..1, -> (N, classes), logits; 299 × 299 is what it was trained on, from 75 × 75 up.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvNormRelu(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = ConvNormRelu(32, 32, 3)
        self.Conv2d_2b_3x3 = ConvNormRelu(32, 64, 3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = ConvNormRelu(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvNormRelu(80, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        width, widths = 192, {}
        for name, branches in MIXED.items():
            block = Mixed(width, branches)
            self.add_module(f"Mixed_{name}", block)
            width = widths[name] = block.outputs
        self.AuxLogits = AuxiliaryHead(widths["6e"], classes)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(width, classes)
        self.stages = ("Conv2d_1a_3x3", "Conv2d_2b_3x3", "Conv2d_4a_3x3", *(f"Mixed_{name}" for name in MIXED))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.maxpool2(x)
        for name in MIXED:
            x = self.get_submodule(f"Mixed_{name}")(x)
        logits: torch.Tensor = self.fc(self.dropout(mean_over_places(x)))
        return logits
