"""The page's photos: read by the browser in their place, once, and found by lab."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image

from handson.lab.decoding import rgb_of
from handson.lab.photos import photo
from handson.lab.png import Pixels
from handson.page import pictures
from handson.page.pictures import read_pictures


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path))
    monkeypatch.setattr(pictures, "_seen", set())
    folder = tmp_path / "assets" / "sha256" / "ab"
    folder.mkdir(parents=True)
    return folder


async def by_pillow(content: bytes) -> Pixels:
    return rgb_of(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_keeps_its_place_and_becomes_readable(cache: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (255, 0, 0)).save(file, kind)
    (cache / "abc").write_bytes(file.getvalue())
    (cache / "abd").write_bytes(b"numbers")
    assert asyncio.run(read_pictures(by_pillow)) == 1
    assert (cache / "abd").read_bytes() == b"numbers"
    monkeypatch.setattr("handson.lab.photos.pillow", lambda: None)
    seen = photo(cache / "abc", 10)
    assert seen.shape == (10, 10, 3)
    assert seen[..., 0].min() > 0.95
    assert seen[..., 1:].max() < 0.05


def test_what_was_read_is_not_looked_at_again_but_what_came_later_is(cache: Path) -> None:
    asyncio.run(read_pictures(by_pillow))
    file = io.BytesIO()
    Image.new("RGB", (4, 3)).save(file, "PNG")
    (cache / "abc").write_bytes(file.getvalue())
    assert asyncio.run(read_pictures(by_pillow)) == 1
    assert asyncio.run(read_pictures(by_pillow)) == 0
