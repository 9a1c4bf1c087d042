"""A network as an ONNX file (opset 13), for onnxruntime and for the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from handson.lab.zoo.errors import ZooError, unknown
from handson.lab.zoo.graph import Concat, GlobalPool, InnerProduct, Maximum, Network, Pool, Product, Scale, Step, Sum
from handson.lab.zoo.onnx_schema import FLOAT, INT64, KINDS, Model
from handson.lab.zoo.tracing import traced

OPSET, IR_VERSION = 13, 7
"""Of 2020: old enough for every runtime that is in use."""
_TYPES = {field: code for code, field in KINDS.items()}


def write_onnx(
    network: nn.Module,
    input_shape: tuple[int, int, int],
    path: Path,
    outputs: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
) -> None:
    """Writes `network` to `path`, for any number of pictures of `input_shape` (channels, height, width).

    outputs: the layers to be given out, by default the last one; what they do not need is left out. notes: what else
    the file shall say (licence, source), kept in its metadata. Layers keep their names. Raises ZooError for a layer
    that has no counterpart, and for a name that is not there.
    """
    graph = traced(network, input_shape)
    wanted = tuple(outputs) or (graph.steps[-1].name,)
    for name in wanted:
        if name not in graph.names:
            raise unknown("layer", name, graph.names)
    shapes = graph.shapes(input_shape) | {graph.input_name: input_shape}
    writer = _Writer(shapes)
    for step in _needed(graph.steps, wanted):
        writer.step(step)
    model = writer.model
    model.graph.name = "handson"
    _describe(model.graph.input.add(), graph.input_name, input_shape)
    for name in wanted:
        _describe(model.graph.output.add(), name, shapes[name])
    for key, value in (notes or {}).items():
        model.metadata_props.add(key=key, value=value)
    content = model.SerializeToString()
    scratch = path.with_name(path.name + ".part")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise ZooError(f"{path} cannot be written ({error.strerror or error}).", "Choose another place.") from None


def with_preparation(
    network: nn.Module,
    input_shape: tuple[int, int, int],
    mean: Sequence[float],
    std: Sequence[float],
    order: str = "RGB",
) -> Network:
    """`network` with one layer before it, so that it takes pictures RGB in 0..1.

    mean, std: three numbers each, in 0..255, in the order ("RGB" or "BGR") in which the network wants the colors, as in
    a Card. Parameters are shared.
    """
    graph = traced(network, input_shape)
    prepare = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        prepare.weight.zero_()
        for channel in range(3):
            color = channel if order == "RGB" else 2 - channel
            prepare.weight[channel, color] = 255 / std[channel]
            prepare.bias[channel] = -mean[channel] / std[channel]  # type: ignore[index]
    name = "prepare" if "prepare" not in graph.names else "prepare_pictures"
    steps = [
        step._replace(inputs=tuple(name if source == graph.input_name else source for source in step.inputs))
        for step in graph.steps
    ]
    first = Step(name, ("pictures",), prepare.requires_grad_(False))
    return Network([first, *steps], input_shape, "pictures").eval()


def _needed(steps: Sequence[Step], wanted: Sequence[str]) -> list[Step]:
    needed, chosen = set(wanted), []
    for step in reversed(steps):
        if step.name in needed:
            chosen.append(step)
            needed.update(step.inputs)
    return chosen[::-1]


def _describe(entry: Any, name: str, shape: Sequence[int]) -> None:
    entry.name = name
    entry.type.tensor_type.elem_type = FLOAT
    entry.type.tensor_type.shape.dim.add(dim_param="N")
    for size in shape:
        entry.type.tensor_type.shape.dim.add(dim_value=size)


class _Writer:
    """Collects nodes and weights. A layer's result has the layer's name; what lies between, that name and a colon."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.model, self.shapes = Model(ir_version=IR_VERSION, producer_name="handson"), shapes
        self.model.opset_import.add(domain="", version=OPSET)

    def step(self, step: Step) -> None:
        """Writes one layer. Raises ZooError if it has no counterpart."""
        module = step.module
        rule = _RULES.get(type(module))
        if rule is None:
            known = ", ".join(sorted(kind.__name__ for kind in _RULES))
            raise ZooError(
                f"Layer {step.name!r} is a {type(module).__name__}, which is not written as ONNX.",
                f"These are: {known}.",
            )
        rule(self, step.name, list(step.inputs), module)

    def node(self, kind: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """One node, whose result is called `name`."""
        node = self.model.graph.node.add(op_type=kind, name=name, input=inputs, output=[name])
        for key, value in attributes.items():
            field = "i" if isinstance(value, int) else "f" if isinstance(value, float) else "ints"
            attribute = node.attribute.add(name=key, type=_TYPES[field])
            if field == "ints":
                attribute.ints.extend(value)
            else:
                setattr(attribute, field, value)
        return name

    def weight(self, name: str, value: torch.Tensor) -> str:
        """Numbers, called `name`."""
        value = value.detach().to("cpu").contiguous()
        integers = value.dtype == torch.int64
        raw = (value if integers else value.float()).numpy().tobytes()
        self.model.graph.initializer.add(
            name=name, dims=list(value.shape), data_type=INT64 if integers else FLOAT, raw_data=raw
        )
        return name

    def weights(self, name: str, module: nn.Module, *labels: str) -> list[str]:
        """Those of a module's arrays that it has."""
        found = [(label, getattr(module, label)) for label in labels]
        return [self.weight(f"{name}:{label}", value) for label, value in found if value is not None]


Rule = Callable[[_Writer, str, list[str], Any], object]


def _conv(w: _Writer, name: str, inputs: list[str], m: nn.Conv2d) -> None:
    if m.padding_mode != "zeros" or isinstance(m.padding, str):
        raise ZooError(f"Layer {name!r} pads with {m.padding_mode!r}, {m.padding!r}.", "Pad with zeros, by numbers.")
    w.node(
        "Conv", name, [*inputs, *w.weights(name, m, "weight", "bias")],
        kernel_shape=m.kernel_size, strides=m.stride, pads=m.padding * 2, dilations=m.dilation, group=m.groups,
    )  # fmt: skip


def _max_pool(w: _Writer, name: str, inputs: list[str], m: nn.MaxPool2d) -> None:
    window, stride, pad = _two(m.kernel_size), _two(m.stride), _two(m.padding)
    w.node(
        "MaxPool", name, inputs,
        kernel_shape=window, strides=stride, pads=pad * 2, dilations=_two(m.dilation), ceil_mode=int(m.ceil_mode),
    )  # fmt: skip


def _mean_pool(w: _Writer, name: str, inputs: list[str], m: nn.AvgPool2d) -> None:
    if m.divisor_override is not None:
        raise ZooError(f"Layer {name!r} divides by {m.divisor_override}.", "Use a plain AvgPool2d.")
    _mean_windows(
        w, name, inputs, _two(m.kernel_size), _two(m.stride), _two(m.padding), m.ceil_mode, m.count_include_pad
    )


def _caffe_pool(w: _Writer, name: str, inputs: list[str], m: Pool) -> None:
    if m.mean:
        _mean_windows(w, name, inputs, m.window, m.stride, m.pad, m.ceil, counted=True)
    else:
        _max_pool(w, name, inputs, nn.MaxPool2d(m.window, m.stride, m.pad, ceil_mode=m.ceil))


def _mean_windows(
    w: _Writer, name: str, inputs: list[str], window: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...],
    ceil: bool, counted: bool,
) -> None:  # fmt: skip
    w.node(
        "AveragePool", name, inputs,
        kernel_shape=window, strides=stride, pads=pad * 2, ceil_mode=int(ceil), count_include_pad=int(counted),
    )  # fmt: skip


