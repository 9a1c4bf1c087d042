"""Our own small file: the same network comes back, within half precision; a damaged file is refused."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import pytest
import torch
from torch import nn

from handson.lab import sample_photo, zoo
from handson.lab.zoo.compact import ENDING, read_compact, write_compact
from handson.lab.zoo.graph import Concat, GlobalPool, Maximum, Network, Pool, Product, Scale, Step, Sum
from handson.lab.zoo.loading import build
from tests.lab.zoo.test_loading import squeezenet

SAMPLES = ("astronaut", "chelsea", "china", "coffee", "flower", "hubble", "rocket")
SMALL_ENOUGH = {"squeezenet-1.1": 2.3e6, "squeezenet-1.0": 2.3e6, "squeezenet-compressed": 0.8e6}


def there_and_back(model: zoo.Model, path: Path) -> zoo.Model:
    write_compact(model.network, model.card, path)
    return build(model.card, {path.name: path})


@pytest.mark.parametrize("name", SMALL_ENOUGH)
def test_a_squeezenet_names_the_same_things(name: str, mirror: Path, tmp_path: Path) -> None:
    model = squeezenet(name, mirror)
    again = there_and_back(model, tmp_path / f"{name}{ENDING}")
    assert again.layers == model.layers
    assert (tmp_path / f"{name}{ENDING}").stat().st_size < SMALL_ENOUGH[name]
    layers = [*model.card.good_layers[::4], model.card.logits]
    furthest = dict.fromkeys(layers, 0.0)
    off, torch_generator = 0.0, torch.random.get_rng_state()
    for sample in SAMPLES:
        photo = model.fit(sample_photo(sample, None))
        with torch.no_grad():
            ours, theirs = again.activations(photo, layers), model.activations(photo, layers)
        first, second = (found[model.card.logits].flatten().softmax(0) for found in (theirs, ours))
        assert first.topk(5).indices.tolist() == second.topk(5).indices.tolist()
        off = max(off, float((first - second).abs().max()))
        for layer in layers:
            share = (ours[layer] - theirs[layer]).abs().max() / theirs[layer].abs().max()
            furthest[layer] = max(furthest[layer], float(share))
    said = ", ".join(f"{layer} {share:.1e}" for layer, share in furthest.items())
    size = (tmp_path / f"{name}{ENDING}").stat().st_size
    print(f"{name}: {size:,} bytes; probabilities within {off:.1e}; of the largest value of a layer: {said}")
    assert max(furthest.values()) < 2e-3
    assert off < 2e-3
    assert torch.equal(torch_generator, torch.random.get_rng_state()), "a lesson's random numbers are left alone"


@pytest.mark.parametrize("name", ["cifar-small", "cifar-medium", "cifar-large", "cifar-robust"])
def test_our_own_come_back_exactly(name: str, tmp_path: Path) -> None:
    model = zoo.load(name)
    again = there_and_back(model, tmp_path / f"a{ENDING}")
    pictures = torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(pictures), again(pictures))
    assert again.layers == model.layers
    layer = model.card.good_layers[1]
    assert torch.equal(model.activation(pictures, layer), again.activation(pictures, layer))
    assert not any(parameter.requires_grad for parameter in again.parameters())


def made_up() -> Network:
    """A layer of every kind."""
    torch.manual_seed(0)
    steps = [
        Step("conv", ("data",), nn.Conv2d(3, 4, (3, 1), stride=(2, 1), padding=(1, 0), dilation=1, groups=1)),
        Step("norm", ("conv",), nn.BatchNorm2d(4, eps=1e-3, affine=False)),
        Step("scale", ("norm",), Scale(4, bias=False)),
        Step("leaky", ("scale",), nn.LeakyReLU(0.3)),
        Step("lrn", ("leaky",), nn.LocalResponseNorm(3, 0.1, 0.7, 2.0)),
        Step("sum", ("lrn", "leaky"), Sum((1.0, -0.5))),
        Step("product", ("sum", "leaky"), Product()),
        Step("maximum", ("product", "leaky"), Maximum()),
        Step("joined", ("maximum", "leaky"), Concat(1)),
        Step("grouped", ("joined",), nn.Conv2d(8, 8, 3, padding=1, groups=4, bias=False)),
        Step("relu", ("grouped",), nn.ReLU()),
        Step("pool", ("relu",), Pool((3, 3), (2, 2), (1, 1), mean=True, ceil=True)),
        Step("halved", ("pool",), nn.AvgPool2d(2, padding=1)),
        Step("adapted", ("halved",), nn.AdaptiveAvgPool2d((2, 3))),
        Step("drop", ("adapted",), nn.Dropout(0.4)),
        Step("loudest", ("drop",), GlobalPool(maximum=True)),
        Step("flat", ("loudest",), nn.Flatten()),
        Step("scores", ("flat",), nn.Linear(8, 5)),
        Step("shares", ("scores",), nn.Softmax(1)),
    ]
    network = Network(steps, (3, 32, 32)).eval()
    network.layers.norm.running_mean.uniform_(-1, 1)
    network.layers.norm.running_var.uniform_(0.5, 200_000)
    return network


def test_every_kind_of_layer_comes_back(tmp_path: Path) -> None:
    network, card = made_up(), zoo.card("cifar-small")
    write_compact(network, card, tmp_path / "a.weights")
    again = read_compact(tmp_path / "a.weights", card.name)
    pictures = torch.rand(2, 3, 32, 40)
    with torch.no_grad():
        ours, theirs = (n.activations(pictures, network.names) for n in (again, network))
    for name in network.names:
        assert torch.allclose(ours[name], theirs[name], rtol=5e-3, atol=2e-3 * float(theirs[name].abs().max())), name


def test_another_kind_of_layer_is_refused_with_the_way_out(tmp_path: Path) -> None:
    network = Network([Step("odd", ("data",), nn.PReLU())], (3, 8, 8))
    with pytest.raises(zoo.ZooError, match=r"'odd' is a PReLU.*--to NAME.onnx"):
        write_compact(network, zoo.card("cifar-small"), tmp_path / "a.weights")
    with pytest.raises(zoo.ZooError, match="no list of named layers"):
        write_compact(nn.PReLU(), zoo.card("cifar-small"), tmp_path / "a.weights")
    network = Network([Step("a", ("data",), Scale(3))], (3, 8, 8))
    network.layers.a.weight.data[1] = float("nan")
    with pytest.raises(zoo.ZooError, match="not finite"):
        write_compact(network, zoo.card("cifar-small"), tmp_path / "a.weights")


def test_the_file_of_another_network_is_refused(tmp_path: Path) -> None:
    write_compact(zoo.load("cifar-small").network, zoo.card("cifar-small"), tmp_path / "a.weights")
    with pytest.raises(zoo.ZooError, match="holds cifar-small, not cifar-large"):
        read_compact(tmp_path / "a.weights", "cifar-large")
    with pytest.raises(zoo.ZooError, match="cannot be read"):
        read_compact(tmp_path / "b.weights", "cifar-large")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    write_compact(zoo.load("cifar-small").network, zoo.card("cifar-small"), path)
    whole, dice = path.read_bytes(), random.Random(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(dice.randrange(1, 4)):
            damaged[dice.randrange(3000)] = dice.randrange(256)
        path.write_bytes(damaged[: dice.choice((len(whole), dice.randrange(len(whole))))])
        try:
            network = read_compact(path, "cifar-small")
        except zoo.ZooError:
            continue
        assert network.names  # the change was in a title or in the numbers


def test_what_would_need_terabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    write_compact(zoo.load("cifar-small").network, zoo.card("cifar-small"), path)
    content = path.read_bytes()
    length = struct.unpack_from("<I", content, 8)[0]
    header = json.loads(content[12 : 12 + length])
    header["layers"][0]["arguments"]["out_channels"] = 10**9
    text = json.dumps(header).encode()
    path.write_bytes(content[:8] + struct.pack("<I", len(text)) + text + content[12 + length :])
    with pytest.raises(zoo.ZooError, match="damaged"):
        read_compact(path, "cifar-small")


def _rewritten(path: Path, packed: bytes | None = None, shape: list[int] | None = None) -> None:
    """Put other numbers, or another shape of the first tensor, into a file."""
    content = path.read_bytes()
    length = struct.unpack_from("<I", content, 8)[0]
    header = json.loads(content[12 : 12 + length])
    header["tensors"][0]["shape"] = shape or header["tensors"][0]["shape"]
    text = json.dumps(header).encode()
    packed = content[12 + length :] if packed is None else packed
    path.write_bytes(content[:8] + struct.pack("<I", len(text)) + text + packed)


def test_numbers_are_not_unpacked_beyond_what_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    write_compact(zoo.load("cifar-small").network, zoo.card("cifar-small"), path)
    packing = zlib.compressobj(9)
    _rewritten(path, packed=b"".join(packing.compress(bytes(1 << 20)) for _ in range(64)) + packing.flush())
    tracemalloc.start()
    with pytest.raises(zoo.ZooError, match="more than the header says"):
        read_compact(path, "cifar-small")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 << 20


@pytest.mark.parametrize(
    ("shape", "why"),
    [([10**30], "do not hold"), ([-1, 3], "cannot be"), ([2.5], "cannot be"), ([True], "cannot be")],
)
def test_shapes_that_cannot_be_are_refused(shape: list[int], why: str, tmp_path: Path) -> None:
    path = tmp_path / "a.weights"
    write_compact(zoo.load("cifar-small").network, zoo.card("cifar-small"), path)
    _rewritten(path, shape=shape)
    with pytest.raises(zoo.ZooError, match=why):
        read_compact(path, "cifar-small")


def test_the_command_writes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "handson", "zoo", "export", "cifar-small", "--to"]
    done = subprocess.run([*command, str(tmp_path / "a.weights")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "0.05 MB" in done.stdout
    assert read_compact(tmp_path / "a.weights", "cifar-small").names[0] == "conv1"
    done = subprocess.run([*command, str(tmp_path / "a.txt")], capture_output=True, text=True)
    assert done.returncode != 0
    assert "neither .onnx nor .weights" in done.stderr
