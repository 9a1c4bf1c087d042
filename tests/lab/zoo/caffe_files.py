"""Caffemodels made on the spot."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from handson.lab.zoo.caffe_schema import BinaryNet
from handson.lab.zoo.graph import Network, Scale


def blob(message: object, values: torch.Tensor, legacy: bool) -> None:
    """Put `values` into a Blob message; `legacy`: with four sizes in fields of their own, as Caffe did before 2014."""
    target = message.blobs.add()  # type: ignore[attr-defined]
    target.data.append(values.contiguous().numpy().astype("<f4").tobytes())
    if legacy:
        sizes = [1] * (4 - values.dim()) + list(values.shape)
        target.num, target.channels, target.height, target.width = sizes
    else:
        target.shape.dim.extend(values.shape)


def random_blobs(network: Network, seed: int = 0) -> dict[str, list[torch.Tensor]]:
    """Numbers for every layer, such that what flows through stays of one size: He et al. 2015."""
    dice = torch.Generator().manual_seed(seed)
    blobs = {}
    for name, _, module in network.steps:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            inputs = module.weight.shape[1:].numel()
            found = [torch.randn(module.weight.shape, generator=dice) * (2 / inputs) ** 0.5]
            if module.bias is not None:
                found.append(torch.rand(module.bias.shape, generator=dice) * 0.2 - 0.1)
        elif isinstance(module, nn.BatchNorm2d):
            channels, factor = module.num_features, 2.0
            mean = torch.randn(channels, generator=dice) * 0.1
            variance = torch.rand(channels, generator=dice) + 0.5
            found = [mean * factor, variance * factor, torch.tensor([factor])]
        elif isinstance(module, Scale):
            found = [torch.rand(module.weight.shape, generator=dice) * 0.4 + 0.3]
            if module.bias is not None:
                found.append(torch.rand(module.bias.shape, generator=dice) * 0.2 - 0.1)
        else:
            continue
        blobs[name] = found
    return blobs


def write_caffemodel(path: Path, blobs: dict[str, list[torch.Tensor]], old: bool = False) -> None:
    """A caffemodel with these numbers; `old`: in the messages and with the sizes of 2013."""
    net = BinaryNet()
    for name, arrays in blobs.items():
        layer = (net.layers if old else net.layer).add(name=name)
        for values in arrays:
            blob(layer, values, legacy=old)
    path.write_bytes(net.SerializeToString())
