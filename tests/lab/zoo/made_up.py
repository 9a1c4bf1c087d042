"""Numbers that look random and are the same on every machine and in every version of PyTorch."""

from __future__ import annotations

import math
import zlib

import torch
from torch import nn

MASK = 2**32 - 1


def made_up(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Float32 of `shape`, spread evenly over -1..1, by mixing the bits of each index (exact integer arithmetic)."""
    bits = torch.arange(math.prod(shape), dtype=torch.int64).add_(seed * 7919 + 1)
    for factor, shift in ((2654435761, 15), (2246822519, 13), (3266489917, 16)):
        bits = bits.mul_(factor).bitwise_and_(MASK)
        bits = bits.bitwise_xor_(bits >> shift)
    return bits.double().div_(2**31).sub_(1).float().reshape(shape)


@torch.no_grad()
def fill_with_made_up_numbers(model: nn.Module) -> None:
    """Weights that keep the signal alive through `model`; each tensor's numbers follow from its name."""
    for name, tensor in model.state_dict().items():
        numbers = made_up(tuple(tensor.shape), zlib.crc32(name.encode()) % 100_000)
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif name.endswith("running_var") or (name.endswith("weight") and tensor.ndim == 1):
            tensor.copy_(1 + numbers / 2)
        elif tensor.ndim == 1:
            tensor.copy_(numbers / 10)
        else:
            tensor.copy_(numbers * (4.5 / math.prod(tensor.shape[1:])) ** 0.5)
    for name, module in model.named_modules():
        # A residual branch that adds little, so that fifty layers do not explode.
        if name.endswith((".bn3", "layer1.0.bn2", "layer1.1.bn2")) and isinstance(module, nn.BatchNorm2d):
            module.weight.mul_(0.3)
