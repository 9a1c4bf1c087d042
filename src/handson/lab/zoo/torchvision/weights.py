"""The weight files that torchvision publishes: what each holds, and how one is read without trusting it."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.torchvision.googlenet import GoogLeNet
from handson.lab.zoo.torchvision.inception import Inception3
from handson.lab.zoo.torchvision.resnet import resnet18, resnet50

Triple = tuple[float, float, float]
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
HALF: Triple = (0.5, 0.5, 0.5)
"""Mean and deviation for the two Inceptions: their weights came from Google's, which saw pictures in -1..1."""

COUNTER = ".num_batches_tracked"
"""How often a BatchNorm was trained; used in training only, and older files do not hold it."""
MARGIN = 2**20
"""Bytes by which a file may exceed its numbers: names, padding, the archive's table."""


class Weights(NamedTuple):
    """A published file of weights, all for ImageNet's 1,000 classes."""

    title: str
    build: Callable[[], nn.Module]
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
    if name not in WEIGHTS:
        raise ZooError(f"torchvision's weights for {name!r} are not known here.", f"Known: {', '.join(WEIGHTS)}.")
    weights, path = WEIGHTS[name], Path(path)
    with torch.device("meta"):
        model = weights.build()
    _check_file(path, name, model)
    fill(model, read_state_dict(path), path)
    return model.eval().requires_grad_(False)


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in a file that `torch.save` wrote of a state dictionary, by name; runs nothing that is in it.

    Raises ZooError when the file cannot be read, holds code or is no such dictionary.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ZooError(f"{path.name} cannot be read: {error.strerror or error}.", "Check the path.") from error
    except pickle.UnpicklingError as error:
        raise ZooError(
            f"{path.name} holds more than tensors, or is damaged; nothing in it was run.",
            "Take the file from where it was published, or ask its author for a state dictionary (or safetensors).",
        ) from error
    except Exception as error:  # torch.load raises whatever a damaged file provokes: RuntimeError, KeyError, EOFError …
        raise ZooError(
            f"{path.name} is damaged or no file of PyTorch's ({type(error).__name__}).", "Fetch it once more."
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(k, str) for k in found):
        raise ZooError(f"{path.name} holds no state dictionary but a {type(found).__name__}.", _NEEDED)
    for key, value in found.items():
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.device.type != "cpu":
            raise ZooError(f"{path.name}: {key!r} is no tensor of plain numbers ({type(value).__name__}).", _NEEDED)
    return dict(found)


_NEEDED = "What is needed is what `torch.save(model.state_dict(), file)` writes."


def fill(model: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Puts `state` into `model` (its tensors become the model's own), which must have exactly these names and shapes.

    A BatchNorm's counter may be missing: it becomes 0. Raises ZooError that names what is missing, too much,
    misshapen or not float32.
    """
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in state and not name.endswith(COUNTER)]
    extra = [name for name in state if name not in wanted]
    misshapen = [
        f"{name} {tuple(state[name].shape)} in place of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    mistyped = [
        f"{name} {str(state[name].dtype).removeprefix('torch.')}"
        for name, tensor in wanted.items()
        if name in state and state[name].dtype != tensor.dtype
    ]
    wrong = [
        f"{what}: {_some(names)}"
        for what, names in (
            ("missing", missing),
            ("not known", extra),
            ("of another shape", misshapen),
            ("of another type", mistyped),
        )
        if names
    ]
    if wrong:
        raise ZooError(
            f"{path.name} does not fit {type(model).__name__}. Tensors {'; '.join(wrong)}.",
            "Use the file that was published for this network, for 1,000 classes.",
        )
    counters = {name: torch.zeros_like(t, device="cpu") for name, t in wanted.items() if name.endswith(COUNTER)}
    model.load_state_dict({**counters, **state}, strict=True, assign=True)


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


def _some(names: list[str], most: int = 4) -> str:
    """The first names of a list, and how many follow."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
