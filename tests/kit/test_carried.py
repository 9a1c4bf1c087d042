"""What the page carries: small, and the lessons find it as on a laptop."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handson.errors import HandsonError
from handson.kit import carried as module
from handson.kit.carried import carried, smaller_photo
from handson.lab.data import SAMPLES, asset, read_idx
from handson.lab.decoding import rgb_of
from handson.lessons.catalog import Catalog, read_catalog
from handson.workshop import read_workshop

ASSET = """
[assets.{name}]
what = "Something."
licence = "CC0"
source = "https://example.org"
"""
FILE = """
[[assets.{name}.files]]
path = "{path}"
urls = ["https://example.org/{path}"]
sha256 = "{sha256}"
bytes = {bytes}
"""
IMAGES, LABELS = "digits/train-images-idx3-ubyte.gz", "digits/train-labels-idx1-ubyte.gz"


def idx(shape: tuple[int, ...], values: bytes) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return gzip.compress(bytes([0, 0, 8, len(shape)]) + sizes + values)


def photo(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def workshop(
    make_workshop: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Catalog]:
    """A workshop whose one lesson needs these files, all of them in the cache."""
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))

    def make(*edit: tuple[str, str], **assets: dict[str, bytes]) -> Catalog:
        text = ""
        for name, files in assets.items():
            text += ASSET.format(name=name)
            for path, content in files.items():
                sha256 = hashlib.sha256(content).hexdigest()
                text += FILE.format(name=name, path=path, sha256=sha256, bytes=len(content))
                place = tmp_path / "cache" / "assets" / "sha256" / sha256[:2] / sha256
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        needs = ("tiers: [laptop]", f"tiers: [page, laptop]\n#   assets: [{', '.join(assets)}]")
        return read_catalog(read_workshop(make_workshop(needs, *edit, assets=text)))

    return make


def unpacked(taken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page has it: the files below its cache, the index in the learner's folder."""
    for files in taken.files.values():
        for path, content in files.items():
            place = tmp_path / "page" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    (tmp_path / ".handson").mkdir()
    (tmp_path / ".handson" / "assets.json").write_text(json.dumps(taken.index))
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "page"))
    monkeypatch.chdir(tmp_path)