def _adaptive(w: _Writer, name: str, inputs: list[str], m: nn.AdaptiveAvgPool2d) -> None:
    if m.output_size not in (1, (1, 1)):
        raise ZooError(f"Layer {name!r} pools to {m.output_size}.", "Only one number for each channel can be written.")
    w.node("GlobalAveragePool", name, inputs)


def _linear(w: _Writer, name: str, inputs: list[str], m: nn.Linear) -> None:
    if len(w.shapes[inputs[0]]) != 1:
        if not isinstance(m, InnerProduct):
            raise ZooError(f"Layer {name!r} takes {w.shapes[inputs[0]]}, not flat numbers.", "Flatten before it.")
        inputs = [w.node("Flatten", f"{name}:flat", inputs, axis=1)]
    w.node("Gemm", name, [*inputs, *w.weights(name, m, "weight", "bias")], transB=1)


def _batch_norm(w: _Writer, name: str, inputs: list[str], m: nn.BatchNorm2d) -> None:
    if m.running_mean is None or m.running_var is None:
        raise ZooError(f"Layer {name!r} keeps no mean and variance.", "Use track_running_stats=True.")
    ones, zeros = torch.ones(m.num_features), torch.zeros(m.num_features)
    factor = w.weight(f"{name}:weight", ones if m.weight is None else m.weight)
    shift = w.weight(f"{name}:bias", zeros if m.bias is None else m.bias)
    statistics = w.weights(name, m, "running_mean", "running_var")
    w.node("BatchNormalization", name, [*inputs, factor, shift, *statistics], epsilon=float(m.eps))


