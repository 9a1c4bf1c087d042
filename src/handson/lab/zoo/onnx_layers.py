"""ONNX's operators as PyTorch's modules: each a chain of pieces on the device "meta", with the numbers to put in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from handson.lab.zoo.graph import Concat, GlobalPool, InnerProduct, Maximum, Product, Scale, Sum

Shape = tuple[int, ...]
"""Of one picture: (channels, height, width), or (numbers,)."""
_MOST = 1_000_000
"""Of a window's side, a stride, a padding; larger is a broken or hostile file."""
_INFINITE = math.inf


class Refused(Exception):  # noqa: N818  # becomes a ZooError with the node's name
    """Why a node cannot be built."""


class Piece(NamedTuple):
    """One module of a node's chain, the numbers that belong into it, and what to call it behind the node's name."""

    module: nn.Module
    numbers: Mapping[str, torch.Tensor] = {}
    suffix: str = ""


class Node:
    """A node as the builders see it. What they do not ask for is refused afterwards: nothing is skipped.

    inputs: for each, the shape of what an earlier layer makes, or the constant's numbers, or None where it is left out.
    """

    def __init__(
        self,
        kind: str,
        opset: int,
        inputs: list[Shape | torch.Tensor | None],
        attributes: Mapping[str, Any],
        batch: int | None,
    ) -> None:
        self.kind, self.opset, self.batch = kind, opset, batch
        """batch: the number of pictures that the file was written for; None: any."""
        self.inputs, self._attributes = inputs, attributes
        self._asked: set[str] = set()
        self._seen: set[int] = set()

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute of the type that `default` has; a tuple stands for a list of whole numbers."""
        self._asked.add(name)
        value = self._attributes.get(name, default)
        same = isinstance(value, type(default)) and (not isinstance(value, tuple) or _whole(value))
        refuse(not same, f"{name} {value!r}")
        return value

    def shape(self, index: int = 0, rank: int | None = None) -> Shape:
        """The shape of an input that an earlier layer makes."""
        value = self.inputs[index] if index < len(self.inputs) else None
        refuse(not isinstance(value, tuple), f"input {index + 1} is missing or a constant")
        assert isinstance(value, tuple)
        self._seen.add(index)
        refuse(rank is not None and len(value) != rank, f"its input has the shape {value} for each picture")
        return value

    def constant(self, index: int) -> torch.Tensor | None:
        """The numbers of an input, None where it is left out."""
        value = self.inputs[index] if index < len(self.inputs) else None
        refuse(isinstance(value, tuple), f"input {index + 1} is computed; only a constant is read here")
        self._seen.add(index)
        assert not isinstance(value, tuple)
        return value

    def weights(self, index: int, rank: int) -> torch.Tensor:
        """The numbers of an input that must be there: float32, finite, with `rank` sizes."""
        value = self.constant(index)
        refuse(value is None, f"input {index + 1} is missing")
        assert value is not None
        refuse(value.dtype != torch.float32, f"input {index + 1} is no float")
        refuse(value.dim() != rank, f"input {index + 1} has the shape {tuple(value.shape)}")
        refuse(not bool(value.isfinite().all()), f"input {index + 1} holds numbers that are not finite")
        return value

    def number(self, index: int, default: float) -> float:
        """An input that is one float."""
        value = self.constant(index)
        if value is None:
            return default
        refuse(value.dtype != torch.float32 or value.numel() != 1, f"input {index + 1} is not one float")
        return value.item()

    def integers(self, index: int) -> list[int] | None:
        """An input that is a list of whole numbers, None where it is left out."""
        value = self.constant(index)
        if value is None:
            return None
        refuse(value.dtype != torch.int64 or value.numel() > 8, f"input {index + 1} is no short list of whole numbers")
        return [int(number) for number in value.flatten().tolist()]

    def check_that_all_was_read(self) -> None:
        """Raises Refused for an attribute or an input that no builder asked for."""
        for name in self._attributes:
            refuse(name not in self._asked, f"the attribute {name!r} is not read")
        for index, value in enumerate(self.inputs):
            refuse(value is not None and index not in self._seen, f"input {index + 1} is not read")


def pieces(node: Node) -> list[Piece]:
    """The chain of modules that does what `node` does. Raises Refused for what is not understood."""
    refuse(node.kind not in _BUILDERS, f"the zoo does not know {node.kind!r}; it knows {', '.join(sorted(_BUILDERS))}")
    chain = _BUILDERS[node.kind](node)
    node.check_that_all_was_read()
    return chain


def _convolution(node: Node) -> list[Piece]:
    channels = node.shape(rank=3)[0]
    weight = node.weights(1, rank=4)
    bias = node.weights(2, rank=1) if len(node.inputs) > 2 and node.inputs[2] is not None else None
    outputs, inside, *sides = weight.shape
    window = (sides[0], sides[1])
    refuse(node.attribute("kernel_shape", window) != window, "kernel_shape is not that of the weights")
    groups = node.attribute("group", 1)
    stride, dilation = _pair(node, "strides", 1), _pair(node, "dilations", 1)
    fits = groups > 0 and min(weight.shape) > 0 and inside * groups == channels and outputs % groups == 0
    refuse(not fits, f"weights {tuple(weight.shape)} in {groups} groups for {channels} channels")
    refuse(bias is not None and len(bias) != outputs, "as many biases as channels are needed")
    before, padding = _padding(node, window, stride, dilation, 0.0)
    module = nn.Conv2d(
        channels, outputs, window, stride, padding, dilation, groups, bias=bias is not None, device="meta"
    )
    return [*before, Piece(module, {"weight": weight} | ({} if bias is None else {"bias": bias}))]


def _pooling(node: Node) -> list[Piece]:
    node.shape(rank=3)
    refuse("kernel_shape" not in node._attributes, "kernel_shape is missing")
    window, stride, dilation = _pair(node, "kernel_shape", 1), _pair(node, "strides", 1), _pair(node, "dilations", 1)
    ceil = bool(node.attribute("ceil_mode", 0))
    mean = node.kind == "AveragePool"
    counted = bool(node.attribute("count_include_pad", 0)) if mean else True
    if not mean:
        refuse(node.attribute("storage_order", 0) != 0, "storage_order")
    before, padding = _padding(node, window, stride, dilation, 0.0 if mean else -_INFINITE)
    refuse(bool(before) and (ceil or not counted), "padding that differs from side to side, with this pooling")
    refuse(any(2 * pad > side for pad, side in zip(padding, window, strict=True)), f"pads {padding} for {window}")
    if mean:
        refuse(dilation != (1, 1), f"dilations {dilation}")
        return [*before, Piece(nn.AvgPool2d(window, stride, padding, ceil, counted))]
    return [*before, Piece(nn.MaxPool2d(window, stride, padding, dilation, ceil_mode=ceil))]


def _gemm(node: Node) -> list[Piece]:
    inputs = node.shape(rank=1)[0]
    refuse(node.attribute("transA", 0) != 0, "transA")
    weight = node.weights(1, rank=2) * node.attribute("alpha", 1.0)
    if not node.attribute("transB", 0):
        weight = weight.t()
    refuse(weight.shape[1] != inputs or len(weight) == 0, f"a matrix for {weight.shape[1]} numbers, given {inputs}")
    factor, bias = node.attribute("beta", 1.0), node.constant(2)
    if bias is None:
        return _linear(weight, None)
    fits = bias.dtype == torch.float32 and bias.numel() in (1, len(weight)) and all(s == 1 for s in bias.shape[:-1])
    refuse(not fits, f"a bias of the shape {tuple(bias.shape)}")
    return _linear(weight, bias.flatten().expand(len(weight)) * factor)


def _matmul(node: Node) -> list[Piece]:
    inputs = node.shape(rank=1)[0]
    weight = node.weights(1, rank=2).t()
    refuse(weight.shape[1] != inputs or len(weight) == 0, f"a matrix for {weight.shape[1]} numbers, given {inputs}")
    return _linear(weight, None)


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> list[Piece]:
    module = InnerProduct(weight.shape[1], len(weight), bias=bias is not None, device="meta")
    numbers = {"weight": weight.contiguous()} | ({} if bias is None else {"bias": bias.contiguous()})
    return [Piece(module, numbers)]


def _arithmetic(node: Node) -> list[Piece]:
    refuse(len(node.inputs) != 2, f"it has {len(node.inputs)} inputs, and takes two")
    first, second = node.inputs
    if isinstance(first, tuple) and isinstance(second, tuple):
        _same_rank(node)
        refuse(node.kind == "Div", "only a constant can be divided by")
        return [Piece(Product() if node.kind == "Mul" else Sum((1, -1) if node.kind == "Sub" else ()))]
    turned = isinstance(second, tuple)  # constant - x, in place of x - constant
    shape = node.shape(1 if turned else 0)
    value = _per_channel(node, 0 if turned else 1, shape)
    refuse(turned and node.kind == "Div", "only a constant can be divided by")
    if node.kind in ("Mul", "Div"):
        refuse(node.kind == "Div" and bool((value == 0).any()), "a division by zero")
        weight = 1 / value if node.kind == "Div" else value
        return [Piece(Scale(shape[0], bias=False, device="meta"), {"weight": weight})]
    sign = torch.full_like(value, -1.0 if turned and node.kind == "Sub" else 1.0)
    bias = -value if node.kind == "Sub" and not turned else value
    return [Piece(Scale(shape[0], device="meta"), {"weight": sign, "bias": bias})]


def _per_channel(node: Node, index: int, shape: Shape) -> torch.Tensor:
    """A constant as one number for each channel."""
    value = node.constant(index)
    refuse(value is None or value.dtype != torch.float32, f"input {index + 1} is no float")
    assert value is not None
    rank = 1 + len(shape)
    sizes = (1,) * (rank - value.dim()) + tuple(value.shape)
    fits = len(sizes) == rank and sizes[1] in (1, shape[0]) and math.prod(sizes) == sizes[1]
    refuse(not fits, f"a constant of the shape {tuple(value.shape)}; one number for each channel is read")
    refuse(not bool(value.isfinite().all()), f"input {index + 1} holds numbers that are not finite")
    return value.flatten().expand(shape[0]).contiguous()


def _several(node: Node) -> list[Piece]:
    _same_rank(node)
    return [Piece(Sum() if node.kind == "Sum" else Maximum())]


def _same_rank(node: Node) -> None:
    refuse(not node.inputs, "it has no input")
    ranks = {len(node.shape(index)) for index in range(len(node.inputs))}
    refuse(len(ranks) != 1, "its inputs differ in how many sizes they have")


def _concat(node: Node) -> list[Piece]:
    _same_rank(node)
    return [Piece(Concat(_axis(node, "axis", node.attribute("axis", 0))))]


def _batch_norm(node: Node) -> list[Piece]:
    channels = node.shape(rank=3)[0]
    refuse(node.attribute("training_mode", 0) != 0, "training_mode")
    refuse(node.attribute("spatial", 1) != 1, "spatial 0")
    node.attribute("momentum", 0.9)  # matters to training only
    epsilon = node.attribute("epsilon", 1e-5)
    refuse(not 0 <= epsilon < 1, f"epsilon {epsilon}")
    names = ("weight", "bias", "running_mean", "running_var")
    numbers = {name: node.weights(index, rank=1) for index, name in enumerate(names, start=1)}
    refuse(any(len(value) != channels for value in numbers.values()), f"not one number for each of {channels} channels")
    refuse(bool((numbers["running_var"] < 0).any()), "a variance below zero")
    return [Piece(nn.BatchNorm2d(channels, eps=epsilon, device="meta").eval(), numbers)]


def _lrn(node: Node) -> list[Piece]:
    node.shape(rank=3)
    size = node.attribute("size", 0)
    refuse(size % 2 == 0 or not 0 < size <= _MOST, f"size {size} (it must be odd)")
    alpha, beta, k = (
        node.attribute(name, default) for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    return [Piece(nn.LocalResponseNorm(size, alpha, beta, k))]


def _clip(node: Node) -> list[Piece]:
    node.shape()
    low, high = node.attribute("min", -_INFINITE), node.attribute("max", _INFINITE)
    if node.opset >= 11:
        low, high = node.number(1, low), node.number(2, high)
    refuse(not low < high, f"limits {low} and {high}")
    if low == 0:
        return [Piece(nn.ReLU6() if high == 6 else nn.ReLU() if high >= _LARGEST else nn.Hardtanh(low, high))]
    return [Piece(nn.Hardtanh(low, high))]


_LARGEST = torch.finfo(torch.float32).max


def _softmax(node: Node) -> list[Piece]:
    shape = node.shape()
    axis = _axis(node, "axis", node.attribute("axis", 1 if node.opset < 13 else -1))
    # Before version 13, everything from the axis on was one distribution.
    refuse(node.opset < 13 and math.prod(shape[axis:]) != 1, f"axis {axis} of {shape} in opset {node.opset}")
    return [Piece(nn.Softmax(axis))]


def _flatten(node: Node) -> list[Piece]:
    axis = node.attribute("axis", 1)
    refuse(axis not in (1, -len(node.shape())), f"axis {axis} (only all but the pictures are flattened)")
    return [Piece(nn.Flatten(1))]


def _reshape(node: Node) -> list[Piece]:
    shape, target = node.shape(), node.integers(1)
    refuse(node.attribute("allowzero", 0) != 0, "allowzero")
    refuse(target is None or len(target) != 2, f"a new shape {target}; only (pictures, numbers) is read")
    assert target is not None
    numbers = math.prod(shape)
    pictures = target[0] in (0, 1, node.batch) or (target[0] == -1 and target[1] != -1)
    flat = target[1] in (-1, numbers) or (target[1] == 0 and shape[0] == numbers)
    refuse(not (pictures and flat), f"a new shape {target} for {shape}; only (pictures, {numbers}) is read")
    return [Piece(nn.Flatten(1))]


def _dropout(node: Node) -> list[Piece]:
    node.shape()
    ratio = node.attribute("ratio", 0.5)
    node.attribute("seed", 0)  # matters to training only
    if node.opset >= 12:
        ratio = node.number(1, ratio)
        training = node.constant(2)
        refuse(training is not None and (training.numel() != 1 or bool(training)), "training_mode")
    refuse(not 0 <= ratio <= 1, f"ratio {ratio}")
    return [Piece(nn.Dropout(ratio).eval())]


def _pad(node: Node) -> list[Piece]:
    rank = 1 + len(node.shape(rank=3))
    refuse(node.attribute("mode", b"constant") != b"constant", "a mode other than constant")
    if node.opset < 11:
        sides, value = list(node.attribute("pads", ())), node.attribute("value", 0.0)
        axes: list[int] | None = None
    else:
        sides, value, axes = node.integers(1) or [], node.number(2, 0.0), node.integers(3)
    axes = list(range(rank)) if axes is None else axes
    refuse(len(sides) != 2 * len(axes) or not all(-rank <= axis < rank for axis in axes), f"pads {sides} on {axes}")
    begin, end = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        begin[axis], end[axis] = sides[index], sides[index + len(axes)]
    fits = begin[:2] == end[:2] == [0, 0] and all(0 <= side <= _MOST for side in (*begin, *end))
    refuse(not fits, f"pads {sides} on {axes}; height and width are padded")
    return [Piece(nn.ConstantPad2d((begin[3], end[3], begin[2], end[2]), value))]


def _reduce_mean(node: Node) -> list[Piece]:
    rank = 1 + len(node.shape(rank=3))
    axes = list(node.attribute("axes", ())) if node.opset < 18 else node.integers(1)
    node.attribute("noop_with_empty_axes", 0)
    refuse({axis % rank for axis in axes or ()} != {2, 3}, f"axes {axes} (only height and width are read)")
    pool = Piece(GlobalPool())
    if node.attribute("keepdims", 1):
        return [pool]
    return [pool._replace(suffix="/pool"), Piece(nn.Flatten(1))]


def _plain(module: Callable[[], nn.Module], rank: int | None = None) -> Callable[[Node], list[Piece]]:
    def build(node: Node) -> list[Piece]:
        node.shape(rank=rank)
        return [Piece(module())]

    return build


def _leaky(node: Node) -> list[Piece]:
    node.shape()
    return [Piece(nn.LeakyReLU(node.attribute("alpha", 0.01)))]


_BUILDERS: dict[str, Callable[[Node], list[Piece]]] = {
    "Add": _arithmetic,
    "AveragePool": _pooling,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _convolution,
    "Div": _arithmetic,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _plain(GlobalPool, rank=3),
    "GlobalMaxPool": _plain(lambda: GlobalPool(maximum=True), rank=3),
    "Identity": _plain(nn.Identity),
    "LRN": _lrn,
    "LeakyRelu": _leaky,
    "MatMul": _matmul,
    "Max": _several,
    "MaxPool": _pooling,
    "Mul": _arithmetic,
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Relu": _plain(nn.ReLU),
    "Reshape": _reshape,
    "Sigmoid": _plain(nn.Sigmoid),
    "Softmax": _softmax,
    "Sub": _arithmetic,
    "Sum": _several,
    "Tanh": _plain(nn.Tanh),
}

KNOWN = tuple(_BUILDERS)
"""The operators that are read, beside Constant."""


def refuse(condition: bool, what: str) -> None:
    """Raises Refused with `what` if the condition holds."""
    if condition:
        raise Refused(what)


def _whole(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, int) for value in values)


def _axis(node: Node, name: str, axis: int) -> int:
    rank = 1 + len(node.shape())
    refuse(axis % rank == 0 or not -rank <= axis < rank, f"{name} {axis}")
    return axis % rank


def _pair(node: Node, name: str, default: int) -> tuple[int, int]:
    found: tuple[int, ...] = node.attribute(name, (default, default))
    refuse(len(found) != 2 or not all(0 < side <= _MOST for side in found), f"{name} {found}")
    return (found[0], found[1])


def _padding(
    node: Node, window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], value: float
) -> tuple[list[Piece], tuple[int, int]]:
    """What pads the picture before the window moves (nothing, if both sides get the same), and the module's padding."""
    top, left, bottom, right = _sides(node, window, stride, dilation)
    if (top, left) == (bottom, right):
        return [], (top, left)
    return [Piece(nn.ConstantPad2d((left, right, top, bottom), value), suffix="/pad")], (0, 0)


def _sides(
    node: Node, window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Padding above, left, below, right."""
    automatic = node.attribute("auto_pad", b"NOTSET")
    pads: tuple[int, ...] = node.attribute("pads", (0, 0, 0, 0))
    refuse(len(pads) != 4 or not all(0 <= side <= _MOST for side in pads), f"pads {pads}")
    if automatic == b"NOTSET":
        return pads[0], pads[1], pads[2], pads[3]
    if automatic == b"VALID":
        return 0, 0, 0, 0
    refuse(automatic not in (b"SAME_UPPER", b"SAME_LOWER"), f"auto_pad {automatic!r}")
    refuse(stride != (1, 1), "auto_pad with a stride: write the padding out when you export")
    small, large = zip(*((total // 2, total - total // 2) for total in map(_reach, window, dilation)), strict=True)
    first, last = (small, large) if automatic == b"SAME_UPPER" else (large, small)
    return first[0], first[1], last[0], last[1]


def _reach(side: int, dilation: int) -> int:
    return (side - 1) * dilation
