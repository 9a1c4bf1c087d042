"""What the zoo reads from Caffe's files, held against another reader of them: OpenCV's DNN module, on the same pictures.

The largest absolute difference is to be at most 1e-4. Inside the SqueezeNets values reach thousands, where neighboring
float32 numbers lie further apart than that: layers whose largest value is above 100 are held to a millionth of it.

Every test prints the largest differences: `pytest tests/lab/zoo/test_against_opencv.py -rP`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from handson.lab.zoo.caffe import architecture, read_caffe
from handson.lab.zoo.caffe_text import read_prototxt
from handson.lab.zoo.compression import read_compressed
from handson.lab.zoo.graph import Network
from handson.lab.zoo.loading import card
from tests.lab.zoo import deploy_files
from tests.lab.zoo.caffe_files import random_blobs, write_caffemodel

cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed: `python3 start.py test` does it")
numpy = pytest.importorskip("numpy")

MOST, MOST_OF_LARGE = 1e-4, 1e-6
PICTURES = ("chelsea", "cat-with-tongue", "grumpy-cat", "classic-car")


def pictures(mirror: Path, size: int) -> torch.Tensor:
    """The four pictures of the reference, (4, 3, size, size), RGB in 0..1."""
    found = []
    for name in PICTURES:
        picture = cv2.imread(str(mirror / "caffe" / "reference" / "inputs" / f"{name}_227x227.png"))
        picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)[:, :, ::-1]
        found.append(torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255)
    return torch.stack(found)


class Difference(NamedTuple):
    """Of one layer: the largest absolute difference over all pictures, and the largest absolute value."""

    absolute: float
    largest: float

    @property
    def small(self) -> bool:
        return self.absolute <= max(MOST, MOST_OF_LARGE * self.largest)

    def __str__(self) -> str:
        return f"{self.absolute:.1e}" + (f" (of {self.largest:.0f})" if self.largest > MOST / MOST_OF_LARGE else "")


def compare(network: Network, prototxt: Path, caffemodel: Path, inputs: torch.Tensor) -> dict[str, Difference]:
    """The differences to OpenCV: of the output, and of three layers inside."""
    theirs = cv2.dnn.readNetFromCaffe(str(prototxt), str(caffemodel))
    theirs.enableFusion(False)
    theirs.enableWinograd(False)  # it trades digits for speed
    names = list(network.names)
    # Layers that are not overwritten in place, for OpenCV gives what a blob holds in the end.
    overwritten = {
        step.inputs[0] for step in network.steps if type(step.module).__name__ in ("ReLU", "Scale", "Dropout")
    }
    candidates = [name for name in names if name not in overwritten]
    chosen = [candidates[round(len(candidates) * part)] for part in (0.25, 0.5, 0.75)] + [names[-1]]
    differences = dict.fromkeys(chosen, Difference(0.0, 0.0))
    for one in inputs:
        theirs.setInput(one[None].numpy())
        with torch.no_grad():
            ours = network.activations(one[None], chosen)
        for name, found in zip(chosen, theirs.forward(chosen), strict=True):
            difference = float(abs(ours[name].numpy().ravel() - found.ravel()).max())
            so_far = differences[name]
            largest = max(so_far.largest, float(abs(found).max()))
            differences[name] = Difference(max(so_far.absolute, difference), largest)
    return differences


def report(name: str, differences: dict[str, Difference]) -> None:
    print(f"{name}: " + ", ".join(f"{layer} {difference}" for layer, difference in differences.items()))
    assert all(difference.small for difference in differences.values()), differences


@pytest.mark.parametrize("name", ["squeezenet-1.0", "squeezenet-1.1"])
def test_published_weights(name: str, mirror: Path) -> None:
    folder = mirror / "caffe" / name.replace("squeezenet-", "SqueezeNet_v")
    prototxt, (caffemodel,) = folder / "deploy.prototxt", folder.glob("*.caffemodel")
    network = read_caffe(prototxt, caffemodel)
    report(name, compare(network, prototxt, caffemodel, card(name).prepare(pictures(mirror, 227))))


def test_deep_compression_through_the_caffemodel_it_decodes_to(mirror: Path, tmp_path: Path) -> None:
    folder = mirror / "caffe" / "SqueezeNet-Deep-Compression"
    prototxt = folder / "SqueezeNet_deploy.prototxt"
    network = read_compressed(prototxt, folder / "compressed_SqueezeNet.net")
    blobs = {
        step.name: [value.detach() for value in step.module.parameters()]
        for step in network.steps
        if list(step.module.parameters())
    }
    write_caffemodel(tmp_path / "decoded.caffemodel", blobs)
    inputs = card("squeezenet-compressed").prepare(pictures(mirror, 227))
    report("squeezenet-compressed", compare(network, prototxt, tmp_path / "decoded.caffemodel", inputs))


@pytest.mark.parametrize("model", ["SqueezeNet_v1.0", "SqueezeNet_v1.1", "SqueezeNet-Deep-Compression"])
def test_the_stored_outputs_of_the_reference(model: str, mirror: Path) -> None:
    reference = json.loads((mirror / "caffe" / "REFERENCE.json").read_text(encoding="utf-8"))["models"][model]
    folder = mirror / "caffe" / model
    if model.startswith("SqueezeNet_v"):
        network = read_caffe(folder / "deploy.prototxt", next(folder.glob("*.caffemodel")))
    else:
        network = read_compressed(folder / "SqueezeNet_deploy.prototxt", folder / "compressed_SqueezeNet.net")
    inputs = card("squeezenet-1.1").prepare(pictures(mirror, 227))
    layer = reference["logits_layer"]
    with torch.no_grad():
        logits = network.activations(inputs, [layer])[layer].flatten(1)
    differences = {}
    for name, ours in zip(PICTURES, logits, strict=True):
        stored = torch.from_numpy(numpy.load(mirror / reference["pictures"][name]["logits_npy"])).flatten()
        differences[name] = Difference(float((ours - stored).abs().max()), float(stored.abs().max()))
        assert int(ours.argmax()) == reference["pictures"][name]["top5"][0]["class"]
    report(model, differences)


@pytest.mark.parametrize(
    ("file", "scale"),
    [
        ("MobileNet/mobilenet_deploy.prototxt", 0.017),
        ("MobileNet/mobilenet_v2_deploy.prototxt", 0.017),
        ("ResNet/ResNet-50-deploy.prototxt", 0.017),
        ("ResNet/ResNet-101-deploy.prototxt", 0.017),
        ("ResNet/ResNet-152-deploy.prototxt", 0.017),
    ],
)
def test_published_deploy_files_with_random_weights(file: str, scale: float, mirror: Path, tmp_path: Path) -> None:
    prototxt, caffemodel = mirror / "caffe" / file, tmp_path / "random.caffemodel"
    write_caffemodel(caffemodel, random_blobs(architecture(read_prototxt(prototxt))))
    network = read_caffe(prototxt, caffemodel)
    inputs = (pictures(mirror, 224) - 0.45) * 255 * scale
    report(Path(file).stem, compare(network, prototxt, caffemodel, inputs))


ARCHITECTURES: dict[str, Callable[[bool], str]] = {
    "AlexNet": deploy_files.alexnet,
    "CaffeNet": lambda old: deploy_files.alexnet(old, caffenet=True),
    "NIN": deploy_files.nin,
    "VGG-16": deploy_files.vgg16,
    "GoogLeNet": deploy_files.googlenet,
}
PARAMETERS = {"AlexNet": 60_965_224, "CaffeNet": 60_965_224, "VGG-16": 138_357_544, "GoogLeNet": 6_998_552}
"""As their papers and model pages say; NIN's are not stated there."""


