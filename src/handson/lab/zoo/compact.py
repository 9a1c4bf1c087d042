"""Our own file for a network: small, and read with nothing but the standard library, as on the lesson page.

    8 bytes      b"HANDSON1"
    4 bytes      length of the header, little-endian
    the header   JSON: "network", "title", "licence", "source", "input" (its name and shape), "layers" (each with name,
                 inputs, kind and arguments), "tensors" (each with name, shape, and either "scale" or "palette")
    the numbers  zlib; of each tensor in turn, all low bytes of its float16, then all high ones (which are much alike,
                 and so pack well); or one byte for each number, its place in the palette

A number is a float16 times the tensor's scale, a power of two; a tensor of at most 256 different numbers, as Deep
Compression makes them, has a palette and loses nothing.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from handson.lab.png import interleaved
from handson.lab.zoo.cards import Card
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import (
    Concat,
    GlobalPool,
    InnerProduct,
    Maximum,
    Network,
    Pool,
    Product,
    Scale,
    Step,
    Sum,
)
from handson.lab.zoo.halves import from_halves, to_halves

ENDING = ".weights"
_MAGIC = b"HANDSON1"
_MOST_CODES = 256
_LARGEST_HALF = 65504.0
_MOST_FROM_A_BYTE = 1032
"""Deflate makes no more bytes out of one (zlib.net/zlib_tech.html)."""

_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias")
_KINDS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.AdaptiveAvgPool2d: ("output_size",),
    nn.AvgPool2d: ("kernel_size", "stride", "padding"),
    nn.BatchNorm2d: ("num_features", "eps", "affine"),
    nn.Conv2d: _CONV,
    nn.Dropout: ("p",),
    nn.Flatten: ("start_dim",),
    nn.LeakyReLU: ("negative_slope",),
    nn.Linear: ("in_features", "out_features", "bias"),
    nn.LocalResponseNorm: ("size", "alpha", "beta", "k"),
    nn.ReLU: (),
    nn.Softmax: ("dim",),
    Concat: ("axis",),
    GlobalPool: ("maximum",),
    InnerProduct: ("in_features", "out_features", "bias"),
    Maximum: (),
    Pool: ("window", "stride", "pad", "mean", "ceil"),
    Product: (),
    Scale: ("channels", "bias"),
    Sum: ("coefficients",),
}
"""What a file can hold, and what each is made of: the names are those of the attributes and of the arguments."""
_BY_NAME = {kind.__name__: kind for kind in _KINDS}


def write_compact(network: nn.Module, card: Card, path: Path) -> None:
    """Write a network of named layers to `path`. Raises ZooError for another one, or for a layer of another kind."""
    named, shape = _named(network, card)
    layers = [_described(step) for step in named.steps]
    tensors, numbers = [], []
    for name, value in named.layers.state_dict().items():
        if value.is_floating_point():
            entry, content = _packed(value)
            tensors.append({"name": name, "shape": list(value.shape), **entry})
            numbers.append(content)
    header = {
        "network": card.name, "title": card.title, "licence": card.licence, "source": card.source,
        "input": {"name": named.input_name, "shape": list(shape)}, "layers": layers, "tensors": tensors,
    }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(_MAGIC + struct.pack("<I", len(text)) + text + zlib.compress(b"".join(numbers), 9))


def read_compact(path: Path, name: str) -> Network:
    """The network in a file, which is to be the one called `name`; eval mode, no gradients for its parameters.

    Raises ZooError for a file that is another one, damaged, or made by a later version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ZooError(f"{path} cannot be read ({error.strerror or error}).", "Check its path.") from None
    if not content.startswith(_MAGIC):
        raise ZooError(f"{path.name} is no file of `handson zoo export`.", "Such a file begins with HANDSON1.")
    try:
        length = struct.unpack_from("<I", content, len(_MAGIC))[0]
        start = len(_MAGIC) + 4
        header = json.loads(content[start : start + length])
        if header["network"] != name:
            raise ZooError(f"{path.name} holds {header['network']}, not {name}.", "Take the file of that network.")
        numbers = _numbers(content[start + length :], header["tensors"])
        state = _state(header["tensors"], numbers)
        network = _built(header, state)
        _fill(network, state)
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        RuntimeError,
        struct.error,
        zlib.error,
    ) as error:
        raise ZooError(
            f"{path.name} is damaged or cut off ({type(error).__name__}: {error}).", "Export it again."
        ) from None
    return network.eval().requires_grad_(False)


def _named(network: nn.Module, card: Card) -> tuple[Network, tuple[int, int, int]]:
    """The network as named layers: as it is, or its children in their order where it is a chain."""
    if isinstance(network, Network):
        return network, network.input_shape
    if not isinstance(network, nn.Sequential):
        raise ZooError(f"{card.name} is no list of named layers.", "Export it as ONNX: --to NAME.onnx.")
    children = list(network.named_children())
    before = ["data", *(name for name, _ in children)]
    shape = (3, card.size, card.size)
    steps = [Step(name, (source,), child) for source, (name, child) in zip(before, children, strict=False)]
    return Network(steps, shape), shape


def _described(step: Step) -> dict[str, Any]:
    kind = type(step.module)
    if kind not in _KINDS:
        raise ZooError(
            f"Layer {step.name!r} is a {kind.__name__}, which such a file cannot hold.",
            f"It holds {', '.join(sorted(_BY_NAME))}. Export the network as ONNX: --to NAME.onnx.",
        )
    arguments = {name: _plain(getattr(step.module, name)) for name in _KINDS[kind]}
    return {"name": step.name, "inputs": list(step.inputs), "kind": kind.__name__, "arguments": arguments}