def test_photos_are_smaller_and_other_files_as_they_were(
    workshop: Callable[..., Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = workshop(pets={"pets/a.jpg": photo((900, 600)), "pets/names.txt": b"Tom"})
    taken = carried(catalog.lessons, catalog.manifest)
    unpacked(taken, tmp_path, monkeypatch)
    files = asset("pets")
    with Image.open(files["a.jpg"]) as image:
        assert image.size == (480, 320)
    assert files["names.txt"].read_bytes() == b"Tom"
    assert taken.by_lesson == {"add": ("pets",)}
    assert taken.named("pets")["pets/names.txt"] == b"Tom"
    assert taken.named("cars") == {}
    assert taken.size == sum(path.stat().st_size for path in files.values())


def test_of_labeled_pictures_come_the_first_of_each_kind(
    workshop: Callable[..., Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EACH_TO_LEARN", 2)
    labels = bytes([5, 5, 1, 5, 1, 1, 5])
    values = b"".join(bytes([17 * i, 17 * i, 17 * i, 17 * i + 5]) for i in range(7))
    catalog = workshop(digits={IMAGES: idx((7, 2, 2), values), LABELS: idx((7,), labels)})
    unpacked(carried(catalog.lessons, catalog.manifest), tmp_path, monkeypatch)
    files = asset("digits")
    assert read_idx(files["train-labels-idx1-ubyte.gz"]).tolist() == [5, 5, 1, 1]
    assert read_idx(files["train-images-idx3-ubyte.gz"]).flatten(1).tolist() == [[17 * i] * 4 for i in (0, 1, 2, 4)]


def test_what_only_tests_keeps_its_grays(
    workshop: Callable[..., Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = "goods/t10k-images-idx3-ubyte.gz", "goods/t10k-labels-idx1-ubyte.gz"
    catalog = workshop(goods={images: idx((2, 1, 2), bytes([0, 5, 9, 250])), labels: idx((2,), bytes([1, 0]))})
    unpacked(carried(catalog.lessons, catalog.manifest), tmp_path, monkeypatch)
    assert read_idx(asset("goods")["t10k-images-idx3-ubyte.gz"]).flatten().tolist() == [0, 5, 9, 250]


def test_what_tests_is_spread_over_the_whole() -> None:
    labels = bytes([1, 1, 1, 1, 0, 0, 1, 1])
    assert module._chosen(labels, 2, spread=False) == [0, 1, 4, 5]
    assert module._chosen(labels, 2, spread=True) == [0, 3, 4, 5]
    assert module._chosen(labels, 9, spread=True) == list(range(8))


def test_what_was_not_fetched_or_is_too_large_is_left_out_and_said(workshop: Callable[..., Catalog]) -> None:
    catalog = workshop(here={"a.txt": b"a"}, gone={"b.txt": b"b"}, large={"c.bin": bytes(4_000_000)})
    for file in catalog.manifest.assets["gone"].files:
        module.Cache.default().path(file).unlink()
    taken = carried(catalog.lessons, catalog.manifest)
    assert set(taken.files) == {"here", "sample-photos"}
    assert "handson fetch gone" in taken.left_out["gone"]
    assert "4 MB" in taken.left_out["large"]


def test_the_sample_photos_come_where_a_lesson_asks_for_them(workshop: Callable[..., Catalog]) -> None:
    ask = ("from handson import lab", "from handson import lab\nphoto = lab.sample_photo('coffee')")
    catalog = workshop(ask, here={"a.txt": b"a"})
    taken = carried(catalog.lessons, catalog.manifest)
    assert taken.by_lesson == {"add": ("here", "sample-photos")}
    assert set(taken.index["sample-photos"]["files"]) == set(SAMPLES)


def test_drawings_come_ready_made_where_photos_do_not(
    workshop: Callable[..., Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from handson.lab import drawings

    ask = ("from handson import lab", "from handson import lab\nphotos = lab.twenty('cats', 'dogs')")
    catalog = workshop(ask, cats={"b.txt": b"b"})
    for file in catalog.manifest.assets["cats"].files:
        module.Cache.default().path(file).unlink()
    taken = carried(catalog.lessons, catalog.manifest)
    assert "ready-made" in taken.by_lesson["add"]
    unpacked(taken, tmp_path, monkeypatch)
    wanted = drawings.drawings("dogs", 3, seed=0)
    monkeypatch.setattr(drawings, "pillow", lambda: None)
    monkeypatch.setattr(drawings, "decoded", rgb_of)
    found = drawings.drawings("dogs", 3, seed=0)
    assert found.shape == wanted.shape
    assert (found - wanted).abs().mean() < 0.05
    with pytest.raises(ValueError, match="ready are 110 of 128"):
        drawings.drawings("dogs", 200, seed=0)


def test_paintings_come_ready_made(
    workshop: Callable[..., Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from handson.lab import paintings

    ask = ("from handson import lab", "from handson import lab\npicture = lab.painting('glass')")
    catalog = workshop(ask, here={"a.txt": b"a"})
    taken = carried(catalog.lessons, catalog.manifest)
    assert set(taken.named("paintings")) == {f"{name}.jpg" for name in paintings.PAINTED}
    unpacked(taken, tmp_path, monkeypatch)
    wanted = paintings.painting("glass", 64)
    monkeypatch.setattr(paintings, "pillow", lambda: None)
    assert (paintings.painting("glass", 64) - wanted).abs().mean() < 0.03


def test_a_damaged_photo_is_named_as_such() -> None:
    with pytest.raises(HandsonError, match="cannot be read"):
        smaller_photo(b"hello", 320)
