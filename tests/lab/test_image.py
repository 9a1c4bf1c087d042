"""Pictures: shown as a grid, saved to the learner's folder, decoded back and compared."""

from __future__ import annotations

import base64
import errno
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image

from handson.lab import front
from handson.lab import image as image_module
from handson.lab.figure import bars
from handson.lab.gif import gif
from handson.lab.image import images, save_picture, show
from handson.lab.png import pixels

DIGITS = torch.randint(0, 256, (25, 28, 28), dtype=torch.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The learner's folder `pictures`, not there yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pictures"


def decoded(content: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(content)) as image:
        values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        return values.reshape(image.height, image.width, -1)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (1, 5, 7), (5, 7, 3), (3, 5, 7), (5, 7, 4)])
def test_a_png_holds_exactly_the_pixels_of_the_tensor(shape: tuple[int, ...]) -> None:
    picture = torch.randint(0, 256, shape, dtype=torch.uint8)
    expected = picture.permute(1, 2, 0) if shape[0] in (1, 3) else picture.reshape(5, 7, -1)
    assert torch.equal(decoded(pixels(picture).png()), expected)


def test_floats_are_clipped_and_what_is_no_number_is_black() -> None:
    picture = torch.tensor([[-0.5, 0.0, 0.5, 1.0, 1.7, float("nan")]])
    assert pixels(picture).data == bytes([0, 0, 128, 255, 255, 0])
    assert pixels(torch.tensor([[True, False]])).data == bytes([255, 0])
    assert pixels(torch.tensor([[3, 300]])).data == bytes([3, 255])


