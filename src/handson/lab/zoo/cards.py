"""The cards of the zoo's networks: what each is, whose, how large, and how it wants to be shown a picture."""

from __future__ import annotations

import importlib.resources
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch

Kind = Literal["caffe", "compressed", "onnx", "own", "torchvision"]
Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of a network before it is loaded."""

    name: str
    title: str
    kind: Kind
    """How its files are read: caffe (deploy file and caffemodel), compressed (deploy file and a Deep Compression
    file), onnx, own (comes with handson), torchvision (a state dictionary)."""
    architecture: str = ""
    """For an imported state dictionary: the network whose numbers it holds."""
    asset: str = ""
    """The asset that holds its files; '' for what comes with handson and for what was imported."""
    folder: str = ""
    """Where the files of an imported network are."""
    licence: str
    source: str
    parameters: int
    megabytes: float
    """Of its weights file; 1 MB = 1,000,000 bytes."""
    top1: float | None = None
    """Published accuracy, 0 to 1, of the first guess on the data in `top1_on`; None: not known."""
    top1_on: str = ""
    size: int
    """Side of the square picture it was trained on, in pixels."""
    resize: int
    """The photo's shorter side before the middle `size` × `size` pixels are taken."""
    order: Literal["RGB", "BGR"] = "RGB"
    mean: Triple
    std: Triple
    """Subtracted from, and divided into, values of 0 to 255, channel by channel in `order`."""
    classes: Literal["imagenet", "cifar10", ""]
    logits: str = ""
    """The layer whose output is the scores, where it is not the last."""
    good_layers: tuple[str, ...] = ()
    """Worth looking at, shallow to deep."""

    def prepare(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (N, 3, H, W), RGB in 0..1, as the network wants its input; gradients flow through."""
        if self.order == "BGR":
            pictures = pictures.flip(1)
        mean = torch.tensor(self.mean, device=pictures.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=pictures.device).view(1, 3, 1, 1)
        return (pictures * 255 - mean) / std

    def fit(self, photo: torch.Tensor) -> torch.Tensor:
        """A photo (H, W, 3) in 0..1, its shorter side made `resize`, its middle cut out: (1, 3, size, size)."""
        picture = photo.permute(2, 0, 1)[None]
        scale = self.resize / min(picture.shape[2:])
        shape = [max(self.size, round(side * scale)) for side in picture.shape[2:]]
        picture = torch.nn.functional.interpolate(picture, shape, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = ((side - self.size) // 2 for side in shape)
        return picture[:, :, top : top + self.size, left : left + self.size].contiguous()


@cache
def cards() -> dict[str, Card]:
    """All cards that come with handson, by name: those of `cards.toml`, then torchvision's."""
    text = (importlib.resources.files("handson.lab.zoo") / "cards.toml").read_text(encoding="utf-8")
    tuples = ("mean", "std", "good_layers")
    entries: dict[str, dict[str, Any]] = tomllib.loads(text)
    for entry in entries.values():
        entry.update((key, tuple(entry[key])) for key in tuples if key in entry)
    return {name: Card(name=name, **entry) for name, entry in entries.items()} | _torchvision()


def _torchvision() -> dict[str, Card]:
    from handson.lab.zoo.torchvision.weights import WEIGHTS

    return {
        name: Card(
            name=name,
            title=weights.title,
            kind="torchvision",
            asset=name,
            licence="BSD 3-clause (torchvision); trained on ImageNet, whose pictures are for research",
            source=f"{weights.url} ({weights.paper})",
            parameters=weights.parameters,
            megabytes=weights.parameters * 4 / 1e6,
            top1=weights.top1,
            top1_on="ImageNet",
            size=weights.size,
            resize=weights.resize,
            mean=_of_255(weights.mean),
            std=_of_255(weights.std),
            classes="imagenet",
            good_layers=weights.dream,
        )
        for name, weights in WEIGHTS.items()
    }


def _of_255(values: Triple) -> Triple:
    red, green, blue = values
    return 255 * red, 255 * green, 255 * blue
