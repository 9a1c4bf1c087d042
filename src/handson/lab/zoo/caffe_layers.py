"""Caffe's layers as PyTorch's modules, without numbers: everything is made on the device "meta"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from handson.lab.zoo.caffe_text import Layer
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import Concat, GlobalPool, InnerProduct, Maximum, Pool, Product, Scale, Sum

Shape = tuple[int, ...]
"""Of one picture: (channels, height, width), or (numbers,)."""
_MOST = 1_000_000
"""Of outputs of one layer, or of a window's side; larger is a broken or hostile file."""


class Refused(Exception):  # noqa: N818  # becomes a ZooError with the layer's name and line
    """Why a layer cannot be built."""


def module_for(layer: Layer, shapes: list[Shape]) -> nn.Module:
    """The module that does what `layer` does to inputs of `shapes`. Raises ZooError with the layer's name and line."""
    where = f"Layer {layer.name!r} (line {layer.line})"
    build = _BUILDERS.get(layer.type)
    if build is None:
        raise ZooError(
            f"{where} has the type {layer.type!r}, which the zoo does not know.", _WAY_OUT.get(layer.type, _KNOWN)
        )
    try:
        return build(layer.parameters, shapes)
    except Refused as reason:
        raise ZooError(
            f"{where}: {reason}", "The zoo reads what image classifiers need; see `handson zoo --help`."
        ) from None


