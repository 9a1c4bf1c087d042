"""A network of the zoo, ready for pictures: shown RGB in 0..1, asked for scores, layers and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from handson.lab.data import AssetMissing, asset, files_in
from handson.lab.zoo.cards import Card
from handson.lab.zoo.cifar import CLASSES as CIFAR10_CLASSES
from handson.lab.zoo.errors import unknown
from handson.lab.zoo.graph import Network


class Guess(NamedTuple):
    """What a network takes a photo for."""

    name: str
    probability: float


class Model(nn.Module):
    """A network with its card: takes pictures (N, 3, H, W), RGB in 0..1, and does the preparation itself.

    It is in eval mode, its parameters need no gradient, its memory format is channels-last; gradients with respect to
    the pictures flow.
    """

    def __init__(self, network: nn.Module, card: Card) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.card = card

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers, shallow to deep."""
        if isinstance(self.network, Network):
            return self.network.names
        return tuple(getattr(self.network, "stages", ())) or tuple(name for name, _ in self.network.named_children())

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """The scores (logits), (N, classes)."""
        return self.scores(self._prepare(pictures))

    def scores(self, inputs: torch.Tensor) -> torch.Tensor:
        """The scores (logits), (N, classes), of inputs that are prepared already as the card says."""
        if self.card.logits and isinstance(self.network, Network):
            return self.network.activations(inputs, [self.card.logits])[self.card.logits].flatten(1)
        scores: torch.Tensor = self.network(inputs)
        return scores.flatten(1)

    def activations(self, pictures: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """What each of `layers` says to the pictures, (N, C, h, w); nothing beyond the last of them is computed.

        Raises ZooError with the right names for a layer that is not there.
        """
        inputs = self._prepare(pictures)
        if isinstance(self.network, Network):
            return self.network.activations(inputs, layers)
        return _by_hooks(self.network, inputs, layers, self.layers)

    def activation(self, pictures: torch.Tensor, layer: str) -> torch.Tensor:
        """What one layer says to the pictures, (N, C, h, w)."""
        return self.activations(pictures, [layer])[layer]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every layer's output, without N, for a picture of the card's size."""
        if isinstance(self.network, Network):
            return self.network.shapes((3, self.card.size, self.card.size))
        with torch.no_grad():
            found = self.activations(torch.zeros(1, 3, self.card.size, self.card.size), self.layers)
        return {name: tuple(value.shape[1:]) for name, value in found.items()}

    @property
    def class_names(self) -> tuple[str, ...]:
        """What its classes are called, in the order of its scores; () where that is not known, or not fetched."""
        return class_names(self.card)

    def fit(self, photo: torch.Tensor) -> torch.Tensor:
        """A photo (H, W, 3) as the network was trained on: (1, 3, size, size)."""
        return self.card.fit(photo)

    @torch.no_grad()
    def classify(self, photo: torch.Tensor, top: int = 5) -> list[Guess]:
        """The `top` likeliest classes of a photo (H, W, 3) in 0..1, the likeliest first."""
        probabilities, classes = self(self.fit(photo)).softmax(1)[0].topk(top)
        names = class_names(self.card)
        return [
            Guess(names[number] if number < len(names) else f"class {number}", probability)
            for probability, number in zip(probabilities.tolist(), classes.tolist(), strict=True)
        ]

    def _prepare(self, pictures: torch.Tensor) -> torch.Tensor:
        if pictures.dim() != 4 or pictures.shape[1] != 3:
            raise ValueError(
                f"A network sees pictures of the shape (N, 3, height, width); these are {tuple(pictures.shape)}. "
                "A photo (height, width, 3) becomes one by photo.permute(2, 0, 1)[None], or by model.fit(photo)."
            )
        return self.card.prepare(pictures).contiguous(memory_format=torch.channels_last)


def class_names(card: Card, index: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The names of the classes a network tells apart; () where they are not known, or not fetched, which it says.

    index: where assets are, by default that of the workspace.
    """
    if card.classes == "cifar10":
        return CIFAR10_CLASSES
    if card.classes == "imagenet":
        try:
            (file,) = (asset("imagenet-names") if index is None else files_in(index, "imagenet-names")).values()
        except AssetMissing as missing:
            print(f"The classes go by their numbers. {missing}")
        else:
            return _imagenet_names(file)
    return ()


@cache
def _imagenet_names(file: Path) -> tuple[str, ...]:
    """The first name of each of the 1,000 ImageNet classes (Russakovsky et al., 2015)."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(line.partition(" ")[2].split(",")[0] for line in lines if line)


class _Enough(Exception):  # noqa: N818  # ends a forward pass
    pass


def _by_hooks(
    network: nn.Module, inputs: torch.Tensor, wanted: Sequence[str], known: tuple[str, ...]
) -> dict[str, torch.Tensor]:
    modules = dict(network.named_modules())
    found: dict[str, torch.Tensor] = {}
    for name in wanted:
        if not name or name not in modules:
            raise unknown("layer", name, known)

    def keep(name: str, output: torch.Tensor) -> None:
        found[name] = output
        if len(found) == len(set(wanted)):
            raise _Enough

    hooks = [
        modules[name].register_forward_hook(lambda _module, _inputs, output, name=name: keep(name, output))
        for name in set(wanted)
    ]
    try:
        network(inputs)
    except _Enough:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return {name: found[name] for name in wanted}
