"""What the lesson page carries of the lessons' assets: the same data, smaller, in forms that need no other library.

Photos are at most SHORTER_SIDE pixels on their shorter side, as JPEG, which the browser reads; of a labeled collection
of small pictures come the first of each kind, digits in sixteen levels of gray; a network of the zoo comes in our own
small file. `handson.lab` finds all of it under the assets' names, as on a laptop.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from handson.assets import Asset, Cache, Manifest, index_for
from handson.errors import HandsonError
from handson.kit.idx import LEVELS, header_and_values
from handson.lab.data import PAINTINGS, READY_MADE, SAMPLES, SAMPLES_ASSET, embedded
from handson.lab.drawings import KINDS, drawings
from handson.lab.paintings import PAINTED, painting
from handson.lab.png import pixels
from handson.lessons.source import Lesson

SHORTER_SIDE = 320
"""Pixels: lessons in the page ask for squares of at most so many."""
_SAMPLES_SHORTER_SIDE = 512
_QUALITY = 88
EACH_TO_LEARN, EACH_TO_TEST = 1_000, 210
"""Of each kind of digits or goods: 10,000 digits to learn from; 210 goods of a kind are what *Twenty photos* takes."""
_LARGEST = 3_000_000
"""Bytes of a file that is carried as it is; a larger one would make the page slow to open."""
_PHOTOS = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Carried:
    """What the page takes along, and for which lessons.

    files: by asset name, where Python in the page finds each file below its cache, and what is in it; index: what the
    page's `.handson/assets.json` says; by_lesson: the names each lesson needs.
    """

    files: Mapping[str, Mapping[str, bytes]]
    index: Mapping[str, Any]
    by_lesson: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Asset → why its lessons take what comes with handson in its place."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(len(content) for files in self.files.values() for content in files.values())

    def named(self, asset: str) -> dict[str, bytes]:
        """The files of an asset by their own paths; none where it does not come."""
        if asset not in self.files:
            return {}
        entries = self.index[asset]["files"].items()
        return {path: self.files[asset][_place(entry["sha256"])] for path, entry in entries}


def carried(lessons: Sequence[Lesson], manifest: Manifest, *, fetched: bool = True) -> Carried:
    """What the page carries for `lessons`: of the assets in the cache (none unless `fetched`), and of handson's own.

    What was not fetched is left out, and why stands in the result. Raises HandsonError for a damaged photo.
    """
    cache = Cache.default()
    contents: dict[str, dict[str, bytes]] = {}
    left_out: dict[str, str] = {}
    needed = {name for lesson in lessons for name in lesson.contract.assets}
    for name, asset in manifest.select(sorted(needed)).items():
        try:
            if not fetched:
                raise _LeftOut("the embedded data were asked for")
            contents[name] = dict(_of_asset(name, asset, manifest, cache))
        except _LeftOut as reason:
            left_out[name] = str(reason)
    by_lesson = {}
    for lesson in lessons:
        drawn = [*lesson.contract.assets, *_by_handson(lesson, set(left_out))]
        for name in drawn:
            if name in _BY_HANDSON and name not in contents:
                contents[name] = _BY_HANDSON[name]()
        by_lesson[lesson.name] = tuple(name for name in drawn if name in contents)
    named = {name: {path: (_sha256(data), data) for path, data in files.items()} for name, files in contents.items()}
    return Carried(
        files={name: {_place(sha256): data for sha256, data in files.values()} for name, files in named.items()},
        index={
            # No size: the browser unpacks pictures in place.
            name: {"files": {path: {"sha256": sha256, "bytes": 0} for path, (sha256, _) in files.items()}, "fetch": ""}
            for name, files in named.items()
        },
        by_lesson=by_lesson,
        left_out=left_out,
    )


class _LeftOut(Exception):  # noqa: N818  # a state, said to the organiser
    pass


def _of_asset(name: str, asset: Asset, manifest: Manifest, cache: Cache) -> Iterator[tuple[str, bytes]]:
    if not all(cache.holds(file) for file in asset.files):
        raise _LeftOut(f"it has not been fetched: `handson fetch {name}` brings it")
    if network := _network(name, manifest):
        yield network
        return
    paths = {file.path: cache.path_of(file) for file in asset.files}
    labels = {path: header_and_values(paths[path].read_bytes()) for path in paths if "-labels-" in path}
    for path, place in paths.items():
        content = place.read_bytes()
        if path.lower().endswith(_PHOTOS):
            yield path, smaller_photo(content, SHORTER_SIDE)
        elif path in labels or path.replace("-images-", "-labels-").replace("idx3", "idx1") in labels:
            of = path.replace("-images-", "-labels-").replace("idx3", "idx1")
            learned = any("train" in each for each in labels)
            kept = _chosen(
                labels[of][1], EACH_TO_LEARN if "train" in path else EACH_TO_TEST, learned and "train" not in path
            )
            yield path, _only(content, kept, len(labels[of][1]), coarse=learned)
        elif len(content) > _LARGEST:
            raise _LeftOut(f"{path} has {len(content) / 1e6:.0f} MB")
        else:
            yield path, content


def _network(name: str, manifest: Manifest) -> tuple[str, bytes] | None:
    """The network whose files an asset of that name holds, as one small file."""
    from handson.lab import zoo
    from handson.lab.zoo.compact import ENDING, write_compact
    from handson.lab.zoo.loading import build, files_of

    card = next((zoo.card(each) for each in zoo.names() if zoo.card(each).asset == name), None)
    if card is None:
        return None
    model = build(card, files_of(card, index_for(manifest, [name])))
    with tempfile.TemporaryDirectory(prefix="handson-kit-") as folder:
        path = Path(folder) / f"{name}{ENDING}"
        write_compact(model.network, card, path)
        return path.name, path.read_bytes()


def smaller_photo(content: bytes, shorter_side: int) -> bytes:
    """A photo as JPEG, upright, its shorter side at most so many pixels. Raises HandsonError for what is no photo."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise HandsonError(
            f"A photo of the assets cannot be read ({error}).", "`handson fetch` brings it anew."
        ) from None
    scale = shorter_side / min(picture.size)
    if scale < 1:
        picture = picture.resize(
            (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS
        )
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()


def _chosen(labels: bytes, each: int, spread: bool) -> list[int]:
    """Which of a labeled collection come: the first `each` of every label; or as many, spread evenly over all of them.

    What tests a network is to be like the whole: the first of MNIST's test digits are harder than the others.
    """
    chosen = []
    for label in set(labels):
        places = [place for place, other in enumerate(labels) if other == label]
        step = max(1.0, len(places) / each) if spread else 1.0
        chosen += [places[int(n * step)] for n in range(min(each, len(places)))]
    return sorted(chosen)


def _only(packed: bytes, kept: list[int], count: int, coarse: bool) -> bytes:
    """An IDX file of `count` pictures or labels, with those of the places `kept` only.

    coarse: in sixteen levels of gray, for what thousands are learned from: no figure changes. Where ten are learned
    from, as of goods, one picture taken otherwise is five percent: those come as they are.
    """
    header, values = header_and_values(packed)
    size = len(values) // count
    if coarse and size > 1:  # pictures, not labels
        values = values.translate(LEVELS)
    some = b"".join(values[place * size : (place + 1) * size] for place in kept)
    return gzip.compress(header[:4] + len(kept).to_bytes(4, "big") + header[8:] + some, 9, mtime=0)


def _by_handson(lesson: Lesson, left_out: set[str]) -> Iterator[str]:
    """What of handson's own pictures a lesson needs: they are read, or drawn, by Pillow, which the page has not."""
    text = "\n".join(cell.text for cell in lesson.cells if cell.kind == "code")
    if "sample_photo(" in text or (left_out & set(lesson.contract.assets)):
        yield SAMPLES_ASSET
    if "twenty(" in text and (left_out & set(lesson.contract.assets)):
        yield READY_MADE
    if "painting(" in text:
        yield PAINTINGS


def _sample_photos() -> dict[str, bytes]:
    return {name: smaller_photo(embedded(name), _SAMPLES_SHORTER_SIDE) for name in SAMPLES}


def _ready_made() -> dict[str, bytes]:
    """The drawings of `handson.lab.drawings`, one below the other."""
    files = {}
    for kind in KINDS:
        pictures = drawings(kind, 110, seed=0)
        rows = (pictures.permute(0, 2, 3, 1) * 255).round().byte().flatten(0, 1)
        image = Image.frombytes("RGB", (rows.shape[1], rows.shape[0]), bytes(rows.flatten().tolist()))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY, optimize=True)
        files[f"drawings-{kind}.jpg"] = file.getvalue()
    return files


def _paintings() -> dict[str, bytes]:
    pictures = {name: pixels(painting(name, _SAMPLES_SHORTER_SIDE)) for name in PAINTED}
    return {f"{name}.jpg": smaller_photo(picture.png(), _SAMPLES_SHORTER_SIDE) for name, picture in pictures.items()}


_BY_HANDSON = {PAINTINGS: _paintings, SAMPLES_ASSET: _sample_photos, READY_MADE: _ready_made}


def _place(sha256: str) -> str:
    """Of a file in a cache."""
    return f"assets/sha256/{sha256[:2]}/{sha256}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
