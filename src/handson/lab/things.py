"""CIFAR-10, small photos of ten kinds of things; where it was not fetched, the small digits in the same shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import torch

from handson.lab.data import AssetMissing, asset, embedded_digits
from handson.lab.decoding import rgb_of
from handson.lab.zoo.cifar import CLASSES

_TRAIN = (0, 1, 2, 3, 4, 5)
_TEST = 50
"""Which batches of 1,000 pictures; those from 50 on are of the test part."""


class Things(NamedTuple):
    """Small pictures of ten kinds: images uint8 (N, 32, 32, 3), 0 to 255; labels int64 (N,), 0 to 9, in `names`."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    names: tuple[str, ...]
    full: bool
    """True for CIFAR-10 (6,000 and 1,000 pictures), False for the embedded digits (1,437 and 360), gray."""


def cifar10() -> Things:
    """6,000 training and 1,000 test photos of CIFAR-10 if fetched, otherwise the small digits as pictures; says which.

    Krizhevsky, "Learning multiple layers of features from tiny images", 2009. The files are convnetjs's: a PNG holds
    1,000 pictures, one a row of 1,024 pixels; cifar10_labels.js holds all labels in the order of the batches.
    """
    try:
        files = asset("cifar10")
    except AssetMissing:
        print(
            "No small photos here: `handson fetch cifar10` in a terminal (16 MB) brings them; then restart the lesson. "
            "Until then the ten kinds of things are ten digits."
        )
        return _digits_as_things()
    print("Data: CIFAR-10, small photos of ten kinds of things: 6,000 to learn from and 1,000 to be tested on.")
    labels = _labels(files["cifar10_labels.js"])
    images = {n: _rows(files[f"cifar10_batch_{n}.png"]) for n in (*_TRAIN, _TEST)}
    return Things(
        torch.cat([images[n] for n in _TRAIN]),
        torch.cat([labels[1000 * n : 1000 * n + 1000] for n in _TRAIN]),
        images[_TEST],
        labels[1000 * _TEST : 1000 * _TEST + 1000],
        CLASSES,
        full=True,
    )


def _labels(path: Path) -> torch.Tensor:
    found = re.search(r"\[[\d,\s]*\]", path.read_text(encoding="ascii"))
    if found is None:
        raise ValueError(f"{path.name} holds no list of labels.")
    return torch.tensor(json.loads(found[0]))


def _rows(path: Path) -> torch.Tensor:
    """The pictures in a PNG with one of them, 32 × 32, in each row."""
    content = rgb_of(path.read_bytes()).data
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(-1, 32, 32, 3)


def _digits_as_things() -> Things:
    data = embedded_digits()

    def colored(images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(images, (2, 2, 2, 2))[..., None].repeat(1, 1, 1, 3)

    return Things(
        colored(data.train_images), data.train_labels, colored(data.test_images), data.test_labels,
        tuple("0123456789"), full=False,
    )  # fmt: skip
