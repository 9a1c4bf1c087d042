"""ResNet-18 and ResNet-50 (He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385).

As torchvision trained them: a block of ResNet-50 that halves the picture does so in its 3 × 3 convolution ("V1.5";
the paper does it in the first 1 × 1).
"""

from __future__ import annotations

import torch
from torch import nn

from handson.lab.zoo.torchvision.blocks import mean_over_places

STEM = 64
"""Channels after the first convolution, and width of the first layer; each further layer doubles the width."""


class Residual(nn.Module):
    """What ResNet's blocks share: x plus what the branch makes of x, then ReLU.

    `downsample` brings x to the branch's shape, where the two differ; otherwise it is None and x stays as it is.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def branch(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride): the part with the weights."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride), rounded up."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out: torch.Tensor = self.relu(self.branch(x) + shortcut)
        return out


class BasicBlock(Residual):
    """Two 3 × 3 convolutions around the skip connection (ResNet-18)."""

    expansion = 1
    """Channels that leave the block, as a multiple of its width."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__(inputs, width * self.expansion, stride)
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def branch(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, width, H / stride, W / stride)."""
        x = self.relu(self.bn1(self.conv1(x)))
        out: torch.Tensor = self.bn2(self.conv2(x))
        return out


class Bottleneck(Residual):
    """1 × 1 down to the width, 3 × 3 with the stride, 1 × 1 up to four times the width (ResNet-50)."""

    expansion = 4
    """Channels that leave the block, as a multiple of its width."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        outputs = width * self.expansion
        super().__init__(inputs, outputs, stride)
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)

    def branch(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, 4 · width, H / stride, W / stride)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        out: torch.Tensor = self.bn3(self.conv3(x))
        return out


class ResNet(nn.Module):
    """Four layers of residual blocks; the second to fourth start by halving the picture and doubling the width.

    (N, 3, H, W), normalized pictures, -> (N, classes), logits; 224 × 224 is what it was trained on, any size works.
    """

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], blocks: tuple[int, int, int, int], classes: int = 1000
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = STEM
        for number, count in enumerate(blocks, start=1):
            width, layer = STEM * 2 ** (number - 1), nn.Sequential()
            for index in range(count):
                layer.append(block(channels, width, stride=2 if number > 1 and index == 0 else 1))
                channels = width * block.expansion
            self.add_module(f"layer{number}", layer)
        self.fc = nn.Linear(channels, classes)
        self.stages = ("relu", *(f"layer{n}.{i}" for n, count in enumerate(blocks, start=1) for i in range(count)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for layer in ("layer1", "layer2", "layer3", "layer4"):
            x = self.get_submodule(layer)(x)
        logits: torch.Tensor = self.fc(mean_over_places(x))
        return logits


def resnet18(classes: int = 1000) -> ResNet:
    """ResNet-18: 2 + 2 + 2 + 2 blocks of two convolutions; 11,689,512 parameters."""
    return ResNet(BasicBlock, (2, 2, 2, 2), classes)


def resnet50(classes: int = 1000) -> ResNet:
    """ResNet-50: 3 + 4 + 6 + 3 blocks of three convolutions; 25,557,032 parameters."""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes)
