"""What shape a layer's output has, by arithmetic.

PyTorch can say it too, on its device "meta", but the first addition there imports its compiler: three seconds of a core
and 80 MB, where reading SqueezeNet takes 0.02 s. So PyTorch is asked only about layers that have no rule here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn

from handson.lab.zoo.graph import Concat, GlobalPool, InnerProduct, Maximum, Pool, Product, Scale, Sum

Shape = tuple[int, ...]
"""With the number of pictures first."""


def shape_of(module: nn.Module, shapes: list[Shape]) -> Shape | None:
    """The shape of what `module` makes of inputs of `shapes`; None where there is no rule, or the inputs do not fit."""
    rule = _RULES.get(type(module))
    return rule(module, *shapes) if rule and shapes else None


def _same(_: nn.Module, shape: Shape, *others: Shape) -> Shape | None:
    return shape if all(other == shape for other in others) else None


def _sum(module: Sum, *shapes: Shape) -> Shape | None:
    fits = not module.coefficients or len(module.coefficients) == len(shapes)
    return _same(module, *shapes) if fits else None


def _batch_norm(module: nn.BatchNorm2d, shape: Shape) -> Shape | None:
    return shape if len(shape) == 4 and shape[1] == module.num_features and not module.training else None


def _scale(module: Scale, shape: Shape) -> Shape | None:
    return shape if len(shape) >= 2 and shape[1] == len(module.weight) else None


def _lrn(_: nn.LocalResponseNorm, shape: Shape) -> Shape | None:
    return shape if len(shape) == 4 else None


def _conv(module: nn.Conv2d, shape: Shape) -> Shape | None:
    if len(shape) != 4 or shape[1] != module.in_channels or isinstance(module.padding, str):
        return None
    sides = _slid(shape[2:], module.kernel_size, module.stride, module.padding, module.dilation, ceil=False)
    return (shape[0], module.out_channels, *sides) if sides and module.padding_mode == "zeros" else None


def _max_pool(module: nn.MaxPool2d, shape: Shape) -> Shape | None:
    return _pooled(shape, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode)


def _avg_pool(module: nn.AvgPool2d, shape: Shape) -> Shape | None:
    return _pooled(shape, module.kernel_size, module.stride, module.padding, 1, module.ceil_mode)


def _caffe_pool(module: Pool, shape: Shape) -> Shape | None:
    return _pooled(shape, module.window, module.stride, module.pad, 1, module.ceil)


def _pooled(shape: Shape, window: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> Shape | None:
    window, padding = _two(window), _two(padding)
    if len(shape) != 4 or any(2 * pad > side for pad, side in zip(padding, window, strict=True)):
        return None
    sides = _slid(shape[2:], window, _two(stride), padding, _two(dilation), ceil)
    return (*shape[:2], *sides) if sides else None


def _slid(
    sizes: Shape, window: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil: bool
) -> tuple[int, ...] | None:
    """How often a window fits into height and width; None where it does not fit at all."""
    counts = []
    for size, side, step, pad, spread in zip(sizes, window, stride, padding, dilation, strict=True):
        room = size + 2 * pad - spread * (side - 1) - 1
        count = (-(-room // step) if ceil else room // step) + 1
        if ceil and (count - 1) * step >= size + pad:  # a window that would begin beyond the picture
            count -= 1
        if count < 1:
            return None
        counts.append(count)
    return tuple(counts)


def _global(_: nn.Module, shape: Shape) -> Shape | None:
    return (*shape[:2], 1, 1) if len(shape) == 4 else None


def _adaptive(module: nn.AdaptiveAvgPool2d, shape: Shape) -> Shape | None:
    return _global(module, shape) if module.output_size in (1, (1, 1)) else None


def _linear(module: nn.Linear, shape: Shape) -> Shape | None:
    return (shape[0], module.out_features) if shape[1:] == (module.in_features,) else None


def _inner_product(module: InnerProduct, shape: Shape) -> Shape | None:
    return (shape[0], module.out_features) if math.prod(shape[1:]) == module.in_features else None


def _concat(module: Concat, first: Shape, *others: Shape) -> Shape | None:
    axis = module.axis
    if not 0 < axis < len(first):
        return None
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in (first, *others) if len(shape) == len(first)}
    if len(rest) != 1 or any(len(shape) != len(first) for shape in others):
        return None
    return (*first[:axis], sum(shape[axis] for shape in (first, *others)), *first[axis + 1 :])


def _flatten(module: nn.Flatten, shape: Shape) -> Shape | None:
    return (shape[0], math.prod(shape[1:])) if (module.start_dim, module.end_dim) == (1, -1) else None


def _softmax(module: nn.Softmax, shape: Shape) -> Shape | None:
    return shape if module.dim is not None and -len(shape) <= module.dim < len(shape) else None


def _pad(module: nn.ConstantPad2d, shape: Shape) -> Shape | None:
    left, right, top, bottom = module.padding
    if len(shape) != 4 or min(module.padding) < 0:
        return None
    return (*shape[:2], shape[2] + top + bottom, shape[3] + left + right)


_RULES: dict[type[nn.Module], Callable[..., Shape | None]] = {
    **dict.fromkeys(
        (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardtanh, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout), _same
    ),
    Product: _same,
    Maximum: _same,
    Sum: _sum,
    nn.BatchNorm2d: _batch_norm,
    Scale: _scale,
    nn.LocalResponseNorm: _lrn,
    nn.Conv2d: _conv,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _avg_pool,
    Pool: _caffe_pool,
    GlobalPool: _global,
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.Linear: _linear,
    InnerProduct: _inner_product,
    Concat: _concat,
    nn.Flatten: _flatten,
    nn.Softmax: _softmax,
    nn.ConstantPad2d: _pad,
    nn.ZeroPad2d: _pad,
}


def _two(value: Any) -> Shape:
    """A window, stride or padding, given once or twice."""
    return (value, value) if isinstance(value, int) else tuple(value)
