"""Other people's networks: an ONNX file becomes a Network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from google.protobuf.message import DecodeError
from torch import nn

from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import MOST_LAYERS, MOST_PARAMETERS, MOST_VALUES, Network, Step, attempt
from handson.lab.zoo.onnx_layers import Node, Piece, Refused, Shape, pieces, refuse
from handson.lab.zoo.onnx_schema import (
    BOOL,
    EXTERNAL,
    FLOAT,
    INT64,
    KINDS,
    MOST_STRUCTURE,
    Model,
    Unbounded,
    check_bounds,
)

OPSETS = range(7, 27)
"""Versions of ONNX's operators that are read."""
_MOST_BYTES = 4 * MOST_PARAMETERS + MOST_STRUCTURE
_MOST_SIDE = 100_000
_LONGEST_NAME = 200
_EXPORT = "Export it again, in evaluation mode, with the weights in the same file and no other operators."


def read_onnx(path: Path, size: tuple[int, int] | None = None) -> Network:
    """The image classifier in an ONNX file; eval mode, no gradients for its parameters.

    size: height and width of its pictures, needed where the file leaves them open. Layers are called what the file
    calls its nodes, with "_" for "."; the last layer is the file's output. Nothing beside the file is read. Raises
    ZooError for anything in the file that is not understood, does not fit, or is too large for a laptop.
    """
    try:
        model = _parse(path)
        return _Reader(model, path.name, size).network()
    except UnicodeDecodeError:
        raise ZooError(f"{path.name} is damaged: a name in it is no text.", "Fetch it again.") from None


def _parse(path: Path) -> Any:
    try:
        length = path.stat().st_size
        if length > _MOST_BYTES:
            raise ZooError(f"{path.name} has {length:,} bytes.", f"More than {_MOST_BYTES:,} are not read.")
        content = path.read_bytes()
    except OSError as error:
        raise ZooError(f"{path} cannot be read ({error.strerror or error}).", "Check its path.") from None
    model = Model()
    try:
        check_bounds(content)
        model.ParseFromString(content)
    except Unbounded as reason:
        raise ZooError(f"{path.name} is not read: {reason}.", "Fetch it again, or export it again.") from None
    except DecodeError:
        raise ZooError(f"{path.name} is damaged, cut off, or no ONNX file.", "Fetch it again.") from None
    return model


