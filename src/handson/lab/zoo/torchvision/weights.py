"""The weight files that torchvision publishes: what each holds, and how one is read without trusting it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from handson.lab.zoo.errors import ZooError, unknown
from handson.lab.zoo.state import COUNTER, fill, read_safetensors, read_state_dict
from handson.lab.zoo.torchvision.googlenet import GoogLeNet
from handson.lab.zoo.torchvision.inception import Inception3
from handson.lab.zoo.torchvision.resnet import resnet18, resnet50

Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
HALF: Triple = (0.5, 0.5, 0.5)
"""Mean and deviation for the two Inceptions: their weights came from Google's, which saw pictures in -1..1."""

CLASSES = 1000
"""Of ImageNet."""
MARGIN = 2**20
"""Bytes by which a file may exceed its numbers: names, padding, the archive's table."""


class Weights(NamedTuple):
    """A published file of weights, all for ImageNet's 1,000 classes."""

    title: str
    build: Callable[..., nn.Module]
    """Makes the network; takes the number of classes, which is 1,000 otherwise."""
    file: str
    sha256: str
    """The first 8 hexadecimal digits; torchvision writes them into the file's name."""
    parameters: int
    """Numbers that training set, auxiliary heads included."""
    working: int
    """Those of them that a prediction uses: without auxiliary heads."""
    top1: float
    """Published accuracy on ImageNet's validation set, one crop of `size`."""
    size: int
    """Height and width, in pixels, of the crop that the accuracy was measured on."""
    resize: int
    """Length of the shorter side before that crop."""
    mean: Triple
    std: Triple
    """The network sees (picture - mean) / std, for RGB pictures in 0..1."""
    paper: str
    dream: tuple[str, ...]
    """Layers whose dreams are worth a first look, shallow to deep."""

    @property
    def url(self) -> str:
        """Where torchvision publishes it."""
        return f"https://download.pytorch.org/models/{self.file}"


RESNET = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385"
WEIGHTS: dict[str, Weights] = {
    "googlenet": Weights(
        title="GoogLeNet (Inception-1)",
        build=GoogLeNet,
        file="googlenet-1378be20.pth",
        sha256="1378be20",
        parameters=13_004_888,
        working=6_624_904,
        top1=0.69778,
        size=224,
        resize=256,
        mean=HALF,
        std=HALF,
        paper="Szegedy et al.: Going Deeper with Convolutions, 2014, arXiv:1409.4842",
        dream=("inception3b", "inception4a", "inception4c", "inception4d", "inception5a"),
    ),
    "inception-3": Weights(
        title="Inception-3",
        build=Inception3,
        file="inception_v3_google-0cc3c7bd.pth",
        sha256="0cc3c7bd",
        parameters=27_161_264,
        working=23_834_568,
        top1=0.77294,
        size=299,
        resize=342,
        mean=HALF,
        std=HALF,
        paper="Szegedy et al.: Rethinking the Inception Architecture for Computer Vision, 2015, arXiv:1512.00567",
        dream=("Mixed_5b", "Mixed_5d", "Mixed_6a", "Mixed_6c", "Mixed_6e"),
    ),
    "resnet-18": Weights(
        title="ResNet-18",
        build=resnet18,
        file="resnet18-f37072fd.pth",
        sha256="f37072fd",
        parameters=11_689_512,
        working=11_689_512,
        top1=0.69758,
        size=224,
        resize=256,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        paper=RESNET,
        dream=("layer2.1", "layer3.0", "layer3.1", "layer4.0"),
    ),
    "resnet-50": Weights(
        title="ResNet-50",
        build=resnet50,
        file="resnet50-0676ba61.pth",
        sha256="0676ba61",
        parameters=25_557_032,
        working=25_557_032,
        top1=0.76130,
        size=224,
        resize=256,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        paper=RESNET,
        dream=("layer2.3", "layer3.2", "layer3.5", "layer4.0"),
    ),
    "resnet-50-v2": Weights(
        title="ResNet-50, torchvision's second training",
        build=resnet50,
        file="resnet50-11ad3fa6.pth",
        sha256="11ad3fa6",
        parameters=25_557_032,
        working=25_557_032,
        top1=0.80858,
        size=224,
        resize=232,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        paper=RESNET,
        dream=("layer2.3", "layer3.2", "layer3.5", "layer4.0"),
    ),
}


def stages(model: nn.Module) -> tuple[str, ...]:
    """The modules of `model` whose outputs are worth showing, shallow to deep, by their path.

    Raises ZooError for a network that is none of this folder's.
    """
    found = getattr(model, "stages", None)
    if not isinstance(found, tuple):
        raise ZooError(
            f"A {type(model).__name__} has no list of stages.", f"These have one: {', '.join(sorted(WEIGHTS))}."
        )
    return found


def load_torchvision(name: str, path: Path | str) -> nn.Module:
    """The network `name` with the weights in `path`, in evaluation mode, without gradients for its weights.

    Nothing in the file is executed. Raises ZooError for a name that is not in WEIGHTS and for a file that is not the
    one torchvision published under that name: other bytes, no state dictionary, other names or other shapes.
    """
    weights, path = _known(name), Path(path)
    with torch.device("meta"):
        model = weights.build()
    _check_file(path, name, model)
    fill(model, read_state_dict(path), path.name)
    return model.eval().requires_grad_(False)


def load_safetensors(name: str, path: Path | str) -> nn.Module:
    """The network `name` with somebody's own weights, under torchvision's names, from a safetensors file.

    How many classes it tells apart is read from the file. In evaluation mode, without gradients for its weights.
    Raises ZooError for a name that is not in WEIGHTS and for a file that is damaged or does not fit.
    """
    weights, path = _known(name), Path(path)
    state = read_safetensors(path)
    last = state.get("fc.weight")
    classes = last.shape[0] if last is not None and last.dim() == 2 else CLASSES
    with torch.device("meta"):
        model = weights.build(classes)
    fill(model, state, path.name)
    return model.eval().requires_grad_(False)


def _known(name: str) -> Weights:
    if name not in WEIGHTS:
        raise unknown("network with torchvision's weights", name, WEIGHTS)
    return WEIGHTS[name]


def _check_file(path: Path, name: str, model: nn.Module) -> None:
    """Raises ZooError unless the file is there, is about as large as `model`'s numbers, and has the right hash."""
    weights = WEIGHTS[name]
    again = f"Run `handson fetch {name}` in a terminal, or take {weights.url}."
    expected = 4 * sum(tensor.numel() for name, tensor in model.state_dict().items() if not name.endswith(COUNTER))
    try:
        size = path.stat().st_size
        if size > expected + MARGIN:
            raise ZooError(f"{path.name} has {size:,} bytes; {weights.file} has about {expected:,}.", again)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror or error}.", again) from error
    if not found.startswith(weights.sha256):
        cut = f" It was cut off: {size:,} of about {expected:,} bytes." if size < expected else ""
        raise ZooError(
            f"{path.name} is not {weights.file}: its SHA-256 starts with {found[:8]}, not {weights.sha256}.{cut}", again
        )
