"""GoogLeNet, Inception-1 (Szegedy et al.: Going Deeper with Convolutions, 2014, arXiv:1409.4842).

As its published weights want it: BatchNorm after every convolution in place of local response normalization, pooling
windows that may hang over the edge, and a 3 × 3 where the paper's third branch has a 5 × 5.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from handson.lab.zoo.torchvision.blocks import ConvNormRelu, mean_over_places

# Channels of each Inception: 1 × 1; narrow and wide 3 × 3; narrow and wide "5 × 5"; after pooling (paper, table 1).
CHANNELS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOL_BEFORE = {"4a": "maxpool3", "5a": "maxpool4"}
"""Where the picture is halved between two Inceptions, and by which module."""


class Inception(nn.Module):
    """Four branches side by side on the same input, stacked: (N, inputs, H, W) -> (N, `outputs`, H, W)."""

    def __init__(self, inputs: int, channels: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, narrow3, wide3, narrow5, wide5, pooled = channels
        self.branch1 = ConvNormRelu(inputs, one, 1)
        self.branch2 = nn.Sequential(ConvNormRelu(inputs, narrow3, 1), ConvNormRelu(narrow3, wide3, 3, padding=1))
        self.branch3 = nn.Sequential(ConvNormRelu(inputs, narrow5, 1), ConvNormRelu(narrow5, wide5, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), ConvNormRelu(inputs, pooled, 1))
        self.outputs = one + wide3 + wide5 + pooled

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class AuxiliaryHead(nn.Module):
    """A second classifier halfway up, which helped the training: (N, inputs, H, W) -> (N, classes)."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv = ConvNormRelu(inputs, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, classes)
        self.dropout = nn.Dropout(0.7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, classes)."""
        x = self.conv(F.adaptive_avg_pool2d(x, 4))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        logits: torch.Tensor = self.fc2(self.dropout(x))
        return logits


class GoogLeNet(nn.Module):
    """Nine Inceptions; 6,624,904 parameters, and two auxiliary heads that only its training used (13,004,888 in all).

    (N, 3, H, W), pictures in -1..1, -> (N, classes), logits; 224 × 224 is what it was trained on, from 15 × 15 up.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = ConvNormRelu(3, 64, 7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = ConvNormRelu(64, 64, 1)
        self.conv3 = ConvNormRelu(64, 192, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        width, widths = 192, {}
        for name, channels in CHANNELS.items():
            block = Inception(width, channels)
            self.add_module(f"inception{name}", block)
            width = widths[name] = block.outputs
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.aux1 = AuxiliaryHead(widths["4a"], classes)
        self.aux2 = AuxiliaryHead(widths["4d"], classes)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(width, classes)
        self.stages = ("conv1", "conv3", *(f"inception{name}" for name in CHANNELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        for name in CHANNELS:
            if name in POOL_BEFORE:
                x = self.get_submodule(POOL_BEFORE[name])(x)
            x = self.get_submodule(f"inception{name}")(x)
        logits: torch.Tensor = self.fc(self.dropout(mean_over_places(x)))
        return logits
