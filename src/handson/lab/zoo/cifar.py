"""Small networks of our own, trained by scripts/train_cifar.py: what lessons use when nothing was fetched.

A stored network is convolutions and ReLUs and average pools, one after the other (the batch normalization of the
training is folded into the convolutions), and takes pictures of any size from 32 pixels up.
CIFAR-10: 32 × 32 photos of ten things, Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

import importlib.resources
import json
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn

from handson.lab.zoo.halves import from_halves

CLASSES = ("airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MEAN = (0.4914, 0.4822, 0.4465)
"""Mean of the training pictures, in the order red, green, blue; pixels in 0..1."""
STD = (0.2470, 0.2435, 0.2616)
"""Their standard deviation."""


@dataclass(frozen=True)
class Design:
    """How wide and deep one of the networks is, and how many parameters that makes."""

    stages: tuple[tuple[int, ...], ...]
    """Channels of each 3 × 3 convolution (the first is 5 × 5); between stages the picture is halved."""
    parameters: int


_LARGE = ((32,), (64, 64), (128, 128), (192, 192))
DESIGNS = {
    "cifar-small": Design(((16,), (32,), (64,)), 25_002),
    "cifar-medium": Design(((24,), (48, 64), (96,), (128,)), 207_354),
    "cifar-large": Design(_LARGE, 834_570),
    "cifar-robust": Design(_LARGE, 834_570),
}


class CifarNet(nn.Sequential):
    """Normalized pictures (N, 3, height, width), 32 pixels or more each way, to logits (N, 10) of CLASSES.

    Its children carry plain names and run in order: conv1, relu1, pool1, conv2, relu2, …, then `average` (over the
    whole picture), `flatten` and `logits`. Pools take the mean of 2 × 2, so that a gradient that comes back through
    them is even; nothing works in place.
    """

    def __init__(self, stages: tuple[tuple[int, ...], ...]) -> None:
        children: OrderedDict[str, nn.Module] = OrderedDict()
        channels, number = 3, 0
        for stage, widths in enumerate(stages):
            if stage:
                children[f"pool{stage}"] = nn.AvgPool2d(2)
            for width in widths:
                number += 1
                size = 5 if number == 1 else 3
                children[f"conv{number}"] = nn.Conv2d(channels, width, size, padding=size // 2)
                children[f"relu{number}"] = nn.ReLU()
                channels = width
        children["average"] = nn.AdaptiveAvgPool2d(1)
        children["flatten"] = nn.Flatten()
        children["logits"] = nn.Linear(channels, len(CLASSES))
        super().__init__(children)


def load_cifar(name: str) -> CifarNet:
    """The trained network `name` of DESIGNS, in evaluation mode, channels last, without gradients for its weights.

    Raises ValueError for another name.
    """
    if name not in DESIGNS:
        raise ValueError(f"There is no network {name!r} here; there are {', '.join(DESIGNS)}.")
    network = CifarNet(DESIGNS[name].stages)
    stored = importlib.resources.files("handson.lab.zoo") / "weights" / f"{name}.safetensors"
    network.load_state_dict(_numbers(stored.read_bytes()))
    network.eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _numbers(content: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file of float16, in single precision: our own files, read without the library.

    Format: https://github.com/huggingface/safetensors, "Format".
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    return {
        name: from_halves(content[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]).reshape(
            entry["shape"]
        )
        for name, entry in header.items()
        if name != "__metadata__"
    }
