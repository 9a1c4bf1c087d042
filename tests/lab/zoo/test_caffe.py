"""Caffe's files: what is read, and what is refused with which words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from handson.lab.zoo.caffe import architecture, read_caffe, read_caffemodel
from handson.lab.zoo.caffe_schema import BinaryNet
from handson.lab.zoo.caffe_text import read_prototxt
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import Network
from tests.lab.zoo.caffe_files import random_blobs, write_caffemodel
from tests.lab.zoo.deploy_files import Writer, googlenet

SMALL = """\
name: "small"  # a comment with a { brace
layer { name: "data" type: "Input" top: "data" input_param { shape: { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 }
}
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "score" type: "InnerProduct" bottom: "conv" top: "score" inner_product_param { num_output: 2 } }
"""

Save = Callable[..., Path]


@pytest.fixture
def deploy(tmp_path: Path) -> Save:
    """Write SMALL, edited, or another text, to a file."""

    def save(*edit: tuple[str, str], text: str = SMALL) -> Path:
        for old, new in edit:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "deploy.prototxt"
        path.write_text(text, encoding="utf-8")
        return path

    return save


def layer(kind: str, parameters: str = "", **blobs: str) -> str:
    """The text of one layer from `conv` to `more`."""
    fed = "".join(f' bottom: "{name}"' for name in blobs.get("bottoms", "conv").split())
    return f'layer {{ name: "more" type: "{kind}"{fed} top: "more" {parameters} }}\n'


def with_layer(text: str) -> tuple[str, str]:
    return ('layer { name: "score"', f'{text}layer {{ name: "score"')


def read(path: Path) -> Network:
    return architecture(read_prototxt(path))


def refused(path: Path) -> str:
    with pytest.raises(ZooError) as caught:
        read(path)
    return str(caught.value)


def test_layers_are_named_modules_without_numbers_yet(deploy: Save) -> None:
    network = read(deploy())
    assert network.names == ("conv", "relu", "score")
    assert network.input_shape == (3, 8, 8)
    assert network.outputs == ("score",)
    assert all(value.is_meta for value in network.parameters())
    assert sum(value.numel() for value in network.parameters()) == 4 * 27 + 4 + 144 * 2 + 2
    assert network.shapes() == {"conv": (4, 6, 6), "relu": (4, 6, 6), "score": (2,)}


def test_a_layer_in_place_keeps_what_came_before_it(deploy: Save, tmp_path: Path) -> None:
    path = deploy()
    write_caffemodel(tmp_path / "a.caffemodel", random_blobs(read(path)))
    network = read_caffe(path, tmp_path / "a.caffemodel")
    found = network.activations(torch.randn(2, 3, 8, 8), ["conv", "relu", "score"])
    assert found["conv"].min() < 0
    assert torch.equal(found["relu"], found["conv"].relu())
    assert found["score"].shape == (2, 2)
    assert not any(value.requires_grad for value in network.parameters())


def test_gradients_reach_the_picture_and_agree_with_the_plain_modules(deploy: Save, tmp_path: Path) -> None:
    path = deploy()
    write_caffemodel(tmp_path / "a.caffemodel", random_blobs(read(path)))
    network = read_caffe(path, tmp_path / "a.caffemodel")
    picture = torch.randn(1, 3, 8, 8, requires_grad=True)
    conv, score = (network.layers.get_submodule(name) for name in ("conv", "score"))
    (wanted,) = torch.autograd.grad(score(conv(picture).relu())[0, 1], picture)
    (found,) = torch.autograd.grad(network(picture)[0, 1], picture)
    assert torch.allclose(found, wanted)


def test_what_is_not_needed_is_not_run(deploy: Save, tmp_path: Path) -> None:
    path = deploy()
    write_caffemodel(tmp_path / "a.caffemodel", random_blobs(read(path)))
    network = read_caffe(path, tmp_path / "a.caffemodel")
    ran: list[str] = []
    network.layers.get_submodule("score").register_forward_hook(lambda *_: ran.append("score"))
    network.activations(torch.randn(1, 3, 8, 8), ["conv"])
    assert not ran
    # Of another size: the layers before the fully connected one take it.
    assert network.activations(torch.randn(1, 3, 20, 30), ["relu"])["relu"].shape == (1, 4, 18, 28)


def test_a_wrong_layer_name_is_answered_with_the_right_ones(deploy: Save) -> None:
    with pytest.raises(ZooError, match=r"no layer 'scor'.*Did you mean score\? There are: conv, relu, score"):
        read(deploy()).activations(torch.zeros(1, 3, 8, 8), ["scor"])


def test_layers_for_training_only_are_left_out(deploy: Save) -> None:
    only = layer("Mystery", "include { phase: TRAIN }") + layer("ReLU", "exclude { phase: TRAIN }")
    assert read(deploy(with_layer(only))).names == ("conv", "relu", "more", "score")


def test_batch_norm_divides_by_its_third_blob(deploy: Save, tmp_path: Path) -> None:
    text = SMALL.split('layer { name: "score"', maxsplit=1)[0] + layer("BatchNorm")
    path = deploy(text=text)
    blobs = random_blobs(read(path))
    mean, variance, factor = torch.arange(4.0), torch.arange(4.0) + 1, torch.tensor([4.0])
    blobs["more"] = [mean, variance, factor]
    write_caffemodel(tmp_path / "a.caffemodel", blobs)
    network = read_caffe(path, tmp_path / "a.caffemodel")
    found = network.activations(torch.randn(1, 3, 8, 8), ["relu", "more"])
    middle, spread = (mean / 4).view(1, 4, 1, 1), (variance / 4).view(1, 4, 1, 1)
    assert torch.allclose(found["more"], (found["relu"] - middle) / (spread + 1e-5).sqrt(), atol=1e-5)


def test_pooling_rounds_up_and_a_mean_counts_the_padding(deploy: Save) -> None:
    pool = layer("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }")
    network = read(deploy(with_layer(pool)))
    assert network.shapes()["more"] == (4, 4, 4)
    module = network.layers.get_submodule("more")
    ones = module(torch.ones(1, 1, 6, 6))[0, 0]
    # The first window has a row and a column of padding; the last one is cut off, and counts one row of padding.
    assert torch.allclose(ones[0, :3], torch.tensor([4 / 9, 6 / 9, 6 / 9]))
    assert float(ones[3, 3]) == pytest.approx(1 / 4)
    floor = layer("Pooling", "pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR }")
    assert read(deploy(with_layer(floor))).shapes()["more"] == (4, 2, 2)


@pytest.mark.parametrize(
    ("parameters", "shape"),
    [
        ("kernel_h: 1 kernel_w: 3 pad_h: 0 pad_w: 1", (8, 6, 6)),
        ("kernel_size: 3 dilation: 2 group: 2", (8, 2, 2)),
        ("kernel_size: [3, 1] stride: 2", (8, 2, 3)),
    ],
)
def test_windows_are_given_in_three_ways(deploy: Save, parameters: str, shape: tuple[int, ...]) -> None:
    more = layer("Convolution", f"convolution_param {{ num_output: 8 {parameters} }}")
    assert read(deploy(with_layer(more))).shapes()["more"] == shape


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (layer("Mystery"), r"'more' \(line 8\) has the type 'Mystery', which the zoo does not know. It knows BatchNorm"),
        (layer("Accuracy"), r"'Accuracy'.*training file"),
        (layer("ReLU", "mystery_param { a: 1 }"), "line 8: the field 'mystery_param' is not known"),
        (layer("ReLU", "relu_param { negative: 1 }"), "line 8: the field 'negative' is not known"),
        (layer("ReLU", bottoms="nothing"), r"'more' \(line 8\) takes 'nothing', which no layer above it makes"),
        (layer("ReLU", bottoms="score"), "'score', which no layer above it makes"),
        (layer("ReLU").replace("more", "relu", 1), r"'relu' \(line 8\): the name is taken"),
        (layer("ReLU", bottoms="conv data"), "it has 2 inputs"),
        (layer("ReLU", 'top: "second"'), "makes 2 outputs"),
        (layer("Eltwise", bottoms="conv data"), "inputs of the shapes"),
        (layer("Eltwise", "eltwise_param { coeff: 1 }", bottoms="conv conv"), "1 coefficients"),
        (layer("Concat", bottoms="conv data"), r"'more \(line 8\)' cannot take \(4, 6, 6\) and \(3, 8, 8\)"),
        (layer("Concat", "concat_param { axis: 7 }"), "axis 7"),
        (layer("Convolution"), "num_output 0"),
        (layer("Convolution", "convolution_param { num_output: 4 }"), "kernel_size is missing"),
        (layer("Convolution", "convolution_param { num_output: 4 kernel_size: 9 }"), r"cannot take \(4, 6, 6\)"),
        (layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 group: 3 }"), "in 3 groups"),
        (layer("Convolution", "convolution_param { num_output: 4 kernel_size: 1 stride: 0 }"), r"stride \[0\]"),
        (layer("Convolution", "convolution_param { num_output: 900000 kernel_size: 900 pad: 900 }"), "2,916,"),
        (layer("Pooling", "pooling_param { kernel_size: 2 pool: STOCHASTIC }"), "STOCHASTIC"),
        (layer("Pooling", "pooling_param { kernel_size: 2 pad: 2 }"), "padding"),
        (layer("Pooling", "pooling_param { kernel_size: 1 stride: 2 }"), "stride"),
        (layer("LRN", "lrn_param { norm_region: WITHIN_CHANNEL }"), "WITHIN_CHANNEL"),
        (layer("LRN", "lrn_param { local_size: 4 }"), "local_size 4"),
        (layer("BatchNorm", "batch_norm_param { use_global_stats: false }"), "use_global_stats"),
        (layer("Scale", "scale_param { axis: 0 }"), "axis 0"),
        (layer("InnerProduct", "inner_product_param { num_output: 1000000 transpose: true }"), "transposed"),
        (layer("Dropout", "dropout_param { dropout_ratio: 2 }"), "dropout_ratio 2"),
        (layer("Softmax", "softmax_param { axis: 9 }"), "axis 9"),
        ("layers { }\n", "mixes old"),
        ("layer {\n", "line"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_with_its_line(deploy: Save, more: str, what: str) -> None:
    message = refused(deploy(with_layer(more)))
    assert re.search(what, message), message


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (("dim: 1 dim: 3 dim: 8 dim: 8", "dim: 3 dim: 8"), r"the sizes \[3, 8\]"),
        (("dim: 8 dim: 8", "dim: 8 dim: 0"), "the sizes"),
        (("dim: 8 dim: 8", "dim: 99999 dim: 99999"), "numbers for a picture"),
        (('type: "Input"', 'type: "ReLU"'), "no input"),
        (('name: "conv" type', 'name: "co.nv" type'), "cannot be called 'co.nv'"),
        (('name: "conv" type', 'name: "forward" type'), "cannot be called 'forward'"),
    ],
)
def test_an_input_or_a_name_that_will_not_do(deploy: Save, edit: tuple[str, str], what: str) -> None:
    message = refused(deploy(edit))
    assert re.search(what, message), message


def test_a_file_that_is_no_deploy_file(tmp_path: Path, deploy: Save) -> None:
    assert "cannot be read" in refused(tmp_path / "missing")
    assert "has no layer" in refused(deploy(text='input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8'))
    binary = tmp_path / "a.caffemodel"
    binary.write_bytes(b"\xff\xfe\x00" * 99)
    assert "is no text" in refused(binary)
    binary.write_bytes(b" " * 9_000_000)
    assert "9" not in refused(binary)[:12]
    assert "short text" in refused(binary)


def test_old_messages_are_read_too(tmp_path: Path) -> None:
    for old in (False, True):
        (tmp_path / "deploy.prototxt").write_text(googlenet(old), encoding="utf-8")
        network = read(tmp_path / "deploy.prototxt")
        assert network.shapes()["inception_4c/output"] == (512, 14, 14)
        assert network.outputs == ("prob",)
    (tmp_path / "deploy.prototxt").write_text(googlenet(True).replace("RELU", "TANH", 1), encoding="utf-8")
    assert "has the type 'TANH'" in refused(tmp_path / "deploy.prototxt")


# Weights


@pytest.fixture
def weights(deploy: Save, tmp_path: Path) -> Callable[[dict[str, list[torch.Tensor]]], str]:
    """Read SMALL with these blobs in place of its own; the words with which that is refused."""
    path = deploy()
    blobs = random_blobs(read(path))

    def refusal(changed: dict[str, list[torch.Tensor]]) -> str:
        write_caffemodel(tmp_path / "a.caffemodel", {**blobs, **changed})
        with pytest.raises(ZooError) as caught:
            read_caffe(path, tmp_path / "a.caffemodel")
        return str(caught.value)

    return refusal


def test_weights_that_do_not_fit(weights: Callable[..., str]) -> None:
    conv = torch.zeros(4, 3, 3, 3)
    assert "layer 'conv' has 1 arrays, and 2 are needed" in weights({"conv": [conv]})
    assert "(5, 3, 3, 3), and (4, 3, 3, 3) is needed" in weights({"conv": [torch.zeros(5, 3, 3, 3), torch.zeros(5)]})
    # The same number of numbers, in another shape.
    assert "is needed" in weights({"conv": [conv.reshape(3, 4, 3, 3), torch.zeros(4)]})


def test_weights_of_another_network(deploy: Save, tmp_path: Path) -> None:
    write_caffemodel(tmp_path / "a.caffemodel", {"other": [torch.zeros(3)]})
    with pytest.raises(ZooError, match=r"no numbers for the layer 'conv'.*other deploy file|another deploy file"):
        read_caffe(deploy(), tmp_path / "a.caffemodel")


def test_old_files_fill_up_to_four_sizes(deploy: Save, tmp_path: Path) -> None:
    path = deploy()
    blobs = random_blobs(read(path))
    for old in (False, True):
        write_caffemodel(tmp_path / "a.caffemodel", blobs, old=old)
        network = read_caffe(path, tmp_path / "a.caffemodel")
        score = network.layers.get_submodule("score")
        assert isinstance(score, nn.Linear)
        assert torch.equal(score.weight, blobs["score"][0])
        assert torch.equal(score.bias, blobs["score"][1])


def test_a_blob_that_promises_terabytes_is_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    net = BinaryNet()
    target = net.layer.add(name="conv").blobs.add()
    target.shape.dim.extend([2**40, 2**20])
    target.data.append(b"\0" * 16)
    (tmp_path / "a.caffemodel").write_bytes(net.SerializeToString())
    with pytest.raises(ZooError, match="1099511627776 × 1048576 numbers, and has 4"):
        read_caffemodel(tmp_path / "a.caffemodel")


def test_a_layer_twice_or_no_numbers_at_all(tmp_path: Path) -> None:
    net = BinaryNet()
    path = tmp_path / "a.caffemodel"
    path.write_bytes(net.SerializeToString())
    with pytest.raises(ZooError, match="holds no numbers"):
        read_caffemodel(path)
    for _ in range(2):
        blob = net.layer.add(name="conv").blobs.add()
        blob.shape.dim.extend([1])
        blob.data.append(b"\0" * 4)
    path.write_bytes(net.SerializeToString())
    with pytest.raises(ZooError, match="the layer 'conv' twice"):
        read_caffemodel(path)


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(data=st.data())
def test_a_damaged_caffemodel_is_read_or_refused_and_nothing_else(data: st.DataObject, tmp_path: Path) -> None:
    prototxt, caffemodel = tmp_path / "deploy.prototxt", tmp_path / "a.caffemodel"
    prototxt.write_text(SMALL, encoding="utf-8")
    write_caffemodel(caffemodel, random_blobs(read(prototxt)))
    content = bytearray(caffemodel.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # The first bytes hold the names, lengths and shapes: more is to be broken there.
        place = data.draw(st.integers(0, 80) | st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    caffemodel.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    start = time.process_time()
    try:
        network = read_caffe(prototxt, caffemodel)
    except ZooError:
        pass  # refused; anything else would be a defect
    else:
        assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 2)
    assert time.process_time() - start < 5


WORDS = [
    "layer {", "layers {", "}", "{", '"', "'", "#", "\x00",
    'name: "a"', 'type: "Convolution"', 'type: "Concat"', "type: RELU", 'bottom: "data"', 'bottom: "a"', 'top: "a"',
    "convolution_param {", "num_output: 99999999", "kernel_size: 4000000000", "pad: -1", "stride: 0", "group: 0",
    "input_dim: 9999999", "dim: 18446744073709551615", "concat_param { axis: -2147483648 }",
    "eltwise_param { coeff: nan }", "lrn_param { local_size: 4294967295 }",
]  # fmt: skip


@FUZZ
@given(words=st.lists(st.sampled_from(WORDS), max_size=12), place=st.integers(0, len(SMALL)), cut=st.integers(0, 30))
def test_a_garbled_deploy_file_is_read_or_refused_and_nothing_else(
    words: list[str], place: int, cut: int, tmp_path: Path
) -> None:
    prototxt = tmp_path / "deploy.prototxt"
    prototxt.write_text(SMALL[:place] + " ".join(words) + SMALL[place + cut :], encoding="utf-8")
    start = time.process_time()
    try:
        network = read(prototxt)
    except ZooError:
        pass  # refused; anything else would be a defect
    else:
        assert network.names
    assert time.process_time() - start < 5


def test_many_layers_take_little_time(tmp_path: Path) -> None:
    net = Writer("deep", 8)
    for index in range(3000):
        net.layer("ReLU", f"relu{index}")
    (tmp_path / "deploy.prototxt").write_text(net.text(), encoding="utf-8")
    start = time.process_time()
    assert len(read(tmp_path / "deploy.prototxt").steps) == 3000
    assert time.process_time() - start < 30
