"""Networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from handson.lab.data import AssetMissing, asset, files_in
from handson.lab.zoo.cards import Card, cards
from handson.lab.zoo.compact import ENDING, read_compact
from handson.lab.zoo.errors import ZooError, unknown
from handson.lab.zoo.model import Model


def names() -> tuple[str, ...]:
    """The names of all networks: those that come with handson, then those that were imported on this computer."""
    return tuple(_all_cards())


def card(name: str) -> Card:
    """The card of network `name`. Raises ZooError with the right names."""
    known = _all_cards()
    if name not in known:
        raise unknown("network", name, known)
    return known[name]


def files_of(card: Card, index: Mapping[str, Any] | None = None) -> dict[str, Path]:
    """The files of a network, by file name; assets by the workspace's index, or by the one given.

    Raises lab.AssetMissing with the command that brings them.
    """
    if card.folder:
        from handson.lab.zoo.imported import files_of

        return files_of(card)
    if not card.asset:
        return {}
    return asset(card.asset) if index is None else files_in(index, card.asset)


def _all_cards() -> dict[str, Card]:
    from handson.lab.zoo.imported import imported

    return {**cards(), **imported()}


def load(name: str, otherwise: str | None = None) -> Model:
    """The network `name`; with `otherwise`, that one where the files of the first were not fetched, and says so.

    Raises lab.AssetMissing with the command that brings the files, ZooError with the right names for an unknown name.
    """
    wanted, second = card(name), card(otherwise) if otherwise else None
    try:
        model = build(wanted, files_of(wanted))
    except AssetMissing as missing:
        if second is None:
            raise
        print(f"Network: {second.title}, which comes with handson, in place of {wanted.title}. {missing}")
        return load(second.name)
    if otherwise:
        print(f"Network: {wanted.title}, {wanted.parameters:,} parameters.")
    return model


def untrained(name: str) -> Model:
    """The network `name` with random numbers in place of the learned ones: as large and as slow, but it knows nothing.

    For networks whose files were not fetched. Raises ZooError for one whose layers are written in its files.
    """
    wanted = card(name)
    if wanted.kind == "own":
        from handson.lab.zoo.cifar import DESIGNS, CifarNet

        return Model(CifarNet(DESIGNS[name].stages), wanted)
    if wanted.kind == "torchvision" and not wanted.architecture:
        from handson.lab.zoo.torchvision.weights import WEIGHTS

        return Model(WEIGHTS[name].build(), wanted)
    known = [
        each.name for each in _all_cards().values() if each.kind in ("own", "torchvision") and not each.architecture
    ]
    raise ZooError(
        f"The layers of {name} are written in its files, so that it cannot be built without them.",
        f"These can: {', '.join(known)}.",
    )


def build(card: Card, files: Mapping[str, Path]) -> Model:
    """The network of a card from its files, by file name. Raises ZooError."""
    return Model(_network(card, files), card)


def _network(card: Card, files: Mapping[str, Path]) -> nn.Module:
    if any(name.endswith(ENDING) for name in files):
        return read_compact(_file(card, files, ENDING), card.name)
    # Each reader is imported when its kind is asked for: protobuf is not needed for our own networks.
    if card.kind == "caffe":
        from handson.lab.zoo.caffe import read_caffe

        return read_caffe(_file(card, files, ".prototxt"), _file(card, files, ".caffemodel"))
    if card.kind == "compressed":
        from handson.lab.zoo.compression import read_compressed

        return read_compressed(_file(card, files, ".prototxt"), _file(card, files, ".net"))
    if card.kind == "own":
        from handson.lab.zoo.cifar import load_cifar

        return load_cifar(card.name)
    if card.kind == "torchvision":
        from handson.lab.zoo.torchvision.weights import load_safetensors, load_torchvision

        if not card.architecture:
            return load_torchvision(card.name, _file(card, files, ".pth"))
        return load_safetensors(card.architecture, _file(card, files, ".safetensors"))
    if card.kind == "onnx":
        from handson.lab.zoo.onnx_reader import read_onnx

        return read_onnx(_file(card, files, ".onnx"))
    raise ZooError(f"{card.name} is of the kind {card.kind!r}.", "This version of handson cannot build it.")


def _file(card: Card, files: Mapping[str, Path], ending: str) -> Path:
    for name, path in files.items():
        if name.lower().endswith(ending):
            return path
    raise ZooError(f"{card.name} has no {ending} file.", "Mend assets.toml, or import the network again.")
