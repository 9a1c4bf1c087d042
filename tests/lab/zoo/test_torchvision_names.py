"""Our GoogLeNet, Inception-3 and ResNets are torchvision's: names, shapes, numbers; and its files are read carefully.

The real files are not downloaded here. What torchvision's own networks compute is in state_dicts.json, written by
scripts/compare_torchvision.py; so the networks are proven up to the weights.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as serialize
from safetensors.torch import save_file
from torch import nn

from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import Network, Step
from handson.lab.zoo.state import fill, read_safetensors, read_state_dict
from handson.lab.zoo.torchvision import weights
from handson.lab.zoo.torchvision.blocks import ConvNormRelu
from handson.lab.zoo.torchvision.inception import Mixed, Pool
from handson.lab.zoo.torchvision.resnet import Bottleneck
from handson.lab.zoo.torchvision.weights import WEIGHTS, load_safetensors, load_torchvision, stages
from tests.lab.zoo.made_up import fill_with_made_up_numbers, made_up

FACTS = json.loads((Path(__file__).parent / "state_dicts.json").read_text(encoding="utf-8"))["networks"]


@cache
def network(name: str) -> nn.Module:
    """The network with made-up weights, made once."""
    model = WEIGHTS[name].build().eval().requires_grad_(False)
    fill_with_made_up_numbers(model)
    return model


@pytest.mark.parametrize("name", FACTS)
def test_names_and_shapes_are_those_of_the_published_files(name: str) -> None:
    with torch.device("meta"):
        model = WEIGHTS[name].build()
    ours = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
    assert ours == FACTS[name]["tensors"]


@pytest.mark.parametrize(
    ("name", "parameters", "working"),
    [
        ("googlenet", 13_004_888, 6_624_904),
        ("inception-3", 27_161_264, 23_834_568),
        ("resnet-18", 11_689_512, 11_689_512),
        ("resnet-50", 25_557_032, 25_557_032),
        ("resnet-50-v2", 25_557_032, 25_557_032),
    ],
)
def test_parameters_are_counted_as_published(name: str, parameters: int, working: int) -> None:
    with torch.device("meta"):
        model = WEIGHTS[name].build()
    counts = {key: p.numel() for key, p in model.named_parameters()}
    assert sum(counts.values()) == parameters == WEIGHTS[name].parameters
    without = sum(n for key, n in counts.items() if not key.startswith(("aux", "Aux")))
    assert without == working == WEIGHTS[name].working


@pytest.mark.parametrize("name", FACTS)
def test_logits_are_those_that_torchvision_computes(name: str) -> None:
    height, width = FACTS[name]["size"]
    with torch.no_grad():
        logits = network(name)(made_up((1, 3, height, width), seed=height))
    difference = (logits[0, ::50] - torch.tensor(FACTS[name]["logits"])).abs().max().item()
    print(f"{name}: largest difference to torchvision {difference:.1e}")
    assert difference <= 1e-5


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        ("googlenet", 15, 15),
        ("googlenet", 96, 130),
        ("inception-3", 75, 75),
        ("inception-3", 111, 90),
        ("resnet-18", 1, 1),
        ("resnet-18", 65, 97),
        ("resnet-50", 33, 64),
    ],
)
def test_any_size_gives_a_thousand_logits(name: str, height: int, width: int) -> None:
    with torch.no_grad():
        assert network(name)(torch.zeros(2, 3, height, width)).shape == (2, 1000)


@pytest.mark.parametrize(
    ("name", "size", "shapes"),
    [
        ("resnet-18", 224, {"layer1.1": (64, 56), "layer2.1": (128, 28), "layer4.1": (512, 7)}),
        ("resnet-50", 224, {"relu": (64, 112), "layer1.2": (256, 56), "layer4.2": (2048, 7)}),
        ("googlenet", 224, {"conv1": (64, 112), "inception3a": (256, 28), "inception4c": (512, 14), "inception5b": (1024, 7)}),
        ("inception-3", 299, {"Conv2d_4a_3x3": (192, 71), "Mixed_5b": (256, 35), "Mixed_6e": (768, 17), "Mixed_7c": (2048, 8)}),
    ],
)  # fmt: skip
def test_stages_are_module_paths_with_the_shapes_of_the_papers(
    name: str, size: int, shapes: dict[str, tuple[int, int]]
) -> None:
    model, seen = network(name), {}

    def keep(path: str) -> Callable[..., None]:
        return lambda *arguments: seen.update({path: tuple(arguments[-1].shape[1:])})

    hooks = [model.get_submodule(path).register_forward_hook(keep(path)) for path in stages(model)]
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    assert tuple(seen) == stages(model), "shallow to deep"
    assert {path: (channels, side, side) for path, (channels, side) in shapes.items()}.items() <= seen.items()
    assert set(WEIGHTS[name].dream) <= set(stages(model))


def test_a_network_without_stages_is_told_which_have_them() -> None:
    with pytest.raises(ZooError, match=r"A Linear has no list of stages\. These have one: googlenet, inception-3"):
        stages(nn.Linear(1, 1))


# --- numbers made by hand, where published networks differ from one another ------------------------------------------


def test_a_bottleneck_halves_the_picture_in_its_3x3_not_in_its_first_1x1() -> None:
    block = Bottleneck(64, 64, stride=2)
    assert (block.conv1.stride, block.conv2.stride, block.conv3.stride) == ((1, 1), (2, 2), (1, 1))


def test_googlenet_pools_windows_that_hang_over_the_edge() -> None:
    model: Any = network("googlenet")
    four = torch.tensor([[1.0, 5, 2, 3], [4, 0, 1, 6], [7, 2, 3, 1], [0, 1, 2, 9]]).reshape(1, 1, 4, 4)
    assert model.maxpool1(four)[0, 0].tolist() == [[7, 6], [7, 9]]
    three = four[:, :, :3, :3]
    assert model.maxpool4(three)[0, 0].tolist() == [[5, 2], [7, 3]]


def test_the_inceptions_add_a_thousandth_to_a_variance() -> None:
    layer = ConvNormRelu(1, 1, 1).eval()
    layer.conv.weight.data.fill_(1)
    layer.bn.running_var.fill_(0.003)
    out = layer(torch.tensor([[[[2.0, -2.0]]]])).flatten().tolist()
    assert out == pytest.approx([2 / 0.004**0.5, 0.0])


def test_inception_3_counts_the_padding_in_its_means() -> None:
    mean = Mixed(1, ((Pool("mean"),),))
    out = mean(torch.full((1, 1, 3, 3), 9.0))[0, 0]
    assert torch.allclose(out, torch.tensor([[4.0, 6, 4], [6, 9, 6], [4, 6, 4]]))


def test_pictures_are_normalized_as_each_network_was_trained() -> None:
    for name, published in WEIGHTS.items():
        white = [(1 - m) / s for m, s in zip(published.mean, published.std, strict=True)]
        if name in ("googlenet", "inception-3"):
            # torchvision maps pictures normalized with ImageNet's figures back: x · 0.229 / 0.5 + (0.485 - 0.5) / 0.5.
            figures = zip(weights.IMAGENET_MEAN, weights.IMAGENET_STD, strict=True)
            assert white == pytest.approx([(1 - m) / s * (s / 0.5) + (m - 0.5) / 0.5 for m, s in figures])
        else:
            assert white == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-4)


def test_dropout_is_for_training_only() -> None:
    model = network("googlenet")
    picture = made_up((2, 3, 40, 40))
    with torch.no_grad():
        assert torch.equal(model(picture), model(picture))


# --- reading files ----------------------------------------------------------------------------------------------------


def save(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def publish(monkeypatch: pytest.MonkeyPatch, name: str, path: Path) -> None:
    """Makes the file at `path` the one that torchvision published under `name`."""
    prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(WEIGHTS, name, WEIGHTS[name]._replace(sha256=prefix))


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    """A state dictionary of ResNet-18, all zeros in one storage a tensor: quick to write."""
    with torch.device("meta"):
        model = WEIGHTS["resnet-18"].build()
    return OrderedDict((name, torch.zeros_like(t, device="cpu")) for name, t in model.state_dict().items())


@pytest.mark.parametrize("archive", [True, False], ids=["today's format", "the format before 2020"])
def test_a_published_file_becomes_a_network_that_does_not_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: bool
) -> None:
    expected = network("resnet-18")
    file = save(tmp_path / "resnet18.pth", expected.state_dict(), _use_new_zipfile_serialization=archive)
    publish(monkeypatch, "resnet-18", file)
    model = load_torchvision("resnet-18", file)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    picture = made_up((1, 3, 64, 64))
    with torch.no_grad():
        assert torch.equal(model(picture), expected(picture))


def test_a_file_from_before_batchnorm_counted_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, torch.Tensor]
) -> None:
    old = OrderedDict((name, t) for name, t in state.items() if not name.endswith("num_batches_tracked"))
    file = save(tmp_path / "old.pth", old)
    publish(monkeypatch, "resnet-18", file)
    model: Any = load_torchvision("resnet-18", file)
    assert model.bn1.num_batches_tracked.item() == 0
    assert not any(tensor.is_meta for tensor in model.state_dict().values())


def test_another_file_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, torch.Tensor]
) -> None:
    file = save(tmp_path / "resnet18-f37072fd.pth", state)
    monkeypatch.setattr(torch, "load", lambda *args, **options: pytest.fail("opened"))
    with pytest.raises(ZooError) as caught:
        load_torchvision("resnet-18", file)
    start = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    assert str(caught.value) == (
        f"resnet18-f37072fd.pth is not resnet18-f37072fd.pth: its SHA-256 starts with {start}, not f37072fd. "
        "Run `handson fetch resnet-18` in a terminal, or take https://download.pytorch.org/models/resnet18-f37072fd.pth."
    )


def test_a_file_that_was_cut_off_is_called_so(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    file = save(tmp_path / "resnet18-f37072fd.pth", state)
    file.write_bytes(file.read_bytes()[:1_000_000])
    with pytest.raises(ZooError, match=r"not f37072fd\. It was cut off: 1,000,000 of about 46,796,448 bytes\. Run "):
        load_torchvision("resnet-18", file)


def test_a_file_that_is_far_too_large_is_not_even_hashed(tmp_path: Path) -> None:
    file = tmp_path / "large.pth"
    with file.open("wb") as stream:
        stream.truncate(2**40)  # a terabyte that takes no room
    with pytest.raises(ZooError, match=r"large\.pth has 1,099,511,627,776 bytes; resnet18-f37072fd\.pth has about"):
        load_torchvision("resnet-18", file)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        ZooError, match=r"no network with torchvision's weights 'vgg'\. There are: googlenet, inception-3, resnet-18,"
    ):
        load_torchvision("vgg", tmp_path)


@pytest.mark.parametrize("path", ["missing.pth", "."])
def test_a_path_that_cannot_be_read_says_why(tmp_path: Path, path: str) -> None:
    with pytest.raises(ZooError, match=r"cannot be read: (No such file|Is a directory).*Run `handson fetch"):
        load_torchvision("resnet-18", tmp_path / path)
    with pytest.raises(ZooError, match=r"cannot be read|damaged"):
        read_state_dict(tmp_path / path)


class Hostile:
    """Pickled, it asks the reader to run a command."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.witness}",)