def _convolution(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.convolution_param
    channels = _one(shapes, rank=3)[0]
    _refuse(p.axis != 1, f"axis {p.axis} (only 1 is read)")
    outputs, groups = _count("num_output", p.num_output), _count("group", p.group)
    _refuse(
        channels % groups != 0 or outputs % groups != 0, f"{channels} channels and {outputs} outputs in {groups} groups"
    )
    window = _pair(p, "kernel_size", "kernel_h", "kernel_w", None)
    return nn.Conv2d(
        channels,
        outputs,
        window,
        stride=_pair(p, "stride", "stride_h", "stride_w", 1),
        padding=_pair(p, "pad", "pad_h", "pad_w", 0),
        dilation=_pair(p, "dilation", "", "", 1),
        groups=groups,
        bias=p.bias_term,
        device="meta",
    )


def _pooling(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.pooling_param
    _one(shapes, rank=3)
    _refuse(p.pool not in (0, 1), "STOCHASTIC pooling")
    if p.global_pooling:
        return GlobalPool(maximum=p.pool == 0)
    window = _pair(p, "kernel_size", "kernel_h", "kernel_w", None)
    stride = _pair(p, "stride", "stride_h", "stride_w", 1)
    pad = _pair(p, "pad", "pad_h", "pad_w", 0)
    _refuse(
        any(2 * side > size for side, size in zip(pad, window, strict=True)), f"padding {pad} for a window of {window}"
    )
    _refuse(
        any(step > size for step, size in zip(stride, window, strict=True)),
        f"stride {stride} beyond the window {window}",
    )
    return Pool(window, stride, pad, mean=p.pool == 1, ceil=p.round_mode == 0)


def _inner_product(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.inner_product_param
    shape = _one(shapes)
    _refuse(p.axis != 1, f"axis {p.axis} (only 1 is read)")
    _refuse(p.transpose, "a transposed matrix")
    inputs = 1
    for size in shape:
        inputs *= size
    return InnerProduct(inputs, _count("num_output", p.num_output), bias=p.bias_term, device="meta")


def _lrn(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.lrn_param
    _one(shapes, rank=3)
    _refuse(p.norm_region != 0, "WITHIN_CHANNEL")
    _refuse(p.local_size % 2 == 0 or p.local_size > _MOST, f"local_size {p.local_size} (it must be odd)")
    return nn.LocalResponseNorm(p.local_size, p.alpha, p.beta, p.k)


def _batch_norm(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.batch_norm_param
    _refuse(not p.use_global_stats, "use_global_stats: false (the zoo runs networks, it does not train them)")
    _refuse(not p.eps > 0, f"eps {p.eps}")
    return nn.BatchNorm2d(_one(shapes, rank=3)[0], eps=p.eps, affine=False, device="meta").eval()


def _scale(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.scale_param
    _refuse(p.axis != 1 or p.num_axes != 1, f"axis {p.axis}, num_axes {p.num_axes} (only 1 and 1 are read)")
    return Scale(_one(shapes)[0], bias=p.bias_term, device="meta")


def _relu(message: Any, shapes: list[Shape]) -> nn.Module:
    _one(shapes)
    slope = message.relu_param.negative_slope
    return nn.LeakyReLU(slope) if slope else nn.ReLU()


def _concat(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.concat_param
    axis = p.concat_dim if p.HasField("concat_dim") else p.axis
    _refuse(not shapes, "nothing to join")
    _refuse(not 1 <= axis <= len(shapes[0]), f"axis {axis}")
    return Concat(axis)


def _eltwise(message: Any, shapes: list[Shape]) -> nn.Module:
    p = message.eltwise_param
    _refuse(len(set(shapes)) != 1 or len(shapes) < 2, f"inputs of the shapes {shapes}")
    _refuse(bool(p.coeff) and (p.operation != 1 or len(p.coeff) != len(shapes)), f"{len(p.coeff)} coefficients")
    if p.operation == 1:
        return Sum(p.coeff)
    return Product() if p.operation == 0 else Maximum()


def _dropout(message: Any, shapes: list[Shape]) -> nn.Module:
    _one(shapes)
    ratio = message.dropout_param.dropout_ratio
    _refuse(not 0 <= ratio <= 1, f"dropout_ratio {ratio}")
    return nn.Dropout(ratio).eval()


def _softmax(message: Any, shapes: list[Shape]) -> nn.Module:
    axis = message.softmax_param.axis
    _refuse(not 1 <= axis <= len(_one(shapes)), f"axis {axis}")
    return nn.Softmax(axis)


_BUILDERS: dict[str, Callable[[Any, list[Shape]], nn.Module]] = {
    "BatchNorm": _batch_norm,
    "Concat": _concat,
    "Convolution": _convolution,
    "Dropout": _dropout,
    "Eltwise": _eltwise,
    "InnerProduct": _inner_product,
    "LRN": _lrn,
    "Pooling": _pooling,
    "ReLU": _relu,
    "Scale": _scale,
    "Softmax": _softmax,
}
_KNOWN = f"It knows {', '.join(sorted(_BUILDERS))} and Input."
_TRAINING = "This is a training file; the zoo reads the deploy file that goes with it."
_WAY_OUT = dict.fromkeys(
    ("Data", "DATA", "ImageData", "IMAGE_DATA", "Accuracy", "ACCURACY", "SOFTMAX_LOSS", "SoftmaxWithLoss"), _TRAINING
)


def _refuse(condition: bool, what: str) -> None:
    if condition:
        raise Refused(f"{what}.")


def _one(shapes: list[Shape], rank: int | None = None) -> Shape:
    _refuse(len(shapes) != 1, f"it has {len(shapes)} inputs, and takes one")
    _refuse(
        rank is not None and len(shapes[0]) != rank, f"its input has the shape {shapes[0]}, and no height and width"
    )
    return shapes[0]


def _count(name: str, value: int) -> int:
    _refuse(not 0 < value <= _MOST, f"{name} {value}")
    return value


def _pair(message: Any, name: str, down: str, across: str, default: int | None) -> tuple[int, int]:
    """Height and width of a window, stride or padding; Caffe gives them once, twice, or under two names."""
    if down and (message.HasField(down) or message.HasField(across)):
        found = [getattr(message, down), getattr(message, across)]
    else:
        field = getattr(message, name)
        found = ([field] if message.HasField(name) else []) if isinstance(field, int) else list(field)
        if not found and default is not None:
            found = [default]
        _refuse(len(found) not in (1, 2), f"{name} is missing" if not found else f"{name} {found}")
    least = 0 if name == "pad" else 1
    _refuse(any(not least <= size <= _MOST for size in found), f"{name} {found}")
    return (found[0], found[-1])