class _Reader:
    """Goes through a file's nodes in their order and turns each into layers."""

    def __init__(self, model: Any, file: str, size: tuple[int, int] | None) -> None:
        self.file, self.graph = file, model.graph
        self.opset = self._opset(model)
        self.constants: dict[str, Any] = {}  # value → a tensor of the file, or numbers
        for tensor in self.graph.initializer:
            self._refuse(not tensor.name, "a weight has no name")
            self._refuse(tensor.name in self.constants, f"two weights are called {_short(tensor.name)}")
            self.constants[tensor.name] = tensor
        self.input_value, self.batch, self.input_shape = self._input(size)
        self.taken: set[str] = set()
        self.input_name = self._free_name(self.input_value)
        self.producer = {self.input_value: self.input_name}  # value → the layer that makes it
        self.shapes: dict[str, Shape] = {self.input_name: self.input_shape}
        self.steps: list[Step] = []
        self.parameters = self.values = 0

    def network(self) -> Network:
        """The network of the whole file."""
        nodes = self.graph.node
        self._refuse(len(nodes) > MOST_LAYERS, f"it has {len(nodes):,} nodes, and at most {MOST_LAYERS:,} are read")
        self._refuse(len(self.graph.output) != 1, f"it has {len(self.graph.output)} outputs, not one")
        made: set[str] = {self.input_value, *self.constants}
        later = {name for node in nodes for name in node.output if name}
        titles: set[str] = set()
        for index, node in enumerate(nodes):
            called = node.name or next(iter(node.output), "") or str(index)
            title = f"Node {_short(called)} ({_short(node.op_type, bare=True)})"
            self._refuse(node.name in titles, f"two nodes are called {_short(node.name)}")
            if node.name:
                titles.add(node.name)
            self._refuse(not node.output or not node.output[0], f"{title} has no output")
            for name in filter(None, node.output):
                self._refuse(name in made, f"{title} makes {_short(name)}, which is there already")
                made.add(name)
            for name in filter(None, node.input):
                if name not in self.producer and name not in self.constants:
                    why = "which comes later: a cycle" if name in later else "which nothing makes"
                    raise ZooError(f"{self.file}: {title} needs {_short(name)}, {why}.", _EXPORT)
            try:
                self._read(node, title)
            except Refused as reason:
                raise ZooError(f"{self.file}: {title}: {reason}.", _EXPORT) from None
        return self._built()

    def _built(self) -> Network:
        (output,) = self.graph.output
        last = self.producer.get(output.name)
        self._refuse(last is None or last == self.input_name, f"no node makes the output {_short(output.name)}")
        assert last is not None
        needed, steps = {last}, []
        for step in reversed(self.steps):
            if step.name in needed:
                steps.append(step)
                needed.update(step.inputs)
        channels, height, width = self.input_shape
        network = Network(steps[::-1], (channels, height, width), self.input_name)
        return network.eval().requires_grad_(False)

    def _read(self, node: Any, title: str) -> None:
        refuse(node.domain not in ("", "ai.onnx"), f"operators of {_short(node.domain)}")
        attributes = self._attributes(node)
        if node.op_type == "Constant":
            self.constants[node.output[0]] = _constant(attributes)
            return
        if node.op_type == "Identity" and len(node.input) == 1 and node.input[0] in self.constants:
            self.constants[node.output[0]] = self.constants[node.input[0]]
            return
        given: list[Shape | torch.Tensor | None] = []
        sources = []
        for name in node.input:
            if name in self.producer:
                sources.append(self.producer[name])
                given.append(self.shapes[self.producer[name]])
            else:
                given.append(_numbers(self.constants[name]) if name else None)
        inputs = tuple(sources)
        chain = pieces(Node(node.op_type, self.opset, given, attributes, self.batch))
        base = node.name or node.output[0]
        for piece in chain:
            inputs = (self._add(piece, base, inputs, title),)
        self.producer[node.output[0]] = inputs[0]

    def _add(self, piece: Piece, base: str, inputs: tuple[str, ...], title: str) -> str:
        """Appends a layer, with its numbers; returns its name."""
        name = self._free_name(base + piece.suffix)
        samples = [torch.empty(1, *self.shapes[source], device="meta") for source in inputs]
        with torch.no_grad():
            output = attempt(f"{name} of {self.file}", piece.module, samples)
        self.shapes[name] = tuple(output.shape[1:])
        refuse(
            output.shape[0] != 1 or output.dim() < 2 or output.numel() == 0,
            f"it makes {tuple(output.shape)} of a picture",
        )
        self.parameters += sum(value.numel() for value in piece.numbers.values())
        self.values += output.numel()
        if self.parameters > MOST_PARAMETERS or self.values > MOST_VALUES:
            raise ZooError(
                f"{self.file}: with {title}, the network has {self.parameters:,} parameters and makes {self.values:,} "
                "numbers of a picture.",
                f"At most {MOST_PARAMETERS:,} and {MOST_VALUES:,} are read.",
            )
        _assign(piece.module, piece.numbers)
        self.steps.append(Step(name, inputs, piece.module))
        return name

    def _opset(self, model: Any) -> int:
        self._refuse(not model.HasField("graph") or not model.graph.node, "it holds no network")
        for field in ("training_info", "functions"):
            self._refuse(len(getattr(model, field)) > 0, f"it holds {field}, which are not read")
        for field in ("sparse_initializer", "quantization_annotation"):
            self._refuse(len(getattr(model.graph, field)) > 0, f"it holds a {field}, which is not read")
        versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
        self._refuse(len(versions) != 1, f"it names {len(versions)} versions of ONNX's operators, not one")
        (version,) = versions
        self._refuse(
            version not in OPSETS,
            f"its operators are of opset {version}, and {OPSETS[0]} to {OPSETS[-1]} are read",
        )
        return int(version)

    def _input(self, size: tuple[int, int] | None) -> tuple[str, int | None, tuple[int, int, int]]:
        """The name of the pictures, how many a file of fixed number takes, and (channels, height, width)."""
        inputs = [entry for entry in self.graph.input if entry.name not in self.constants]
        self._refuse(len(inputs) != 1, f"it has {len(inputs)} inputs, not one")
        tensor = inputs[0].type.tensor_type
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
        self._refuse(tensor.elem_type != FLOAT or len(dims) != 4, "its input is no picture (float32: N, C, H, W)")
        batch, channels, height, width = dims
        if not height or not width:
            if size is None:
                raise ZooError(
                    f"{self.file} leaves open how large its pictures are.",
                    "Export it with a fixed height and width, or say them: `read_onnx(path, size=(224, 224))`.",
                )
            height, width = height or size[0], width or size[1]
        sides = (channels or 0, height, width)
        self._refuse(any(not 0 < side <= _MOST_SIDE for side in sides), f"its input has the shape {sides}")
        self._refuse(math.prod(sides) > MOST_VALUES, f"its input has the shape {sides}")
        return inputs[0].name, batch or None, sides

    def _attributes(self, node: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for attribute in node.attribute:
            name = attribute.name
            refuse(name in found, f"the attribute {_short(name)} twice")
            readable = attribute.type in KINDS and not attribute.ref_attr_name
            refuse(not readable, f"the attribute {_short(name)} is of a type that is not read ({attribute.type})")
            value = getattr(attribute, KINDS[attribute.type])
            if KINDS[attribute.type] in ("ints", "floats"):
                refuse(len(value) > 1000, f"the attribute {_short(name)} holds {len(value):,} numbers")
                value = tuple(value)
            refuse(isinstance(value, bytes) and len(value) > _LONGEST_NAME, f"the attribute {_short(name)} is too long")
            found[name] = value
        return found

    def _free_name(self, wanted: str) -> str:
        """What a layer is called that the file calls `wanted`; unlike all others."""
        base = wanted.strip("/").replace(".", "_") or "layer"
        self._refuse(len(base) > _LONGEST_NAME, f"the name {_short(base)} is too long")
        if hasattr(_PLAIN, base):
            base += "_"
        name, number = base, 1
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name

    def _refuse(self, condition: bool, what: str) -> None:
        if condition:
            raise ZooError(f"{self.file} is not read: {what}.", _EXPORT)


_PLAIN = nn.Module()


def _constant(attributes: dict[str, Any]) -> Any:
    """The value of a Constant node."""
    refuse(len(attributes) != 1, f"it has {len(attributes)} attributes, not one")
    ((name, value),) = attributes.items()
    if name == "value":
        refuse(not hasattr(value, "dims"), "its value is no tensor")
        return value
    kinds = {
        "value_float": torch.float32,
        "value_floats": torch.float32,
        "value_int": torch.int64,
        "value_ints": torch.int64,
    }
    refuse(name not in kinds, f"{_short(name)} is not read")
    try:
        return torch.tensor(value, dtype=kinds[name])
    except (TypeError, ValueError, RuntimeError):
        raise Refused(f"its {name} is no number") from None


def _numbers(constant: Any) -> torch.Tensor:
    """The numbers of a tensor as it lies in the file: as many as its shape says, or Refused."""
    if isinstance(constant, torch.Tensor):
        return constant
    name, dims = _short(constant.name), list(constant.dims)
    outside = constant.data_location == EXTERNAL or len(constant.external_data) > 0
    refuse(outside, f"the numbers of {name} lie in another file, which is not read")
    refuse(constant.HasField("segment"), f"{name} is in segments")
    refuse(len(dims) > 8 or any(size < 0 for size in dims), f"{name} has the shape {dims[:8]}")
    types: dict[int, tuple[torch.dtype, Any]] = {
        FLOAT: (torch.float32, constant.float_data),
        INT64: (torch.int64, constant.int64_data),
        BOOL: (torch.bool, constant.int32_data),
    }
    refuse(constant.data_type not in types, f"{name} holds numbers of a type that is not read ({constant.data_type})")
    kind, listed = types[constant.data_type]
    if kind == torch.float32 or constant.raw_data:
        packed = constant.raw_data or b"".join(listed)
        held, rest = divmod(len(packed), kind.itemsize)
    else:
        packed, held, rest = b"", len(listed), 0
    refuse(
        math.prod(dims) != held or rest != 0,
        f"{name} says that it has {' × '.join(map(str, dims)) or 1} numbers, and has {held:,}",
    )
    if held == 0:
        return torch.empty(dims, dtype=kind)
    if packed:
        return torch.frombuffer(bytearray(packed), dtype=kind).reshape(dims)
    return torch.tensor([bool(value) if kind == torch.bool else value for value in listed], dtype=kind).reshape(dims)


def _assign(module: nn.Module, numbers: Any) -> None:
    for name, value in numbers.items():
        if name in module._parameters:
            setattr(module, name, nn.Parameter(value, requires_grad=False))
        else:
            setattr(module, name, value)
    if isinstance(module, nn.BatchNorm2d):
        module.num_batches_tracked = torch.zeros((), dtype=torch.long)


def _short(name: str, bare: bool = False) -> str:
    """A name of a file for a message: never long, control characters escaped."""
    cut = name if len(name) <= 80 else name[:77] + "…"
    return repr(cut)[1:-1] if bare else repr(cut)
