"""Caffe's text format: a deploy file, read and laid out for the test phase."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from handson.lab.zoo.caffe_schema import V1_LAYER_TYPES, TextNet
from handson.lab.zoo.errors import ZooError

_MOST_BYTES = 8_000_000
"""ResNet-152's deploy file has 98 kB."""
_TEST = 1
_V1_NAMES = {
    "CONCAT": "Concat",
    "CONVOLUTION": "Convolution",
    "DROPOUT": "Dropout",
    "ELTWISE": "Eltwise",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "POOLING": "Pooling",
    "RELU": "ReLU",
    "SOFTMAX": "Softmax",
}
"""The old messages' layer types by their newer names; the others are refused under their old ones."""
_TOKEN = re.compile(r"""\#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>]|[^\s{}<>"'\#]+""")


@dataclass(frozen=True)
class Layer:
    """One layer of a deploy file. `parameters` is the whole message: `layer.parameters.convolution_param.stride`."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    line: int
    parameters: Any


@dataclass(frozen=True)
class DeployFile:
    """A deploy file: its layers in order, and the input's name and shape (channels, height, width)."""

    file: str
    name: str
    input_name: str
    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]


def read_prototxt(path: Path) -> DeployFile:
    """The layers of the deploy file at `path` that take part in testing. Raises ZooError, with a line."""
    net, lines = _parse(path)
    messages = list(net.layer) or list(net.layers)
    if net.layer and net.layers:
        raise ZooError(f"{path.name} mixes old `layers` and new `layer`.", "Use one of them throughout.")
    layers = []
    inputs = [(name, None) for name in net.input]
    for message, line in zip(messages, lines, strict=True):
        if not _at_test(message):
            continue
        kind = message.type
        if not isinstance(kind, str):
            kind = _V1_NAMES.get(V1_LAYER_TYPES.get(kind, ""), V1_LAYER_TYPES.get(kind, str(kind)))
        if kind == "Input":
            inputs += [(top, message.input_param.shape) for top in message.top]
            continue
        layers.append(Layer(message.name, kind, tuple(message.bottom), tuple(message.top), line, message))
    return DeployFile(path.name, net.name, *_input(path, net, inputs), tuple(layers))


def _parse(path: Path) -> tuple[Any, list[int]]:
    try:
        content = path.read_bytes()[: _MOST_BYTES + 1]
    except OSError as error:
        raise ZooError(f"{path} cannot be read ({error.strerror or error}).", "Check its path.") from None
    if len(content) > _MOST_BYTES:
        raise ZooError(
            f"{path.name} has more than {_MOST_BYTES:,} bytes.",
            "A deploy file is a short text; the weights belong in the second place.",
        )
    try:
        text = content.decode("utf-8")
        net = TextNet()
        text_format.Parse(text, net)
    except UnicodeDecodeError:
        raise ZooError(
            f"{path.name} is no text.", "The deploy file (.prototxt) comes first, then the weights (.caffemodel)."
        ) from None
    except (text_format.ParseError, RecursionError, OverflowError, ValueError) as error:
        raise ZooError(f"{path.name}: {_plain(error)}", "The zoo reads deploy files, not training files.") from None
    return net, _lines_of_layers(text)


def _plain(error: Exception) -> str:
    """protobuf's "17:3 : Message type "…Layer" has no field named "data_param"." in our words."""
    message = str(error)
    found = re.match(r"(\d+):\d+ : (.*)", message, re.DOTALL)
    if not found:
        return f"cannot be parsed ({message})."
    line, what = found.groups()
    field = re.search(r'has no field named "([^"]*)"', what)
    if field:
        return f"line {line}: the field {field.group(1)!r} is not known to the zoo."
    return f"line {line}: {what.splitlines()[0]}"


def _lines_of_layers(text: str) -> list[int]:
    """The lines on which the messages `layer` or `layers` begin that stand in no other message."""
    lines, depth, line, at, last = [], 0, 1, 0, ("", 0)
    for token in _TOKEN.finditer(text):
        line += text.count("\n", at, token.start())
        at = token.start()
        word = token.group()
        if word in "{<":
            if depth == 0 and last[0].rstrip(":") in ("layer", "layers"):
                lines.append(last[1])
            depth += 1
        elif word in "}>":
            depth -= 1
        elif word != ":" and not word.startswith("#"):
            last = (word, line)
    return lines


def _at_test(message: Any) -> bool:
    """Whether a layer takes part in testing. Rules with levels or stages hold for level 0 and no stage."""

    def holds(rule: Any) -> bool:
        return (
            (not rule.HasField("phase") or rule.phase == _TEST)
            and (not rule.HasField("min_level") or rule.min_level <= 0)
            and (not rule.HasField("max_level") or rule.max_level >= 0)
            and not rule.stage
        )

    if message.include:
        return any(holds(rule) for rule in message.include)
    return not any(holds(rule) for rule in message.exclude)


def _input(path: Path, net: Any, inputs: list[tuple[str, Any]]) -> tuple[str, tuple[int, int, int]]:
    way_out = "It needs one input of four sizes: pictures, channels, height, width."
    if len(inputs) != 1:
        found = "no input" if not inputs else f"{len(inputs)} inputs ({', '.join(name for name, _ in inputs)})"
        raise ZooError(f"{path.name} has {found}.", way_out)
    name, shapes = inputs[0]
    shapes = net.input_shape if shapes is None else shapes
    sizes = list(shapes[0].dim) if len(shapes) == 1 else list(net.input_dim)
    if len(sizes) != 4 or not all(0 < size <= 100_000 for size in sizes):
        raise ZooError(f"{path.name}: the input {name!r} has the sizes {sizes}.", way_out)
    return name, (sizes[1], sizes[2], sizes[3])
