"""Caffe's networks without Caffe: a deploy file and its weights become a Network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from google.protobuf.message import DecodeError
from torch import nn

from handson.lab.zoo.caffe_layers import module_for
from handson.lab.zoo.caffe_schema import BinaryNet
from handson.lab.zoo.caffe_text import DeployFile, read_prototxt
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import MOST_PARAMETERS, MOST_VALUES, Network, Step, attempt

_MOST_BYTES = 4 * MOST_PARAMETERS
Blobs = Mapping[str, list[torch.Tensor]]
"""Layer → its arrays of numbers, as the file has them."""


def read_caffe(prototxt: Path, caffemodel: Path) -> Network:
    """The network of a deploy file with the numbers of a caffemodel; eval mode, no gradients for its parameters.

    Raises ZooError for anything in either file that is not understood, does not fit, or is too large for a laptop.
    """
    network = architecture(read_prototxt(prototxt))
    fill(network, read_caffemodel(caffemodel), caffemodel.name)
    return network


def architecture(deploy: DeployFile) -> Network:
    """The network of a deploy file, its parameters on the device "meta": shapes without numbers."""
    producer = {deploy.input_name: deploy.input_name}  # blob → the layer that wrote it last
    shapes = {deploy.input_name: deploy.input_shape}
    steps: list[Step] = []
    parameters = values = 0
    for layer in deploy.layers:
        where = f"Layer {layer.name!r} (line {layer.line})"
        for bottom in layer.bottoms:
            if bottom not in producer:
                raise ZooError(f"{where} takes {bottom!r}, which no layer above it makes.", f"Mend {deploy.file}.")
        if len(layer.tops) != 1:
            raise ZooError(f"{where} makes {len(layer.tops)} outputs, not one.", "The zoo reads image classifiers.")
        if layer.name in shapes:
            raise ZooError(f"{where}: the name is taken.", "Layers need names of their own; mend the file.")
        sources = tuple(producer[bottom] for bottom in layer.bottoms)
        module = module_for(layer, [shapes[source] for source in sources])
        inputs = [torch.empty(1, *shapes[source], device="meta") for source in sources]
        with torch.no_grad():
            output = attempt(f"{layer.name} (line {layer.line})", module, inputs)
        parameters += sum(value.numel() for value in module.parameters())
        values += output.numel()
        if parameters > MOST_PARAMETERS or values > MOST_VALUES:
            raise ZooError(
                f"{where} would make a network of {parameters:,} parameters and {values:,} numbers for a picture.",
                f"At most {MOST_PARAMETERS:,} and {MOST_VALUES:,} are read.",
            )
        shapes[layer.name] = tuple(output.shape[1:])  # type: ignore[assignment]
        producer[layer.tops[0]] = layer.name
        steps.append(Step(layer.name, sources, module))
    return Network(steps, deploy.input_shape, deploy.input_name).eval().requires_grad_(False)


def read_caffemodel(path: Path) -> dict[str, list[torch.Tensor]]:
    """The numbers of every layer that has some, by the layer's name, float32. Raises ZooError."""
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise ZooError(f"{path.name} has {size:,} bytes.", f"More than {_MOST_BYTES:,} are not read.")
        net = BinaryNet()
        net.ParseFromString(path.read_bytes())
    except OSError as error:
        raise ZooError(f"{path} cannot be read ({error.strerror or error}).", "Check its path.") from None
    except DecodeError:
        raise ZooError(
            f"{path.name} is damaged, cut off, or no caffemodel.", "Fetch it again, and compare its SHA-256."
        ) from None
    layers = [layer for layer in (*net.layer, *net.layers) if layer.blobs]
    if not layers:
        raise ZooError(f"{path.name} holds no numbers.", "Is it a caffemodel, and whole?")
    blobs: dict[str, list[torch.Tensor]] = {}
    for layer in layers:
        if not isinstance(layer.name, str):  # protobuf's answer to bytes that are no text
            raise ZooError(f"{path.name} has a layer whose name is no text.", "The file is damaged: fetch it again.")
        if layer.name in blobs:
            raise ZooError(f"{path.name} has the layer {layer.name!r} twice.", "Fetch it again.")
        blobs[layer.name] = [_numbers(path, layer.name, blob) for blob in layer.blobs]
    return blobs


def _numbers(path: Path, layer: str, blob: Any) -> torch.Tensor:
    packed, kind = b"".join(blob.data), torch.float32
    if not packed:
        packed, kind = b"".join(blob.double_data), torch.float64
    shape = list(blob.shape.dim) if blob.HasField("shape") else [blob.num, blob.channels, blob.height, blob.width]
    width = torch.finfo(kind).bits // 8
    if any(size < 0 for size in shape) or math.prod(shape) * width != len(packed):
        promised, held = " × ".join(map(str, shape)), len(packed) // width
        raise ZooError(
            f"{path.name}: layer {layer!r} says that it has {promised} numbers, and has {held:,}.",
            "The file is damaged or cut off: fetch it again.",
        )
    if not packed:
        return torch.empty(shape)
    return torch.frombuffer(bytearray(packed), dtype=kind).float().reshape(shape)


def fill(network: Network, blobs: Blobs, file: str) -> None:
    """Put `blobs` into the network's layers, in place. Raises ZooError for what is missing or does not fit."""
    for step in network.steps:
        expected = list(_expected(step.module))
        if not expected:
            continue
        given = blobs.get(step.name)
        if given is None:
            raise ZooError(
                f"{file} has no numbers for the layer {step.name!r}.",
                f"It has them for {', '.join(list(blobs)[:8])}…: it belongs to another deploy file.",
            )
        if isinstance(step.module, nn.BatchNorm2d):
            given = _batch_norm(given)
        if len(given) != len(expected):
            raise ZooError(
                f"{file}: layer {step.name!r} has {len(given)} arrays, and {len(expected)} are needed.",
                "It belongs to another deploy file.",
            )
        for (name, wanted), value in zip(expected, given, strict=True):
            if not _same_shape(tuple(value.shape), tuple(wanted.shape)):
                raise ZooError(
                    f"{file}: layer {step.name!r} has {tuple(value.shape)}, and {tuple(wanted.shape)} is needed.",
                    "It belongs to another deploy file.",
                )
            _assign(step.module, name, value.reshape(wanted.shape), wanted)
    network.eval().requires_grad_(False)


def _expected(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The arrays of a layer in the order of Caffe's blobs."""
    yield from module.named_parameters()
    if isinstance(module, nn.BatchNorm2d):
        yield from ((name, value) for name, value in module.named_buffers() if value.dim() == 1)


def _batch_norm(given: list[torch.Tensor]) -> list[torch.Tensor]:
    """Caffe keeps sums of means and variances, and in a third blob by what to divide them."""
    if len(given) != 3 or given[2].numel() != 1:
        return given
    factor = float(given[2])
    return [value / factor if factor else torch.zeros_like(value) for value in given[:2]]


def _same_shape(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether they are the same but for leading ones, with which older files fill up to four sizes."""

    def short(shape: tuple[int, ...]) -> tuple[int, ...]:
        while shape and shape[0] == 1:
            shape = shape[1:]
        return shape

    return short(given) == short(wanted)


def _assign(module: nn.Module, name: str, value: torch.Tensor, wanted: torch.Tensor) -> None:
    if isinstance(wanted, nn.Parameter):
        setattr(module, name, nn.Parameter(value, requires_grad=False))
    else:
        setattr(module, name, value)
        if isinstance(module, nn.BatchNorm2d):
            module.num_batches_tracked = torch.zeros((), dtype=torch.long)
