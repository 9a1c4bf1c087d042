"""ONNX files: what we read gives what onnxruntime gives, and onnxruntime gives what we give to what we write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from handson.lab import zoo
from handson.lab.zoo.cifar import DESIGNS, load_cifar
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import Concat, GlobalPool, InnerProduct, Maximum, Network, Pool, Product, Scale, Step, Sum
from handson.lab.zoo.imported import Wishes, import_network
from handson.lab.zoo.onnx_reader import OPSETS, read_onnx
from handson.lab.zoo.onnx_writer import OPSET, with_preparation, write_onnx
from handson.lab.zoo.torchvision.weights import WEIGHTS
from handson.lab.zoo.tracing import traced
from tests.lab.zoo.made_up import fill_with_made_up_numbers, made_up
from tests.lab.zoo.onnx_files import Constants, make, node, onnx, write

runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it has no wheel for this Python")


def run(path: Path, pictures: torch.Tensor) -> list[torch.Tensor]:
    """What onnxruntime makes of the pictures."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [torch.from_numpy(value) for value in session.run(None, {session.get_inputs()[0].name: pictures.numpy()})]


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return (ours - theirs).abs().max().item()


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "side"), [("googlenet", 97), ("inception-3", 107), ("resnet-18", 65), ("resnet-50", 64)]
)
def test_the_networks_of_torchvision_run_in_onnxruntime_and_come_back(tmp_path: Path, name: str, side: int) -> None:
    model = WEIGHTS[name].build().eval().requires_grad_(False)
    fill_with_made_up_numbers(model)
    shape = (3, side, side + 6)
    write_onnx(model, shape, tmp_path / "model.onnx")
    onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)
    pictures = made_up((2, *shape))
    with torch.no_grad():
        ours = model(pictures)
        (theirs,) = run(tmp_path / "model.onnx", pictures)
        back = read_onnx(tmp_path / "model.onnx")
        print(f"{name}: largest difference to onnxruntime {difference(ours, theirs):.1e}")
        assert difference(ours, theirs) <= 1e-4
        assert difference(ours, back(pictures)) <= 1e-5
    assert back.names == traced(model, shape).names


@pytest.mark.parametrize("name", DESIGNS)
def test_our_own_networks_run_in_onnxruntime(tmp_path: Path, name: str) -> None:
    network = load_cifar(name)
    write_onnx(network, (3, 32, 32), tmp_path / "own.onnx")
    pictures = made_up((5, 3, 32, 32))
    with torch.no_grad():
        found = difference(network(pictures), run(tmp_path / "own.onnx", pictures)[0])
    print(f"{name}: largest difference to onnxruntime {found:.1e}")
    assert found <= 1e-4


@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 1, 1), (5, 3, 2)], ids=str)
@pytest.mark.parametrize("ceil", [True, False], ids=["ceil", "floor"])
@pytest.mark.parametrize("kind", ["max", "mean", "mean without padding"])
def test_pooling_windows_end_where_onnxruntime_ends_them(
    tmp_path: Path, kind: str, ceil: bool, window: tuple[int, int, int]
) -> None:
    side, stride, pad = window
    counted = kind == "mean"
    pool = nn.MaxPool2d(*window, ceil_mode=ceil) if kind == "max" else nn.AvgPool2d(*window, ceil, counted)
    for size in range(6, 6 + side * stride):
        shape = (2, size, size + 1)
        network = Network([Step("pool", ("data",), pool)], shape)
        write_onnx(network, shape, tmp_path / "pool.onnx")
        pictures = made_up((2, *shape), size)
        assert difference(network(pictures), run(tmp_path / "pool.onnx", pictures)[0]) <= 1e-6, (size, stride, pad)