def _plain(value: Any) -> Any:
    """A layer's attribute as the argument it came from, in JSON's types; a parameter says whether it is there."""
    if isinstance(value, torch.Tensor) or value is None:
        return value is not None
    return list(value) if isinstance(value, tuple) else value


def _packed(value: torch.Tensor) -> tuple[dict[str, Any], bytes]:
    values = value.detach().float().flatten()
    if not values.isfinite().all():
        raise ZooError("A weight is not finite.", "The network is damaged: fetch it again.")
    numbers: list[float] = values.tolist()
    different = sorted(set(numbers))
    if len(different) <= _MOST_CODES and len(different) < len(numbers):
        place = {number: code for code, number in enumerate(different)}
        return {"palette": different}, bytes(place[number] for number in numbers)
    largest = max(map(abs, numbers), default=0.0)
    power = math.frexp(largest)[1]
    scale = 2.0**power if largest < 1 or largest > _LARGEST_HALF else 1.0
    halves = to_halves([number / scale for number in numbers])
    return {"scale": scale}, halves[0::2] + halves[1::2]


def _built(header: dict[str, Any], state: Mapping[str, torch.Tensor]) -> Network:
    steps = []
    most = max((value.numel() for value in state.values()), default=0)
    with torch.random.fork_rng():  # layers begin with random numbers, which a lesson is not to notice
        for layer in header["layers"]:
            arguments = {
                name: tuple(value) if isinstance(value, list) else value for name, value in layer["arguments"].items()
            }
            if layer["kind"] not in _BY_NAME:
                raise ValueError(f"a layer {layer['kind']!r}, which this version of handson does not know")
            _check_size(arguments, state.get(f"{layer['name']}.weight"), most)
            module = _BY_NAME[layer["kind"]](**arguments)
            steps.append(Step(layer["name"], tuple(layer["inputs"]), module))
    channels, height, width = header["input"]["shape"]
    return Network(steps, (channels, height, width), header["input"]["name"])


def _check_size(arguments: Mapping[str, Any], weight: torch.Tensor | None, most: int) -> None:
    """No layer is made larger than what the file holds for it."""
    outputs = arguments.get("out_channels", arguments.get("out_features", 1))
    inputs = arguments.get("in_channels", arguments.get("in_features", 1))
    channels = max(arguments.get("num_features", 0), arguments.get("channels", 0))
    if channels > most or (weight is None and inputs * outputs > 1):
        raise ValueError("a layer larger than its numbers")
    if weight is not None and inputs * outputs > 1:
        window = math.prod(arguments.get("kernel_size", (1,)))
        if outputs * inputs * window != weight.numel() * arguments.get("groups", 1):
            raise ValueError("a layer of another size than its numbers")


def _numbers(packed: bytes, tensors: Sequence[dict[str, Any]]) -> memoryview:
    """The numbers, unpacked as far as the header's shapes say, and one byte more. Raises ValueError."""
    if any(type(side) is not int or side < 0 for entry in tensors for side in entry["shape"]):
        raise ValueError("a shape that cannot be")
    size = sum(_size(entry) for entry in tensors)
    if size > _MOST_FROM_A_BYTE * len(packed):
        raise ValueError(f"{len(packed):,} bytes do not hold {size:,} bytes of numbers")
    unpacking = zlib.decompressobj()
    numbers = unpacking.decompress(packed, size + 1)
    if not unpacking.eof:
        raise ValueError("the numbers are cut off, or more than the header says")
    return memoryview(numbers)


def _size(entry: Mapping[str, Any]) -> int:
    """Bytes of a tensor's numbers."""
    count: int = math.prod(entry["shape"])
    return count * (1 if "palette" in entry else 2)


def _state(tensors: Sequence[dict[str, Any]], numbers: memoryview) -> dict[str, torch.Tensor]:
    state, at = {}, 0
    for entry in tensors:
        count = math.prod(entry["shape"])
        size = _size(entry)
        if at + size > len(numbers):
            raise ValueError(f"the numbers end before {entry['name']}")
        state[entry["name"]] = _unpacked(entry, bytes(numbers[at : at + size]), count).reshape(entry["shape"])
        at += size
    if at != len(numbers):
        raise ValueError(f"{len(numbers) - at:,} bytes are left over")
    return state


def _fill(network: Network, state: Mapping[str, torch.Tensor]) -> None:
    wanted = network.layers.state_dict()
    missing = [name for name, value in wanted.items() if value.is_floating_point() and name not in state]
    if missing:
        raise ValueError(f"no numbers for {', '.join(missing[:3])}")
    for name, value in state.items():
        if wanted[name].shape != value.shape:
            raise ValueError(f"{name} has the shape {tuple(value.shape)}, not {tuple(wanted[name].shape)}")
    network.layers.load_state_dict(state, strict=False)  # BatchNorm's counter is not stored


def _unpacked(entry: dict[str, Any], content: bytes, count: int) -> torch.Tensor:
    if "palette" in entry:
        palette = [float(number) for number in entry["palette"]]
        return torch.tensor(palette)[torch.frombuffer(bytearray(content), dtype=torch.uint8).long()]
    return from_halves(interleaved([content[:count], content[count:]])) * float(entry["scale"])
