"""Data that lessons train on: fetched assets where they are, embedded defaults where they are not, always said."""

from __future__ import annotations

import gzip
import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from handson.lab import front
from handson.lab.photos import photo
from handson.lab.places import INDEX, cache_dir, workspace


class AssetMissing(Exception):  # noqa: N818  # a state, answered by a command
    """An asset that was not fetched; the message holds the command that brings it."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[33;1mNot here yet.\x1b[0m {self}"]


class Digits(NamedTuple):
    """Handwritten digits: images uint8 (N, 28, 28), 0 background to 255 ink; labels int64 (N,), 0 to 9."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    full: bool
    """True for MNIST (60,000 and 10,000, or fewer on the lesson page), False for the embedded 8 × 8 digits, enlarged
    (1,437 and 360)."""


def asset(name: str) -> dict[str, Path]:
    """The files of asset `name`, by their file name; raises AssetMissing with the command that brings it.

    The workspace's `.handson/assets.json` says which content belongs to the name; the content is in the cache.
    """
    return files_in(_index(), name)


def files_in(index: Mapping[str, Any], name: str) -> dict[str, Path]:
    """The files of asset `name` in an index such as `.handson/assets.json`; raises AssetMissing."""
    if name not in index:
        known = ", ".join(sorted(index)) or "none"
        raise AssetMissing(f"The workshop of this folder has no asset {name!r} (it has: {known}).")
    entry = index[name]
    files = {}
    for path, file in entry["files"].items():
        cached = cache_dir() / "assets" / "sha256" / file["sha256"][:2] / file["sha256"]
        if not cached.is_file() or (file["bytes"] and cached.stat().st_size != file["bytes"]):
            raise AssetMissing(f"{name} has not been fetched: run `{entry['fetch']}` in a terminal.")
        files[path.rsplit("/", 1)[-1]] = cached
    return files


def to_fetch(how: str) -> str:
    """How to fetch what is not here; nothing in a browser, where there is no terminal."""
    return "" if front.in_browser() else how


def digits() -> Digits:
    """MNIST if it was fetched, otherwise the digits that come with handson, enlarged to 28 × 28; says which.

    MNIST: LeCun, Cortes, Burges 1998. Embedded: UCI Optical Recognition of Handwritten Digits, Alpaydin, Kaynak 1998.
    """
    try:
        files = asset("mnist")
    except AssetMissing:
        print(
            "Data: 1,797 small digits that come with handson. "
            + to_fetch("`handson fetch mnist` in a terminal (12 MB) brings 70,000 real ones; then restart this lesson.")
        )
        return embedded_digits()
    data = Digits(
        read_idx(files["train-images-idx3-ubyte.gz"]),
        read_idx(files["train-labels-idx1-ubyte.gz"]).long(),
        read_idx(files["t10k-images-idx3-ubyte.gz"]),
        read_idx(files["t10k-labels-idx1-ubyte.gz"]).long(),
        full=True,
    )
    learn, test = len(data.train_images), len(data.test_images)
    print(f"Data: MNIST, {learn:,} handwritten digits to learn from and {test:,} to be tested on.")
    return data


def cat(size: int = 200) -> torch.Tensor:
    """A cat's portrait, float (size, size, 3) in 0..1; says which.

    The fetched asset `cat`, otherwise Chelsea, who comes with handson.
    """
    try:
        (file,) = asset("cat").values()
    except AssetMissing:
        print(
            "Photo: Chelsea, the cat that comes with handson. "
            + to_fetch("`handson fetch cat` in a terminal brings another portrait; then restart this lesson.")
        )
        return sample_photo("chelsea", size)
    print("Photo: a tabby cat.")
    return photo(file, size)


