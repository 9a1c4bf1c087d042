"""Twenty pictures of two kinds: photos where they were fetched, drawings where not, and the learner's own."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from handson.lab import two_kinds, widgets
from handson.lab.data import AssetMissing
from handson.lab.two_kinds import GOODS, twenty, your_twenty


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    return tmp_path


def fetched(workspace: Path, assets: Mapping[str, Mapping[str, bytes]]) -> None:
    """A learner's folder with these assets, fetched."""
    index: dict[str, Any] = {}
    for name, files in assets.items():
        index[name] = {"fetch": f"handson fetch {name}", "files": {}}
        for file, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            path = workspace / "cache" / "assets" / "sha256" / digest[:2] / digest
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            index[name]["files"][f"somewhere/{file}"] = {"sha256": digest, "bytes": len(content)}
    (workspace / ".handson").mkdir()
    (workspace / ".handson" / "assets.json").write_text(json.dumps(index))


def jpeg(color: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "JPEG", quality=95)
    return file.getvalue()


def idx(values: torch.Tensor) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return gzip.compress(bytes([0, 0, 8, values.dim()]) + sizes + bytes(values.flatten().tolist()))


def test_without_a_download_the_pictures_are_drawn_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = twenty("cats", "dogs")
    assert found.drawn
    assert found.names == ("cats", "dogs")
    assert found.labels.tolist() == [0] * 10 + [1] * 10
    assert found.pictures.shape[:2] == (20, 3)
    assert found.more_labels.tolist() == [0] * 100 + [1] * 100
    assert len(found.more) == len(found.more_labels) == 200
    said = capsys.readouterr().out
    assert "cats and dogs drawn by a small program" in said
    assert "`handson fetch cats dogs`" in said


def test_fetched_photos_are_taken_in_their_order_the_first_ten_to_learn_from(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cats = {f"{n}.jpg": jpeg((10 * n, 0, 0)) for n in range(13)}
    dogs = {f"{n}.jpg": jpeg((0, 0, 20 * n)) for n in range(11)}
    fetched(workspace, {"cats": cats, "dogs": dogs})
    found = twenty("cats", "dogs")
    assert not found.drawn
    assert found.pictures.shape == (20, 3, 227, 227)
    assert torch.allclose(found.pictures[3].mean((1, 2)), torch.tensor([30 / 255, 0, 0]), atol=0.02)
    assert torch.allclose(found.pictures[14].mean((1, 2)), torch.tensor([0, 0, 80 / 255]), atol=0.02)
    assert found.more_labels.tolist() == [0, 0, 0, 1]
    assert "cats and dogs, photographed" in capsys.readouterr().out


def test_goods_are_shown_on_white_by_their_label(workspace: Path) -> None:
    labels = torch.arange(240).remainder(10).to(torch.uint8)
    images = labels[:, None, None].expand(-1, 28, 28).contiguous()
    files = {"t10k-images-idx3-ubyte.gz": idx(images), "t10k-labels-idx1-ubyte.gz": idx(labels)}
    fetched(workspace, {"fashion-mnist": files})
    found = twenty("boots", "sandals")
    assert found.pictures.shape == (20, 3, 28, 28)
    inks = (1 - found.pictures[:, 0, 0, 0]) * 255
    assert inks.round().tolist() == [float(GOODS.index("boots"))] * 10 + [float(GOODS.index("sandals"))] * 10
    assert len(found.more) == 28


def test_goods_that_cannot_be_drawn_name_the_command_that_brings_them(workspace: Path) -> None:
    fetched(workspace, {})
    with pytest.raises(AssetMissing, match="no asset 'fashion-mnist'"):
        twenty("bags", "shirts")


@pytest.mark.parametrize("names", [("cats", "boots"), ("cats", "birds"), ("bags", "bags")])
def test_what_is_no_pair_is_answered_with_those_that_are(names: tuple[str, str]) -> None:
    with pytest.raises(KeyError, match="no pair: take cats and dogs, or two of t-shirts"):
        twenty(*names)


def put(folder: Path, count: int, color: str) -> None:
    folder.mkdir(parents=True)
    for n in range(count):
        (folder / f"{n}.jpg").write_bytes(jpeg(color))


def test_with_too_few_photos_the_lessons_own_are_used_and_that_is_said(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = twenty("cats", "dogs")
    put(workspace / "photos" / "mugs", 4, "red")
    capsys.readouterr()
    assert your_twenty("mugs", "glasses", ours) is ours
    said = capsys.readouterr().out
    assert "4 of mugs and 0 of glasses; at least 3 of each are needed" in said
    assert "This cell goes on with ours" in said


def test_ones_own_photos_are_read_from_two_folders_and_what_is_damaged_is_told(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = twenty("cats", "dogs")
    put(workspace / "photos" / "my-mugs", 4, "red")
    put(workspace / "photos" / "glasses", 3, "blue")
    (workspace / "photos" / "glasses" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    mine = your_twenty("my mugs", "glasses", ours)
    assert mine.names == ("my-mugs", "glasses")
    assert mine.labels.tolist() == [0] * 4 + [1] * 3
    assert mine.pictures[0, 0].mean() > 0.9
    assert mine.pictures[-1, 2].mean() > 0.9
    assert len(mine.more) == 0
    assert "broken.jpg" in capsys.readouterr().out


def test_both_kinds_need_a_name_of_their_own() -> None:
    with pytest.raises(ValueError, match="two names; both are 'a-b'"):
        your_twenty("a b", "a/b", twenty("cats", "dogs"))


def test_without_the_widget_the_folders_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(widgets, "missing", lambda: "The field needs anywidget.")
    monkeypatch.setattr(two_kinds.front, "connected", lambda: True)
    your_twenty("this", "that", twenty("cats", "dogs"))
    assert "Put photos into the folders photos/this and photos/that" in capsys.readouterr().out


def test_dropped_photos_are_saved_to_the_folder_of_their_kind(workspace: Path) -> None:
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    folder = workspace / "photos" / "this"
    field = widgets.drop_zones({"this": two_kinds._keeper(folder)})
    sent: list[dict[str, str]] = []
    field.send = sent.append
    for content in (jpeg("red"), jpeg("blue"), b"hello"):
        field._handle_custom_msg({"name": "a.jpg", "kind": "this"}, [memoryview(content)])
    assert sorted(p.name for p in folder.iterdir()) == ["a-2.jpg", "a.jpg"]
    assert [message.get("saved") for message in sent] == ["this/a.jpg", "this/a-2.jpg", None]
    assert "not a picture" in sent[-1]["trouble"]
    assert {message["kind"] for message in sent} == {"this"}
