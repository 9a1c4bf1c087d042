"""Networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from handson.lab.data import AssetMissing, asset
from handson.lab.zoo.cards import Card, card
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.model import Model


def load(name: str, otherwise: str | None = None) -> Model:
    """The network `name`; with `otherwise`, that one where the files of the first were not fetched, and says so.

    Raises lab.AssetMissing with the command that brings the files, ZooError with the right names for an unknown name.
    """
    wanted, second = card(name), card(otherwise) if otherwise else None
    try:
        model = build(wanted, asset(wanted.asset) if wanted.asset else {})
    except AssetMissing as missing:
        if second is None:
            raise
        print(f"Network: {second.title}, which comes with handson, in place of {wanted.title}. {missing}")
        return load(second.name)
    if otherwise:
        print(f"Network: {wanted.title}, {wanted.parameters:,} parameters.")
    return model


def build(card: Card, files: Mapping[str, Path]) -> Model:
    """The network of a card from its files, by file name. Raises ZooError."""
    return Model(_network(card, files), card)


def _network(card: Card, files: Mapping[str, Path]) -> nn.Module:
    # Each reader is imported when its kind is asked for: protobuf is not needed for our own networks.
    if card.kind == "caffe":
        from handson.lab.zoo.caffe import read_caffe

        return read_caffe(_file(card, files, ".prototxt"), _file(card, files, ".caffemodel"))
    if card.kind == "compressed":
        from handson.lab.zoo.compression import read_compressed

        return read_compressed(_file(card, files, ".prototxt"), _file(card, files, ".net"))
    raise ZooError(f"{card.name} is of the kind {card.kind!r}.", "This version of handson cannot build it.")


def _file(card: Card, files: Mapping[str, Path], ending: str) -> Path:
    for name, path in files.items():
        if name.endswith(ending):
            return path
    raise ZooError(f"The asset of {card.name} holds no {ending} file.", "Mend assets.toml.")