def test_a_pil_image_is_a_picture_too() -> None:
    assert pixels(Image.new("RGB", (2, 1), (1, 2, 3))).data == bytes([1, 2, 3, 1, 2, 3])
    assert pixels(Image.new("P", (2, 1))).channels == 3
    assert pixels(Image.new("L", (2, 1))).channels == 1


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (torch.zeros(2, 5, 7), r"this one has \(2, 5, 7\)"),
        (torch.zeros(0, 5), r"this one has \(0, 5\)"),
        (torch.full((2, 2), 200.0), "reaches 200. Divide it by 255"),
        ([[1, 2]], "this is a list"),
    ],
)
def test_what_is_no_picture_is_told(picture: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        pixels(picture)


def test_a_grid_has_the_captions_and_alternatives_of_its_pictures() -> None:
    grid = images(DIGITS, [f"{i} → {i + 1}" for i in range(25)], title="Mistakes", highlight=[3])
    assert grid.columns == 5
    assert grid.pixelated
    assert grid.width % 28 == 0
    assert grid.html().count("<img ") == 25
    assert 'alt="7 → 8"' in grid.html()
    assert grid.html().count("outline:3px") == 1
    assert grid.alt.startswith("Mistakes: 0 → 1, 1 → 2")
    assert grid._repr_mimebundle_()["text/plain"] == grid.alt


def test_captions_are_text_and_never_markup() -> None:
    grid = images(DIGITS[0], "<b>&", title="<i>", alt='"<u>')
    assert "<b>" not in grid.html() + grid.svg()
    assert "<i>" not in grid.html() + grid.svg()
    assert "<u>" not in grid.html() + grid.svg()


def test_a_colour_tensor_is_one_picture_and_three_grey_ones_with_captions_are_three() -> None:
    assert len(images(torch.rand(3, 28, 28)).pictures) == 1
    assert len(images(torch.rand(3, 28, 28), ["a", "b", "c"]).pictures) == 3
    assert len(images([torch.rand(28, 28)] * 3).pictures) == 3


def test_the_still_of_a_grid_shows_its_pictures(tmp_path: Path) -> None:
    red, blue = torch.zeros(28, 28, 3), torch.zeros(28, 28, 3)
    red[..., 0] = blue[..., 2] = 1
    grid = images([red, blue], ["red", "blue"])
    with Image.open(grid.save(tmp_path / "grid.png", scale=1)) as still:
        middle = still.convert("RGB").getpixel((6 + grid.width // 2, 6 + grid.width // 2))
        assert middle == (255, 0, 0)
        assert still.height > grid.width + 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pictures": []}, "list is empty"),
        ({"pictures": DIGITS[:3], "captions": ["a", "b"]}, "3 pictures but 2 captions|1 pictures but 2 captions"),
        ({"pictures": DIGITS, "highlight": [25]}, r"\[25\]; there are 25, counted from 0"),
    ],
)
def test_a_grid_that_does_not_fit_together_is_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        images(**options)  # type: ignore[arg-type]


def test_without_a_notebook_showing_says_what_there_is_to_see(capsys: pytest.CaptureFixture[str]) -> None:
    show(DIGITS[0], "a seven")
    show(bars({"a": 1}))
    assert capsys.readouterr().out == "A picture: a seven.\nBars: a 1.\n"


def test_a_saved_picture_holds_the_pixels_and_its_place_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = torch.randint(0, 256, (40, 30, 3), dtype=torch.uint8)
    save_picture("mine.png", picture)
    assert torch.equal(decoded((folder / "mine.png").read_bytes()), picture)
    assert capsys.readouterr().out.startswith("Saved pictures/mine.png (")


def test_a_photo_can_be_saved_as_jpeg_and_is_then_much_smaller(folder: Path) -> None:
    dice = torch.Generator().manual_seed(0)
    small = torch.rand(1, 3, 12, 16, generator=dice)
    picture = torch.nn.functional.interpolate(small, (120, 160), mode="bicubic")[0].clamp(0, 1)
    save_picture("wallpaper.jpg", picture)
    save_picture("wallpaper.png", picture)
    found = decoded((folder / "wallpaper.jpg").read_bytes()).float() / 255
    assert (found - picture.permute(1, 2, 0)).abs().mean() < 0.03
    assert (folder / "wallpaper.jpg").stat().st_size < 0.3 * (folder / "wallpaper.png").stat().st_size


def test_a_figure_is_saved_at_a_projectors_size(folder: Path) -> None:
    save_picture("bars.png", bars({"a": 1, "b": 2}))
    with Image.open(folder / "bars.png") as still:
        assert abs(still.width - 1920) < 10


def test_frames_make_an_animation_that_holds_its_end_for_two_seconds(folder: Path) -> None:
    frames = [torch.full((20, 30, 3), value) for value in (0.1, 0.5, 0.9)]
    save_picture("fade.gif", frames, fps=5)
    with Image.open(folder / "fade.gif") as animation:
        assert animation.n_frames == 3
        durations = []
        for n, frame in enumerate(frames):
            animation.seek(n)
            durations.append(animation.info["duration"])
            seen = torch.tensor(animation.convert("RGB").getpixel((10, 10))).float() / 255
            assert (seen - frame[0, 0]).abs().max() < 0.05
        assert durations == [200, 200, 2000]
        assert animation.info["loop"] == 0


def test_a_painting_as_an_animation_stays_near_its_colours() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij")
    last = torch.stack([x, y, 1 - x], dim=-1)
    content, given_up = gif([pixels(last * share) for share in (0.2, 0.6, 1.0)])
    assert given_up == ""
    with Image.open(io.BytesIO(content)) as animation:
        animation.seek(2)
        shown = decoded(_png(animation.convert("RGB"))).float() / 255
    assert (shown - last).square().mean().sqrt() < 0.04


def test_an_animation_too_large_gives_up_frames_and_says_so() -> None:
    noise = [pixels(torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8)) for _ in range(6)]
    content, given_up = gif(noise, largest=3000)
    assert "third frame" in given_up
    with Image.open(io.BytesIO(content)) as animation:
        assert animation.n_frames == 2


def test_frames_of_several_sizes_are_told() -> None:
    with pytest.raises(ValueError, match=r"one size; these have \[\(2, 2\), \(3, 2\)\]"):
        gif([pixels(torch.zeros(2, 2)), pixels(torch.zeros(2, 3))])


def test_a_rerun_replaces_its_own_picture(folder: Path) -> None:
    save_picture("mine.png", torch.zeros(2, 2))
    save_picture("mine.png", torch.ones(2, 2))
    assert [p.name for p in folder.glob("*.png")] == ["mine.png"]
    assert decoded((folder / "mine.png").read_bytes()).min() == 255


