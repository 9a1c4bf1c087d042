"""Data: fetched where it is there, embedded where it is not, always said; a missing asset names its command."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from handson.lab.data import AssetMissing, asset, cat, cat_photos, digits  # noqa: E402


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder whose workshop has the asset `note`, not fetched."""
    content = {"note": {"files": {"texts/note.txt": _of(b"hello")}, "fetch": "handson fetch note"}}
    (tmp_path / ".handson").mkdir()
    (tmp_path / ".handson" / "assets.json").write_text(json.dumps(content))
    (tmp_path / "vision").mkdir()
    monkeypatch.chdir(tmp_path / "vision")  # lessons run below the learner's folder
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    return tmp_path


def _of(content: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _fetch(workspace: Path, content: bytes) -> Path:
    digest = hashlib.sha256(b"hello").hexdigest()
    path = workspace / "cache" / "assets" / "sha256" / digest[:2] / digest
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_fetched_asset_is_found_from_below_the_learners_folder(workspace: Path) -> None:
    path = _fetch(workspace, b"hello")
    assert asset("note") == {"note.txt": path}


def test_a_missing_asset_says_which_command_brings_it() -> None:
    with pytest.raises(AssetMissing, match="run `handson fetch note` in a terminal"):
        asset("note")


def test_a_cut_off_asset_counts_as_missing(workspace: Path) -> None:
    _fetch(workspace, b"hel")
    with pytest.raises(AssetMissing, match="handson fetch note"):
        asset("note")


def test_an_unknown_asset_names_the_known_ones() -> None:
    with pytest.raises(AssetMissing, match=r"has no asset 'nota' \(it has: note\)"):
        asset("nota")


def test_without_a_download_digits_are_the_embedded_ones_and_say_what_fetch_adds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = digits()
    assert not data.full
    assert data.train_images.shape == (1437, 28, 28)
    assert data.train_images.dtype == torch.uint8
    assert data.test_images.shape == (360, 28, 28)
    assert sorted(set(data.train_labels.tolist())) == list(range(10))
    assert int(data.train_images[:, :4].max()) == 0  # an empty frame, as MNIST has it
    assert "`handson fetch mnist` in a terminal (12 MB)" in capsys.readouterr().out


def test_without_a_download_the_cat_is_chelsea(capsys: pytest.CaptureFixture[str]) -> None:
    picture = cat(64)
    assert picture.shape == (64, 64, 3)
    assert 0 <= float(picture.min()) < float(picture.max()) <= 1
    assert "`handson fetch cat` in a terminal" in capsys.readouterr().out


def test_fetched_mnist_is_read_as_it_was_published(
    workspace: Path, fetch_from_mirror: Callable[[str, Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_from_mirror("mnist", workspace)
    data = digits()
    assert data.full
    assert data.train_images.shape == (60000, 28, 28)
    assert data.test_labels[:5].tolist() == [7, 2, 1, 0, 4]  # MNIST's first test digits
    assert round(float(data.train_images.float().mean()) / 255, 4) == 0.1307  # and its well-known mean
    assert "Data: MNIST" in capsys.readouterr().out


def test_without_the_photos_of_cats_there_are_twelve_looks_at_one(capsys: pytest.CaptureFixture[str]) -> None:
    looks = cat_photos(64)
    assert "`handson fetch cat cats more-cats`" in capsys.readouterr().out
    assert [tuple(look.shape) for look in looks] == [(64, 64, 3)] * 12
    assert all(float(look.min()) >= 0 and float(look.max()) <= 1 for look in looks)
    assert torch.allclose(looks[1], looks[0].flip(1), atol=1e-4)
    assert all(float((a - b).abs().mean()) > 0.01 for a, b in itertools.combinations(looks, 2))