def _scale(w: _Writer, name: str, inputs: list[str], m: Scale) -> None:
    shape = (-1, *[1] * (len(w.shapes[inputs[0]]) - 1))
    factor = w.weight(f"{name}:weight", m.weight.reshape(shape))
    if m.bias is None:
        w.node("Mul", name, [*inputs, factor])
        return
    scaled = w.node("Mul", f"{name}:scaled", [*inputs, factor])
    w.node("Add", name, [scaled, w.weight(f"{name}:bias", m.bias.reshape(shape))])


def _sum(w: _Writer, name: str, inputs: list[str], m: Sum) -> None:
    for index, factor in enumerate(m.coefficients):
        if factor != 1:
            number = w.weight(f"{name}:factor{index}", torch.tensor(float(factor)))
            inputs[index] = w.node("Mul", f"{name}:term{index}", [inputs[index], number])
    w.node("Sum", name, inputs)


def _product(w: _Writer, name: str, inputs: list[str], m: Product) -> None:  # noqa: ARG001
    product, *others = inputs
    for index, other in enumerate(others):
        product = w.node("Mul", name if index == len(others) - 1 else f"{name}:product{index}", [product, other])
    if not others:
        w.node("Identity", name, inputs)


def _clip(w: _Writer, name: str, inputs: list[str], m: nn.Hardtanh) -> None:
    limits = {"min": m.min_val, "max": m.max_val}
    given = [w.weight(f"{name}:{key}", torch.tensor(float(v))) if math.isfinite(v) else "" for key, v in limits.items()]
    w.node("Clip", name, [*inputs, *(given if given[1] else given[:1])])


def _pad(w: _Writer, name: str, inputs: list[str], m: nn.ConstantPad2d) -> None:
    left, right, top, bottom = m.padding
    sides = w.weight(f"{name}:pads", torch.tensor([0, 0, top, left, 0, 0, bottom, right]))
    w.node("Pad", name, [*inputs, sides, w.weight(f"{name}:value", torch.tensor(float(m.value)))])


def _flatten(w: _Writer, name: str, inputs: list[str], m: nn.Flatten) -> None:
    if m.start_dim != 1 or m.end_dim != -1:
        raise ZooError(f"Layer {name!r} flattens {m.start_dim} to {m.end_dim}.", "Use Flatten(1).")
    w.node("Flatten", name, inputs, axis=1)


def _softmax(w: _Writer, name: str, inputs: list[str], m: nn.Softmax) -> None:
    if not m.dim:
        raise ZooError(f"Layer {name!r} has the dim {m.dim}.", "Name the dimension of the scores, 1.")
    w.node("Softmax", name, inputs, axis=m.dim)


def _lrn(w: _Writer, name: str, inputs: list[str], m: nn.LocalResponseNorm) -> None:
    if m.size % 2 == 0:
        raise ZooError(f"Layer {name!r} normalizes over {m.size} channels.", "Use an odd number.")
    w.node("LRN", name, inputs, size=m.size, alpha=float(m.alpha), beta=float(m.beta), bias=float(m.k))


def _plain(kind: str) -> Rule:
    return lambda w, name, inputs, _: w.node(kind, name, inputs)


_RULES: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _conv,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _mean_pool,
    Pool: _caffe_pool,
    GlobalPool: lambda w, name, inputs, m: w.node(f"Global{'Max' if m.maximum else 'Average'}Pool", name, inputs),
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.Linear: _linear,
    InnerProduct: _linear,
    nn.BatchNorm2d: _batch_norm,
    Scale: _scale,
    nn.LocalResponseNorm: _lrn,
    Concat: lambda w, name, inputs, m: w.node("Concat", name, inputs, axis=m.axis),
    Sum: _sum,
    Product: _product,
    Maximum: _plain("Max"),
    nn.ReLU: _plain("Relu"),
    nn.LeakyReLU: lambda w, name, inputs, m: w.node("LeakyRelu", name, inputs, alpha=float(m.negative_slope)),
    nn.ReLU6: _clip,
    nn.Hardtanh: _clip,
    nn.Sigmoid: _plain("Sigmoid"),
    nn.Tanh: _plain("Tanh"),
    nn.Softmax: _softmax,
    nn.Flatten: _flatten,
    # At work, dropout does nothing.
    nn.Dropout: _plain("Identity"),
    nn.Dropout2d: _plain("Identity"),
    nn.Identity: _plain("Identity"),
    nn.ConstantPad2d: _pad,
    nn.ZeroPad2d: _pad,
}


def _two(value: Any) -> tuple[int, ...]:
    """A window, stride or padding, given once or twice."""
    return (int(value), int(value)) if isinstance(value, int) else tuple(value)
