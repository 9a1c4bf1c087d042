"""SqueezeNet as Deep Compression left it: pruned, its weights shared, two thirds of a megabyte.

Format (Han, Mao, Dally 2016, arXiv:1510.00149, and the authors' published decoder): how many weights of each layer are
not zero, uint32; then for each layer 256 shared weights float32, the biases float32, for each weight that is not zero
one byte, which of the 256, and half a byte, how many zeros lie before it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from handson.lab.zoo.caffe import architecture, fill
from handson.lab.zoo.caffe_text import read_prototxt
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import Network

_SHARED = 256
_MOST_BYTES = 100_000_000


def read_compressed(prototxt: Path, compressed: Path) -> Network:
    """The network of a deploy file with the numbers of a Deep Compression file. Raises ZooError."""
    network = architecture(read_prototxt(prototxt))
    layers = {step.name: step.module for step in network.steps if isinstance(step.module, nn.Conv2d)}
    try:
        content = compressed.read_bytes()[: _MOST_BYTES + 1]
    except OSError as error:
        raise ZooError(f"{compressed} cannot be read ({error.strerror or error}).", "Check its path.") from None
    reader = _Reader(content, compressed.name)
    counts = reader.take(len(layers), torch.int32).tolist()
    blobs = {}
    for (name, module), count in zip(layers.items(), counts, strict=True):
        size = module.weight.numel()
        if not 0 < count <= size or module.bias is None:
            raise reader.damaged(f"{count:,} weights for layer {name!r}, which has {size:,}")
        shared = reader.take(_SHARED, torch.float32)
        bias = reader.take(module.bias.numel(), torch.float32)
        which = reader.take(count, torch.uint8).long()
        halves = reader.take((count + 1) // 2, torch.uint8).long()
        zeros = torch.stack([halves % 16, halves // 16], dim=1).flatten()[:count]
        places = (zeros + 1).cumsum(0) - 1
        if places[-1] >= size:
            raise reader.damaged(f"a weight beyond the {size:,} of layer {name!r}")
        # Where nothing is said, code 0 holds: the first of the shared weights, which is zero.
        codes = torch.zeros(size, dtype=torch.long)
        codes[places] = which
        blobs[name] = [shared[codes].reshape(module.weight.shape), bias]
    reader.end()
    fill(network, blobs, compressed.name)
    return network


class _Reader:
    def __init__(self, content: bytes, name: str) -> None:
        self.content, self.name, self.at = content, name, 0

    def take(self, count: int, kind: torch.dtype) -> torch.Tensor:
        end = self.at + count * kind.itemsize
        if end > len(self.content):
            raise self.damaged("it ends too early")
        part = torch.frombuffer(bytearray(self.content[self.at : end]), dtype=kind)
        self.at = end
        return part

    def end(self) -> None:
        if self.at != len(self.content):
            raise self.damaged(f"{len(self.content) - self.at:,} bytes are left over")

    def damaged(self, what: str) -> ZooError:
        return ZooError(
            f"{self.name} is no Deep Compression file for this deploy file ({what}).",
            "Fetch it again; it belongs to the deploy file beside it.",
        )