@pytest.mark.parametrize("archive", [True, False])
def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: bool) -> None:
    witness = tmp_path / "witness"
    file = tmp_path / "hostile.pth"
    content = {"conv1.weight": Hostile(witness)}
    save(file, content, _use_new_zipfile_serialization=archive)
    publish(monkeypatch, "resnet-18", file)
    with pytest.raises(ZooError, match=r"hostile\.pth holds more than tensors, or is damaged; nothing in it was run\."):
        load_torchvision("resnet-18", file)
    assert not witness.exists()
    torch.load(file, weights_only=False)
    assert witness.exists(), "read carelessly, the file is hostile"


def test_a_whole_network_pickled_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "whole.pth", nn.Linear(2, 2))
    with pytest.raises(ZooError, match=r"holds more than tensors.*ask its author for a state dictionary"):
        read_state_dict(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], r"holds no state dictionary but a list\. What is needed is"),
        (torch.zeros(1), r"holds no state dictionary but a Tensor"),
        ({3: torch.zeros(1)}, r"holds no state dictionary but a dict"),
        ({"epoch": 3}, r"'epoch' is no tensor of plain numbers \(int\)"),
        ({"a": torch.zeros(2, 2).to_sparse()}, r"'a' is no tensor of plain numbers"),
        ({"a": torch.zeros(2**40, device="meta")}, r"'a' is no tensor of plain numbers"),
    ],
)
def test_something_else_that_torch_saved_is_refused(tmp_path: Path, content: object, message: str) -> None:
    file = save(tmp_path / "else.pth", content)
    with pytest.raises(ZooError, match=message):
        read_state_dict(file)


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("kept", [0, 1, 10, 200, 1_000, 3_000])
def test_a_cut_file_is_refused_wherever_it_was_cut(tmp_path: Path, kept: int, archive: bool) -> None:
    content = io.BytesIO()
    torch.save({"a": torch.ones(1000)}, content, _use_new_zipfile_serialization=archive)
    file = tmp_path / "cut.pth"
    file.write_bytes(content.getvalue()[:kept])
    with pytest.raises(ZooError, match=r"cut\.pth (is damaged or no file of PyTorch's|holds more than tensors)"):
        read_state_dict(file)


