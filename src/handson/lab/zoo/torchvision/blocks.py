"""The pieces that GoogLeNet and Inception-3 share."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 0.001
"""Added to a variance by the BatchNorm of both Inceptions; PyTorch's own default is 0.00001."""


class ConvNormRelu(nn.Module):
    """Convolution without bias, BatchNorm, ReLU: (N, inputs, H, W) -> (N, outputs, H', W'), nothing below zero."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) -> (N, outputs, H', W')."""
        return F.relu(self.bn(self.conv(x)))


def mean_over_places(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N, C): the mean of each channel over the picture."""
    return torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