def test_a_picture_that_somebody_else_made_or_changed_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / "mine.png").write_bytes(b"theirs")
    save_picture("mine.png", torch.zeros(2, 2))
    assert (folder / "mine.png").read_bytes() == b"theirs"
    assert "Saved pictures/mine-2.png" in capsys.readouterr().out
    (folder / "mine-2.png").write_bytes(b"changed")
    save_picture("mine.png", torch.zeros(2, 2))
    assert "Saved pictures/mine-3.png" in capsys.readouterr().out
    assert (folder / "mine-2.png").read_bytes() == b"changed"


@pytest.mark.parametrize(("code", "said"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "may not be written to")])
def test_where_it_cannot_be_saved_the_reason_is_said_and_nothing_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int, said: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(Path, "write_bytes", fail)
    save_picture("mine.png", torch.zeros(2, 2))
    assert said in capsys.readouterr().out
    assert list(folder.glob("*")) == []


@pytest.mark.parametrize("name", ["mine.gif", "mine.bmp", "../mine.png", "a/mine.png"])
def test_a_name_that_does_not_fit_is_told(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"one like 'cat\.png'"):
        save_picture(name, torch.zeros(2, 2))
    assert not folder.exists()


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_a_photo_with_fewer_colors_makes_a_smaller_file_that_looks_alike(folder: Path) -> None:
    waves = torch.linspace(0, 9, 120).sin() / 2 + 0.5
    photo = torch.stack([waves[:, None] * waves, waves.expand(120, 120), 0.5 + 0 * waves.expand(120, 120)], dim=2)
    photo = (photo + 0.05 * torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    save_picture("all.png", photo)
    save_picture("some.png", photo, colors=64)
    whole, small = ((folder / name).read_bytes() for name in ("all.png", "some.png"))
    assert len(small) < len(whole) / 2
    with Image.open(io.BytesIO(small)) as image:
        seen = image.convert("RGB")
        assert len(seen.getcolors(120 * 120)) <= 64
        values = torch.frombuffer(bytearray(seen.tobytes()), dtype=torch.uint8).reshape(120, 120, 3).float() / 255
    assert float((values - photo).abs().mean()) < 0.05


def test_a_still_is_as_wide_as_wanted_and_has_no_more_colors_than_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [torch.rand(20, 20, 3, generator=torch.Generator().manual_seed(k)) for k in range(3)]
    save_picture("wall.png", images(pictures), colors=16, across=600)
    with Image.open(tmp_path / "pictures" / "wall.png") as still:
        assert abs(still.width - 600) <= 1
        assert len(still.convert("RGB").getcolors(100_000) or []) <= 16


def test_without_vl_convert_a_drawing_is_saved_as_svg_and_said_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image_module, "stills_can_be_drawn", lambda: False)
    save_picture("grid.png", images([torch.zeros(4, 4)] * 2, ["a", "b"]))
    assert "Saved pictures/grid.svg" in capsys.readouterr().out
    drawn = (folder / "grid.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    save_picture("bars.png", bars({"a": 1.0}))
    said = capsys.readouterr().out
    assert "Saved pictures/bars.json" in said
    assert "vl-convert" in said


def test_without_pillow_a_photo_is_saved_as_png_and_said_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image_module, "pillow", lambda: None)
    save_picture("photo.jpg", torch.rand(4, 6, 3))
    assert "Saved pictures/photo.png" in capsys.readouterr().out
    assert decoded((folder / "photo.png").read_bytes()).shape == (4, 6, 3)


@pytest.mark.usefixtures("folder")
def test_the_page_is_handed_what_was_saved_and_told_what_was_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(front, "_send", lambda text: sent.append(json.loads(text)))
    monkeypatch.setattr(image_module, "stills_can_be_drawn", lambda: False)
    save_picture("grid.png", images(torch.zeros(4, 4)), across=640)
    save_picture("cat.gif", [torch.zeros(4, 4), torch.ones(4, 4)])
    drawing, animation = (message for message in sent if message["type"] == "file")
    assert (drawing["name"], drawing["mime"]) == ("grid.svg", "image/svg+xml")
    assert drawing["as"] == {"name": "grid.png", "mime": "image/png", "width": 640}
    assert (animation["name"], animation["mime"], "as" in animation) == ("cat.gif", "image/gif", False)
    assert base64.b64decode(animation["data"]).startswith(b"GIF89a")
    assert "Saved grid.png: your browser makes it" in capsys.readouterr().out