@settings(max_examples=150, deadline=2000)
@given(archive=st.booleans(), at=st.integers(0, 1500), byte=st.integers(0, 255), more=st.binary(max_size=8))
def test_damaged_bytes_give_tensors_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, archive: bool, at: int, byte: int, more: bytes
) -> None:
    content = io.BytesIO()
    torch.save({"a": torch.ones(10), "b": torch.ones(2, 3)}, content, _use_new_zipfile_serialization=archive)
    damaged = bytearray(content.getvalue())
    at %= len(damaged)
    damaged[at : at + 1] = bytes([byte]) + more
    file = tmp_path_factory.getbasetemp() / "damaged.pth"
    file.write_bytes(damaged)
    with suppress(ZooError):
        assert all(isinstance(tensor, torch.Tensor) for tensor in read_state_dict(file).values())


def test_what_does_not_fit_is_named(state: dict[str, torch.Tensor]) -> None:
    del state["conv1.weight"], state["layer1.0.bn1.running_mean"]
    state["head.weight"] = torch.zeros(1)
    state["fc.weight"] = torch.zeros(10, 512)
    state["bn1.bias"] = state["bn1.bias"].double()
    model = WEIGHTS["resnet-18"].build()
    with pytest.raises(ZooError) as caught:
        fill(model, state, "mine.pth")
    assert str(caught.value) == (
        "mine.pth does not fit ResNet. Tensors missing: conv1.weight, layer1.0.bn1.running_mean; not known: head.weight; "
        "of another shape: fc.weight (10, 512) in place of (1000, 512); of another type: bn1.bias float64. "
        "Use the file that was made for this network."
    )