@pytest.mark.parametrize("old", [False, True], ids=["new messages", "old messages"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures_of_the_papers_with_random_weights(name: str, old: bool, mirror: Path, tmp_path: Path) -> None:
    if name == "VGG-16" and old:
        pytest.skip("half a gigabyte once more: the new messages have shown it")
    prototxt, caffemodel = tmp_path / "deploy.prototxt", tmp_path / "random.caffemodel"
    prototxt.write_text(ARCHITECTURES[name](old), encoding="utf-8")
    empty = architecture(read_prototxt(prototxt))
    if name in PARAMETERS:
        assert sum(value.numel() for value in empty.parameters()) == PARAMETERS[name]
    write_caffemodel(caffemodel, random_blobs(empty), old=old)
    network = read_caffe(prototxt, caffemodel)
    size = network.input_shape[1]
    report(name, compare(network, prototxt, caffemodel, (pictures(mirror, size) - 0.45) * 4))


def test_the_comparison_would_notice_one_wrong_number(mirror: Path) -> None:
    folder = mirror / "caffe" / "SqueezeNet_v1.1"
    prototxt, caffemodel = folder / "deploy.prototxt", folder / "squeezenet_v1.1.caffemodel"
    network = read_caffe(prototxt, caffemodel)
    network.layers.get_submodule("fire2/squeeze1x1").bias.data[3] += 0.05
    differences = compare(network, prototxt, caffemodel, card("squeezenet-1.1").prepare(pictures(mirror, 227)[:1]))
    assert not any(difference.small for difference in differences.values())
