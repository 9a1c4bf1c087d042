"""Photos: whatever a phone or a disk holds becomes an upright tensor, or a sentence that says why not."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from handson.lab import front, photos
from handson.lab.photos import NoPhoto, photo, save_photo, your_painting, your_photo


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(mode: str = "RGB", size: tuple[int, int] = (80, 40), left: Any = "red", right: Any = "blue") -> Image.Image:
    """A picture of two halves."""
    image = Image.new(mode, size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


RED, BLUE = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 1.0])


def test_the_middle_square_is_taken_and_scaled() -> None:
    seen = photo(encoded(halves()), 20)
    assert seen.shape == (20, 20, 3)
    assert torch.allclose(seen[:, 2], RED.expand(20, 3), atol=0.02)
    assert torch.allclose(seen[:, -2], BLUE.expand(20, 3), atol=0.02)


def test_the_whole_photo_can_be_had() -> None:
    seen = photo(encoded(halves()), None)
    assert seen.shape == (40, 80, 3)
    assert torch.equal(seen[0, 0], RED)


def test_a_huge_whole_photo_is_reduced_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert photo(encoded(Image.new("L", (4000, 1000))), None).shape == (500, 2000, 3)
    assert "4000 × 1000 pixels; reduced to 2000" in capsys.readouterr().out


def test_a_photo_taken_with_a_turned_phone_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the top is on the right
    seen = photo(encoded(halves(), "JPEG", quality=95, exif=exif), None)
    assert seen.shape == (80, 40, 3)
    assert seen[10, 20, 0] > 0.9
    assert seen[70, 20, 2] > 0.9


@pytest.mark.parametrize(
    ("content", "color"),
    [
        (encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0))), (1, 1, 1)),
        (encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 255))), (1, 0, 0)),
        (encoded(Image.new("LA", (8, 8), (0, 0))), (1, 1, 1)),
        (encoded(Image.new("L", (8, 8), 51)), (0.2, 0.2, 0.2)),
        (encoded(Image.new("1", (8, 8), 1)), (1, 1, 1)),
        (encoded(Image.new("I;16", (8, 8), 65535)), (1, 1, 1)),
        (encoded(Image.new("I;16", (8, 8), 13107)), (0.2, 0.2, 0.2)),
        (encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95), (1, 0, 0)),
        (encoded(Image.new("RGB", (8, 8), "red").quantize(4), "GIF"), (1, 0, 0)),
        (encoded(Image.new("RGB", (8, 8), "red"), "WEBP", lossless=True), (1, 0, 0)),
        (encoded(Image.new("RGB", (8, 8), "red"), "BMP"), (1, 0, 0)),
        (encoded(Image.new("F", (8, 8), 0.5), "TIFF"), (0, 0, 0)),
    ],
    ids=["transparent", "opaque", "grey transparent", "grey", "black and white", "16 bit", "dark 16 bit",
         "CMYK", "GIF", "WebP", "BMP", "float"],
)  # fmt: skip
def test_every_kind_of_picture_becomes_rgb(content: bytes, color: tuple[float, float, float]) -> None:
    seen = photo(content, 4)
    assert seen.shape == (4, 4, 3)
    assert torch.allclose(seen, torch.tensor(color).float().expand(4, 4, 3), atol=0.03)


def test_a_photo_of_64_million_pixels_is_decoded_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "_MOST_PIXELS", 1_000_000)
    large = encoded(halves("L", (2000, 1000), 255, 0), "JPEG")
    decoded: list[tuple[int, int]] = []
    original = photos._rgb
    monkeypatch.setattr(photos, "_rgb", lambda image: decoded.append(image.size) or original(image))
    assert photo(large, 50).shape == (50, 50, 3)
    assert decoded == [(250, 125)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC photo.*as JPEG"),
        (b"<!doctype html><title>Sign in</title>", "not a picture.*web page"),
        (b"", "not a picture.*empty"),
        (b"hello", "not a picture that can be read. Take a JPEG or PNG"),
        (encoded(Image.effect_noise((64, 64), 80), "JPEG")[:900], "damaged or cut off"),
        (encoded(Image.effect_noise((64, 64), 80))[:900], "damaged or cut off"),
        (encoded(Image.new("1", (10000, 20000))), "200 million pixels; at most 50 million"),
        (encoded(Image.new("L", (10000, 6000)), "JPEG", progressive=True, quality=1), "60 million pixels; at most 50"),
    ],
    ids=[
        "HEIC",
        "a web page",
        "empty",
        "text",
        "a cut JPEG",
        "a cut PNG",
        "200 million pixels",
        "a large progressive JPEG",
    ],
)
def test_what_is_no_photo_is_told_with_the_way_out(content: bytes, message: str) -> None:
    with pytest.raises(NoPhoto, match=message):
        photo(content)


def test_a_path_that_is_not_there_names_the_pictures_beside_it(tmp_path: Path) -> None:
    (tmp_path / "dog.png").write_bytes(encoded(halves()))
    assert photo(tmp_path / "dog.png", 8).shape == (8, 8, 3)
    with pytest.raises(NoPhoto, match=r"no file .*cat\.png\. Pictures there: dog\.png\."):
        photo(tmp_path / "cat.png")
    with pytest.raises(NoPhoto, match="is a folder"):
        photo(tmp_path)


def test_learners_see_a_sentence_and_no_traceback() -> None:
    shown = NoPhoto("It is a web page.")._render_traceback_()
    assert len(shown) == 1
    assert "It is a web page." in shown[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def put(path: Path, content: bytes, age: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1e9 - age, 1e9 - age))


def test_without_a_photo_of_ones_own_the_default_is_used_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = torch.rand(5, 5, 3)
    assert your_photo(ours) is ours
    assert "No photo of yours yet: this cell goes on with ours." in capsys.readouterr().out
    assert not folder.exists()


def test_the_newest_of_ones_photos_is_used_and_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder / "new.png", encoded(Image.new("RGB", (9, 9), "red")), age=1)
    put(folder / "old.png", encoded(Image.new("RGB", (9, 9), "blue")), age=9)
    put(folder / "notes.txt", b"", age=0)
    assert torch.equal(your_photo(torch.zeros(3, 3, 3), 6), RED.expand(6, 6, 3))
    assert "Your photo: photos/new.png." in capsys.readouterr().out


def test_a_painting_of_ones_own_has_a_folder_beside_the_photos(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder / "cat.png", encoded(Image.new("RGB", (9, 9), "red")), age=0)
    ours = torch.zeros(3, 3, 3)
    assert your_painting(ours) is ours
    assert "No painting of yours yet" in capsys.readouterr().out
    put(folder.parent / "paintings" / "sea.png", encoded(Image.new("RGB", (9, 9), "blue")), age=1)
    assert torch.equal(your_painting(ours, 6), BLUE.expand(6, 6, 3))
    assert "Your painting: paintings/sea.png." in capsys.readouterr().out
    assert torch.equal(your_photo(ours, 6), RED.expand(6, 6, 3))


def test_a_photo_that_cannot_be_read_is_told_and_the_next_one_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder / "broken.jpg", b"\xff\xd8\xff", age=1)
    put(folder / "old.png", encoded(Image.new("RGB", (9, 9), "blue")), age=9)
    assert torch.equal(your_photo(torch.zeros(3, 3, 3), 6), BLUE.expand(6, 6, 3))
    said = capsys.readouterr().out
    assert "broken.jpg" in said
    assert "Your photo: photos/old.png." in said


def test_a_dropped_photo_is_saved_under_a_harmless_name_and_never_over_another(folder: Path) -> None:
    content = encoded(halves(), "JPEG")
    saved = [
        save_photo(name, content, folder).name for name in ("../../my cat.heic", "my cat.jpg", "C:\\x\\né.png", "..")
    ]
    assert saved == ["my-cat.jpg", "my-cat-2.jpg", "né.jpg", "photo.jpg"]
    assert sorted(p.name for p in folder.iterdir()) == sorted(saved)
    assert save_photo("a.jpg", encoded(halves()), folder).suffix == ".png"


def test_what_is_dropped_must_be_a_picture(folder: Path) -> None:
    with pytest.raises(NoPhoto, match="not a picture"):
        save_photo("cat.jpg", b"hello", folder)
    assert not folder.exists()


def test_a_full_disk_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(NoPhoto, match="the disk is full"):
        save_photo("cat.png", encoded(halves()), folder)


def test_a_photo_dropped_on_the_lesson_page_is_kept_by_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(front, "_send", lambda text: sent.append(json.loads(text)))
    path = save_photo("cat", encoded(halves()), folder)
    (kept,) = sent
    assert (kept["type"], kept["path"]) == ("keep", path.as_posix())
    assert base64.b64decode(kept["data"]) == path.read_bytes()
