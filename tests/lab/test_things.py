"""Small photos of ten kinds: fetched CIFAR-10 as published, otherwise digits of the same shape, always said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from handson.lab.things import cifar10


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder with an empty cache."""
    (tmp_path / ".handson").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_without_a_download_the_things_are_digits_and_say_what_fetch_adds(capsys: pytest.CaptureFixture[str]) -> None:
    data = cifar10()
    assert not data.full
    assert data.names == tuple("0123456789")
    assert data.train_images.shape == (1437, 32, 32, 3)
    assert data.train_images.dtype == torch.uint8
    assert data.test_images.shape == (360, 32, 32, 3)
    assert torch.equal(data.test_images[..., 0], data.test_images[..., 2])  # gray
    assert "`handson fetch cifar10` in a terminal" in capsys.readouterr().out


def test_fetched_photos_have_the_labels_of_the_published_set(
    folder: Path, fetch_from_mirror: Callable[[str, Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_from_mirror("cifar10", folder)
    data = cifar10()
    assert data.full
    assert data.train_images.shape == (6000, 32, 32, 3)
    assert data.test_images.shape == (1000, 32, 32, 3)
    # The first of data_batch_1 and of test_batch, as the set was published.
    assert [data.names[i] for i in data.train_labels[:5].tolist()] == ["frog", "truck", "truck", "deer", "car"]
    assert [data.names[i] for i in data.test_labels[:5].tolist()] == ["cat", "ship", "ship", "airplane", "frog"]
    assert data.train_images[0, 0, 0].tolist() == [59, 62, 63]  # the published frog's first pixel
    assert "Data: CIFAR-10" in capsys.readouterr().out