def cat_photos(size: int = 320) -> list[torch.Tensor]:
    """Photos of cats, each float (size, size, 3) in 0..1; says which.

    The fetched assets `cat`, `cats` and `more-cats`, otherwise one cat, Chelsea, looked at in twelve ways: six places,
    and their mirror images.
    """
    try:
        files = {**asset("cat"), **asset("cats"), **asset("more-cats")}
    except AssetMissing:
        print(
            "Photos: twelve looks at one cat, Chelsea. "
            + to_fetch("`handson fetch cat cats more-cats` in a terminal brings thirty cats; then restart this lesson.")
        )
        whole = sample_photo("chelsea", None)
        side, room = whole.shape[0], whole.shape[1] - whole.shape[0]
        looks = [whole[:, left : left + side] for left in range(0, room + 1, room // 5)]
        return [_resized(look, size) for square in looks for look in (square, square.flip(1))]
    photos = [photo(path, size) for name, path in sorted(files.items()) if name.endswith(".jpg")]
    print(f"Photos: {len(photos)} cats.")
    return photos


def _resized(picture: torch.Tensor, size: int) -> torch.Tensor:
    resized = torch.nn.functional.interpolate(
        picture.permute(2, 0, 1)[None], (size, size), mode="bicubic", antialias=True
    )
    return resized[0].permute(1, 2, 0).clamp(0, 1)


SAMPLES = ("astronaut.webp", "chelsea.webp", "china.jpg", "coffee.webp", "flower.jpg", "hubble.jpg", "rocket.jpg")
"""Photos that come with handson: public domain or CC0, but china and flower (CC BY 2.0; see embedded/README.md)."""
SAMPLES_ASSET = "sample-photos"
"""Where the lesson page keeps them, whose browser has read them before Python starts."""
READY_MADE, PAINTINGS = "ready-made", "paintings"
"""Where the lesson page keeps what Pillow draws on a laptop: drawings, paintings."""


def sample_photo(name: str, size: int | None = 512) -> torch.Tensor:
    """A photo that needs no download, float (size, size, 3) in 0..1: its middle square; `size=None`: the whole of it.

    name: astronaut, chelsea (a cat), china (a temple), coffee, flower, hubble (galaxies) or rocket.
    """
    files = {file.partition(".")[0]: file for file in SAMPLES}
    if name not in files:
        raise KeyError(f"There is no photo {name!r}. There are: {', '.join(files)}.")
    if SAMPLES_ASSET in _index():
        return photo(asset(SAMPLES_ASSET)[files[name]], size)
    return photo(embedded(files[name]), size)


def embedded(file: str) -> bytes:
    """A file of the data that comes with handson. Raises AssetMissing on a lesson page that was built without it."""
    place = importlib.resources.files("handson.lab") / "embedded" / file
    if not place.is_file():
        raise AssetMissing(f"{file} was left out of this page.")
    return place.read_bytes()


def _index() -> dict[str, Any]:
    file = workspace() / INDEX
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def read_idx(path: Path) -> torch.Tensor:
    """An IDX file of unsigned bytes (magic 0x0000080n, n sizes of four bytes, then the values; LeCun 1998)."""
    with gzip.open(path) as file:
        rank = file.read(4)[3]
        shape = [int.from_bytes(file.read(4), "big") for _ in range(rank)]
        values = bytearray()
        for some in iter(lambda: file.read(1 << 20), b""):  # never whole twice: a class opens this at once
            values += some
    return torch.frombuffer(values, dtype=torch.uint8).reshape(shape)


def embedded_digits() -> Digits:
    """The 1,797 digits of 8 × 8 that come with handson, enlarged to 28 × 28: 1,437 to learn from, 360 to test."""
    lines = gzip.decompress(embedded("digits.csv.gz")).decode("ascii").splitlines()
    rows = torch.tensor([[int(float(value)) for value in line.split(",")] for line in lines])
    small = rows[:, :64].float().reshape(-1, 1, 8, 8) / 16
    large = torch.nn.functional.interpolate(small, size=(20, 20), mode="bilinear", align_corners=False)
    images = (torch.nn.functional.pad(large, (4, 4, 4, 4))[:, 0] * 255).round().to(torch.uint8)
    labels = rows[:, 64].long()
    # Four of five, in an order that mixes the writers: the file holds one writer's digits after another's.
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return Digits(images[train], labels[train], images[test], labels[test], full=False)