def every_kind() -> Network:
    """A network with every kind of layer that the zoo has."""
    windows = [
        Step("max", ("conv",), Pool((3, 3), (2, 2), (0, 0), mean=False, ceil=True)),
        Step("mean", ("conv",), Pool((3, 3), (2, 2), (0, 0), mean=True, ceil=True)),
        Step("padded", ("conv",), Pool((3, 3), (2, 2), (1, 1), mean=True, ceil=False)),
        Step("plain max", ("conv",), nn.MaxPool2d(3, 2, 1, ceil_mode=False)),
        Step("plain mean", ("conv",), nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    ]
    joined = Step("pools", tuple(step.name for step in windows), Concat())
    steps = [
        Step("conv", ("data",), nn.Conv2d(3, 8, (3, 5), (2, 1), (1, 2), groups=1)),
        *windows[:2],
        *windows[2:],
        joined,
        Step("depthwise", ("pools",), nn.Conv2d(40, 40, 3, padding=2, dilation=2, groups=40, bias=False)),
        Step("norm", ("depthwise",), nn.BatchNorm2d(40, eps=0.001)),
        Step("bare norm", ("norm",), nn.BatchNorm2d(40, affine=False)),
        Step("scale", ("bare norm",), Scale(40)),
        Step("scale only", ("scale",), Scale(40, bias=False)),
        Step("relu", ("scale only",), nn.ReLU()),
        Step("leaky", ("scale only",), nn.LeakyReLU(0.1)),
        Step("six", ("scale only",), nn.ReLU6()),
        Step("hard", ("scale only",), nn.Hardtanh(-0.5, 0.75)),
        Step("at most", ("scale only",), nn.Hardtanh(-float("inf"), 0.75)),
        Step("sigmoid", ("scale only",), nn.Sigmoid()),
        Step("tanh", ("scale only",), nn.Tanh()),
        Step("sum", ("relu", "leaky", "six"), Sum()),
        Step("weighted", ("sum", "hard"), Sum((1, -0.5))),
        Step("product", ("weighted", "sigmoid", "tanh"), Product()),
        Step("largest", ("product", "at most", "hard"), Maximum()),
        Step("lrn", ("largest",), nn.LocalResponseNorm(5, 0.01, 0.75, 2.0)),
        Step("edge", ("lrn",), nn.ConstantPad2d((1, 0, 2, 3), 0.5)),
        Step("zero edge", ("edge",), nn.ZeroPad2d((1, 1, 0, 0))),
        Step("drop", ("zero edge",), nn.Dropout(0.5)),
        Step("same", ("drop",), nn.Identity()),
        Step("largest place", ("same",), GlobalPool(maximum=True)),
        Step("mean place", ("same",), GlobalPool()),
        Step("adaptive", ("same",), nn.AdaptiveAvgPool2d(1)),
        Step("places", ("largest place", "mean place", "adaptive"), Concat()),
        Step("squeeze", ("places",), InnerProduct(120, 30)),
        Step("flat", ("places",), nn.Flatten()),
        Step("linear", ("flat",), nn.Linear(120, 30, bias=False)),
        Step("scores", ("squeeze", "linear"), Concat()),
        Step("factor", ("scores",), Scale(60)),
        Step("prob", ("factor",), nn.Softmax(1)),
    ]
    network = Network(steps, (3, 15, 18)).eval().requires_grad_(False)
    fill_with_made_up_numbers(network)
    return network


@pytest.mark.parametrize("pictures", [1, 3])
def test_every_kind_of_layer_is_written_and_read_back(tmp_path: Path, pictures: int) -> None:
    network, path = every_kind(), tmp_path / "all.onnx"
    write_onnx(network, (3, 15, 18), path, outputs=network.names, notes={"licence": "CC0"})
    onnx.checker.check_model(str(path), full_check=True)
    assert onnx.load(path).metadata_props[0].value == "CC0"
    shown = made_up((pictures, 3, 15, 18), seed=pictures)
    values = network.activations(shown, network.names)
    for name, theirs in zip(network.names, run(path, shown), strict=True):
        assert difference(values[name], theirs) <= 1e-5, name
    write_onnx(network, (3, 15, 18), path)
    back = read_onnx(path)
    assert set(network.names) <= set(back.names)
    again = back.activations(shown, network.names)
    for name in network.names:
        assert difference(values[name], again[name]) <= 1e-6, name


def test_only_what_an_output_needs_is_written(tmp_path: Path) -> None:
    write_onnx(every_kind(), (3, 15, 18), tmp_path / "cut.onnx", outputs=["norm"])
    assert [node.name for node in onnx.load(tmp_path / "cut.onnx").graph.node][-2:] == ["depthwise", "norm"]


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_the_preparation_of_pictures_becomes_a_layer(tmp_path: Path, order: str) -> None:
    network = every_kind()
    mean, std = (104.0, 117.0, 123.0), (57.0, 58.0, 59.0)
    whole = with_preparation(network, (3, 15, 18), mean, std, order)
    pictures = made_up((2, 3, 15, 18)) / 2 + 0.5
    turned = pictures.flip(1) if order == "BGR" else pictures
    prepared = (turned * 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    assert difference(whole(pictures), network(prepared)) <= 1e-5
    write_onnx(whole, (3, 15, 18), tmp_path / "whole.onnx")
    assert difference(whole(pictures), run(tmp_path / "whole.onnx", pictures)[0]) <= 1e-5


def test_what_has_no_counterpart_is_named(tmp_path: Path) -> None:
    network = Network([Step("odd", ("data",), nn.Softsign())], (3, 4, 4))
    with pytest.raises(
        ZooError, match=r"Layer 'odd' is a Softsign, which is not written as ONNX\. These are: AdaptiveAvg"
    ):
        write_onnx(network, (3, 4, 4), tmp_path / "x.onnx")
    with pytest.raises(ZooError, match=r"There is no layer 'ood'\. Did you mean odd\?"):
        write_onnx(network, (3, 4, 4), tmp_path / "x.onnx", outputs=["ood"])
    mirrored = Network([Step("conv", ("data",), nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"))], (3, 4, 4))
    with pytest.raises(ZooError, match=r"Layer 'conv' pads with 'reflect'"):
        write_onnx(mirrored, (3, 4, 4), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir()), "nothing half-written stays"


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        ZooError, match=r"x\.onnx cannot be written \(No such file or directory\)\. Choose another place\."
    ):
        write_onnx(every_kind(), (3, 15, 18), tmp_path / "nowhere" / "x.onnx")


# --- following a forward pass -----------------------------------------------------------------------------------------


class Plain(nn.Module):
    """As one writes a small network by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
        self.drop, self.head = nn.Dropout(), nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.conv1(x))
        y = F.relu(self.conv2(x)) + x
        y = self.relu(y) * y
        pooled = torch.cat([F.max_pool2d(y, 2), F.avg_pool2d(y, kernel_size=2)], dim=1)
        flat = torch.cat([F.adaptive_avg_pool2d(pooled, (1, 1)).flatten(1), y.mean((2, 3))], 1)
        scores: torch.Tensor = self.head(self.drop(flat))
        return scores


def test_a_plain_module_becomes_named_layers(tmp_path: Path) -> None:
    model = Plain().eval().requires_grad_(False)
    network = traced(model, (3, 8, 8))
    pictures = made_up((2, 3, 8, 8))
    assert difference(network(pictures), model(pictures)) == 0
    assert network.names[:6] == ("conv1", "relu", "conv2", "relu_2", "add", "relu_3")
    assert traced(network, (3, 8, 8)) is network
    write_onnx(model, (3, 8, 8), tmp_path / "plain.onnx")
    assert difference(model(pictures), run(tmp_path / "plain.onnx", pictures)[0]) <= 1e-5


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: x if x.sum() > 0 else -x, r"The forward pass of Odd cannot be followed \(symbolically traced"),
        (lambda m, x: torch.fft.fft2(x), r"fft_fft2, as it is called there, becomes no layer\. Write the forward pass"),
        (lambda m, x: torch.flatten(x), r"flatten, as it is called there, becomes no layer"),
        (lambda m, x: x + 1, r"add, as it is called there, becomes no layer"),
        (lambda m, x: (x, x), r"Odd returns more than one tensor"),
    ],
)
def test_a_forward_pass_that_is_no_chain_of_layers_is_refused(forward: Callable[..., Any], message: str) -> None:
    odd = type("Odd", (nn.Module,), {"forward": forward})()
    with pytest.raises(ZooError, match=message):
        traced(odd, (3, 8, 8))


# --- reading: each operator against onnxruntime -----------------------------------------------------------------------


def save(path: Path, nodes: Sequence[Any], constants: Constants | None = None, **options: Any) -> Path:
    return write(path, make(nodes, constants, **options))


def ints(*values: int) -> torch.Tensor:
    return torch.tensor(values)


WEIGHT = made_up((4, 3, 3, 2), 5)
CHANNEL = made_up((3,), 6)
NORM = {"s": CHANNEL, "b": CHANNEL + 1, "m": CHANNEL / 2, "v": CHANNEL.abs() + 0.1}
FLAT = ("N", 6)
READ: dict[str, tuple[Any, ...]] = {
    "conv": ([("Conv", "w")], {"w": WEIGHT}),
    "conv, bias, stride, pads": ([("Conv", "w", "b", {"strides": [2, 1], "pads": [1, 0, 1, 0]})], {"w": WEIGHT, "b": made_up((4,))}),
    "conv, uneven pads": ([("Conv", "w", {"pads": [0, 1, 2, 0], "kernel_shape": [3, 2]})], {"w": WEIGHT}),
    "conv, dilations": ([("Conv", "w", {"dilations": [2, 3]})], {"w": WEIGHT}),
    "conv, groups": ([("Conv", "w", {"group": 3})], {"w": made_up((6, 1, 3, 3))}),
    "conv, VALID": ([("Conv", "w", {"auto_pad": "VALID", "strides": [2, 2]})], {"w": WEIGHT}),
    "conv, SAME_UPPER": ([("Conv", "w", {"auto_pad": "SAME_UPPER"})], {"w": WEIGHT}),
    "conv, SAME_LOWER": ([("Conv", "w", {"auto_pad": "SAME_LOWER"})], {"w": WEIGHT}),
    "relu": ([("Relu",)], {}),
    "leaky relu": ([("LeakyRelu", {"alpha": 0.3})], {}),
    "sigmoid": ([("Sigmoid",)], {}),
    "tanh": ([("Tanh",)], {}),
    "clip, opset 7": ([("Clip", {"min": 0.0, "max": 6.0})], {}, 7),
    "clip": ([("Clip", "lo", "hi")], {"lo": torch.tensor(-0.25), "hi": torch.tensor(0.5)}),
    "clip below": ([("Clip", "lo")], {"lo": torch.tensor(0.0)}),
    "clip above": ([("Clip", "", "hi")], {"hi": torch.tensor(0.5)}),
    "max pool": ([("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2]})], {}),
    "max pool, ceil": ([("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1})], {}),
    "max pool, uneven pads": ([("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]})], {}),
    "max pool, dilations": ([("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 3]})], {}),
    "mean pool": ([("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]})], {}),
    "mean pool, padding counted": ([("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1})], {}),
    "mean pool, uneven, counted": ([("AveragePool", {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1], "count_include_pad": 1})], {}),
    "mean pool, ceil": ([("AveragePool", {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1})], {}),
    "global mean": ([("GlobalAveragePool",)], {}),
    "global max": ([("GlobalMaxPool",)], {}),
    "reduce mean": ([("ReduceMean", {"axes": [-1, 2]})], {}),
    "reduce mean, flat, opset 18": ([("ReduceMean", "a", {"keepdims": 0})], {"a": ints(2, 3)}, 18),
    "gemm": ([("Gemm", "w", "c", {"transB": 1, "alpha": 0.5, "beta": 2.0})], {"w": made_up((4, 6)), "c": made_up((4,))}, OPSET, FLAT),
    "gemm, one bias": ([("Gemm", "w", "c")], {"w": made_up((6, 4)), "c": made_up((1, 1))}, OPSET, FLAT),
    "matmul": ([("MatMul", "w")], {"w": made_up((6, 4))}, OPSET, FLAT),
    "batch norm": ([("BatchNormalization", *NORM, {"epsilon": 0.01})], NORM),
    "batch norm, opset 7": ([("BatchNormalization", *NORM)], NORM, 7),
    "lrn": ([("LRN", {"size": 3, "alpha": 0.5, "bias": 2.0})], {}),
    "concat": ([("Concat", "in", {"axis": -3})], {}),
    "add": ([("Add", "in")], {}),
    "sub": ([("Sub", "in")], {}),
    "mul": ([("Mul", "in")], {}),
    "sum": ([("Sum", "in", "in")], {}),
    "max": ([("Max", "in")], {}),
    "add constant": ([("Add", "c")], {"c": made_up((3, 1, 1))}),
    "subtract constant": ([("Sub", "c")], {"c": made_up((1, 3, 1, 1))}),
    "multiply by constant": ([("Mul", "c")], {"c": torch.tensor(3.0)}),
    "divide by constant": ([("Div", "c")], {"c": torch.tensor([2.0]).reshape(1, 1, 1, 1)}),
    "softmax": ([("Softmax", {"axis": 1})], {}),
    "softmax, the last": ([("Softmax",)], {}),
    "softmax, opset 11": ([("Softmax",)], {}, 11, FLAT),
    "flatten": ([("Flatten",)], {}),
    "flatten, from behind": ([("Flatten", {"axis": -3})], {}),
    "reshape": ([("Reshape", "s")], {"s": ints(0, -1)}),
    "reshape, counted": ([("Reshape", "s")], {"s": ints(-1, 216)}),
    "dropout, opset 7": ([("Dropout", {"ratio": 0.3})], {}, 7),
    "dropout": ([("Dropout", "r", "t")], {"r": torch.tensor(0.3), "t": torch.tensor(False)}),
    "identity": ([("Identity",)], {}),
    "pad": ([("Pad", "p", "v")], {"p": ints(0, 0, 1, 2, 0, 0, 3, 0), "v": torch.tensor(0.5)}),
    "pad, opset 7": ([("Pad", {"pads": [0, 0, 1, 2, 0, 0, 3, 0]})], {}, 7),
    "pad, axes": ([("Pad", "p", "", "a")], {"p": ints(1, 2), "a": ints(-1)}, 18),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_an_operator_does_what_onnxruntime_does(tmp_path: Path, case: str) -> None:
    nodes, constants, opset, shape = (*READ[case], *(OPSET, ("N", 3, 9, 8))[len(READ[case]) - 2 :])
    made = []
    for kind, *rest in nodes:
        attributes = rest.pop() if rest and isinstance(rest[-1], dict) else {}
        made.append(node(kind, *rest, **attributes))
    if len(shape) == 2:  # the zoo's networks begin with a picture
        made = [onnx.helper.make_node("Flatten", ["in"], ["flat"]), *made]
        made[1].input[0] = "flat"
        shape = ("N", 1, 2, 3)
    path = save(tmp_path / "one.onnx", made, constants, shape=shape, opset=opset)
    pictures = made_up((2, *shape[1:]), 3)
    network = read_onnx(path)
    assert f"the {nodes[0][0]}" in network.names
    assert difference(network(pictures), run(path, pictures)[0]) <= 1e-5


def test_a_constant_may_come_first_and_pass_through_identity(tmp_path: Path) -> None:
    value = onnx.numpy_helper.from_array(np.float32([2, 3, 4]).reshape(1, 3, 1, 1))
    nodes = [
        onnx.helper.make_node("Constant", [], ["c"], value=value),
        onnx.helper.make_node("Identity", ["c"], ["d"]),
        onnx.helper.make_node("Sub", ["d", "in"], ["e"]),
        onnx.helper.make_node("Constant", [], ["f"], value_float=0.5),
        onnx.helper.make_node("Mul", ["f", "e"], ["g"]),
        onnx.helper.make_node("Constant", [], ["h"], value_ints=[0, -1]),
        onnx.helper.make_node("Reshape", ["g", "h"], ["out"]),
    ]
    path = save(tmp_path / "constants.onnx", nodes)
    pictures = made_up((2, 3, 9, 8))
    network = read_onnx(path)
    assert network.names == ("e", "g", "out")
    assert difference(network(pictures), run(path, pictures)[0]) <= 1e-6


def test_matmul_and_add_are_a_fully_connected_layer(tmp_path: Path) -> None:
    nodes = [
        onnx.helper.make_node("Flatten", ["in"], ["flat"]),
        onnx.helper.make_node("MatMul", ["flat", "w"], ["product"]),
        onnx.helper.make_node("Add", ["b", "product"], ["out"]),
    ]
    path = save(tmp_path / "linear.onnx", nodes, {"w": made_up((216, 10)) / 10, "b": made_up((10,))})
    pictures = made_up((2, 3, 9, 8))
    assert difference(read_onnx(path)(pictures), run(path, pictures)[0]) <= 1e-5


def test_what_pytorch_itself_exports_is_read(tmp_path: Path) -> None:
    """A file as PyTorch 2's exporter names things; the exporter is not needed to read it."""
    nodes = [
        onnx.helper.make_node("Conv", ["in", "features.0.weight"], ["/features/features.0/Conv_output_0"], name="/features/features.0/Conv"),
        onnx.helper.make_node("Relu", ["/features/features.0/Conv_output_0"], ["out"], name="/features/features.1/Relu"),
    ]  # fmt: skip
    network = read_onnx(save(tmp_path / "torch.onnx", nodes, {"features.0.weight": WEIGHT}))
    assert network.names == ("features/features_0/Conv", "features/features_1/Relu")
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    pictures = made_up((1, 3, 9, 8)).requires_grad_()
    network(pictures).sum().backward()
    assert pictures.grad is not None


def test_a_size_that_the_file_leaves_open_is_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "open.onnx", [node("Relu")], shape=("N", 3, "H", "W"))
    with pytest.raises(
        ZooError, match=r"open\.onnx leaves open how large its pictures are\. Export it with a fixed height"
    ):
        read_onnx(path)
    assert read_onnx(path, size=(9, 8)).input_shape == (3, 9, 8)


def test_numbers_may_lie_in_a_list_in_place_of_raw_bytes(tmp_path: Path) -> None:
    nodes = [node("Conv", "w", output="conv"), onnx.helper.make_node("Reshape", ["conv", "s"], ["out"])]
    path = save(tmp_path / "lists.onnx", nodes, {"w": WEIGHT, "s": ints(0, -1)})
    model = onnx.load(path)
    w, s = model.graph.initializer
    w.ClearField("raw_data")
    w.float_data.extend(WEIGHT.flatten().tolist())
    s.ClearField("raw_data")
    s.int64_data.extend([0, -1])
    path.write_bytes(model.SerializeToString())
    pictures = made_up((2, 3, 9, 8))
    assert difference(read_onnx(path)(pictures), run(path, pictures)[0]) <= 1e-5


def test_every_opset_in_the_range_is_known_to_the_reference(tmp_path: Path) -> None:
    for opset in OPSETS:
        if opset > onnx.defs.onnx_opset_version():
            pytest.skip(f"this onnx ends with opset {onnx.defs.onnx_opset_version()}")
        assert read_onnx(save(tmp_path / "x.onnx", [node("Relu")], opset=opset)).names == ("the Relu",)


def test_an_onnx_file_is_imported_into_the_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    network = load_cifar("cifar-small")
    write_onnx(network, (3, 32, 32), tmp_path / "theirs.onnx")
    import_network([tmp_path / "theirs.onnx"], None, Wishes(mean=(0, 0, 0), std=(255, 255, 255)))
    model = zoo.load("theirs")
    pictures = made_up((2, 3, 32, 32)) / 2 + 0.5
    assert difference(model(pictures), network(pictures)) <= 1e-5
    assert "conv1" in model.layers