def test_a_long_list_is_cut_short() -> None:
    with pytest.raises(
        ZooError, match=r"missing: conv1\.weight, bn1\.weight, bn1\.bias, bn1\.running_mean and \d+ more\."
    ):
        fill(WEIGHTS["resnet-18"].build(), {}, "empty.pth")


# --- safetensors ------------------------------------------------------------------------------------------------------


def test_somebodys_own_weights_come_as_safetensors_with_their_own_classes(tmp_path: Path) -> None:
    theirs = WEIGHTS["resnet-18"].build(classes=7).eval()
    fill_with_made_up_numbers(theirs)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    model = load_safetensors("resnet-18", tmp_path / "theirs.safetensors")
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    picture = made_up((1, 3, 40, 40))
    with torch.no_grad():
        assert model(picture).shape == (1, 7)
        assert torch.allclose(model(picture), theirs(picture), atol=1e-5)


def test_safetensors_of_another_network_do_not_fit(tmp_path: Path) -> None:
    save_file({"fc.weight": torch.zeros(3, 4), "fc.bias": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(
        ZooError, match=r"other\.safetensors does not fit ResNet\. Tensors missing: conv1\.weight, .* more;"
    ):
        load_safetensors("resnet-18", tmp_path / "other.safetensors")


def test_a_network_of_named_layers_takes_safetensors_too(tmp_path: Path) -> None:
    network = Network([Step("fire/conv", ("data",), nn.Conv2d(3, 2, 1, device="meta"))], (3, 8, 8))
    save_file(
        {"fire/conv.weight": torch.ones(2, 3, 1, 1), "fire/conv.bias": torch.zeros(2)}, tmp_path / "x.safetensors"
    )
    fill(network, read_safetensors(tmp_path / "x.safetensors"), "x.safetensors")
    assert network(torch.ones(1, 3, 1, 1)).flatten().tolist() == [3, 3]


def header(text: str) -> bytes:
    return len(text).to_bytes(8, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        (2**62).to_bytes(8, "little") + b"{}",
        header("{"),
        header("[" * 100_000),
        header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
        header('{"a":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,8]}}') + bytes(8),
        header('{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}') + bytes(8),
        header('{"a":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}}') + bytes(8),
        header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}') + bytes(12),
    ],
    ids=["empty", "no header", "endless header", "half a header", "nested", "no data", "terabytes", "too short", "unknown type", "overlapping"],
)  # fmt: skip
def test_a_damaged_or_hostile_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.safetensors"
    file.write_bytes(content)
    with pytest.raises(
        ZooError, match=r"bad\.safetensors is damaged, cut off, or no safetensors file\. Fetch it again"
    ):
        read_safetensors(file)


@settings(max_examples=150, deadline=2000)
@given(at=st.integers(0, 400), byte=st.integers(0, 255), more=st.binary(max_size=8))
def test_damaged_safetensors_give_tensors_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int, more: bytes
) -> None:
    damaged = bytearray(serialize({"a": torch.ones(10), "b": torch.ones(2, 3)}))
    at %= len(damaged)
    damaged[at : at + 1] = bytes([byte]) + more
    file = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    file.write_bytes(damaged)
    with suppress(ZooError):
        assert all(isinstance(tensor, torch.Tensor) for tensor in read_safetensors(file).values())


@pytest.mark.parametrize("read", [read_state_dict, read_safetensors])
def test_files_beyond_any_network_are_not_opened(tmp_path: Path, read: Callable[[Path], object]) -> None:
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ZooError, match=r"large has 1,099,511,627,776 bytes\. More than 1,600,000,000 are not read\."):
        read(file)
