"""An exported network needs nothing beside it: onnxruntime gives our scores for plain pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from handson.lab import zoo
from handson.lab.zoo.exported import export_onnx
from handson.lab.zoo.imported import Wishes, import_network
from handson.lab.zoo.model import class_names
from tests.lab.zoo.test_loading import squeezenet

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: `python3 start.py test` does it")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def check(model: zoo.Model, path: Path) -> float:
    """The largest difference of the scores of three pictures."""
    export_onnx(model, path, class_names(model.card))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pictures = torch.rand(3, 3, model.card.size, model.card.size, generator=torch.Generator().manual_seed(0))
    (theirs,) = session.run(["scores"], {"pictures": pictures.numpy()})
    with torch.no_grad():
        ours = model(pictures)
    assert theirs.shape == ours.shape
    return float((ours - torch.from_numpy(theirs)).abs().max())


@pytest.mark.parametrize("name", ["squeezenet-1.0", "squeezenet-1.1", "squeezenet-compressed"])
def test_networks_from_caffe(name: str, mirror: Path, tmp_path: Path) -> None:
    difference = check(squeezenet(name, mirror), tmp_path / "a.onnx")
    print(f"{name}: {difference:.1e}")
    assert difference <= 1e-4


@pytest.mark.parametrize("name", ["cifar-small", "cifar-medium", "cifar-large", "cifar-robust"])
def test_networks_of_ours(name: str, tmp_path: Path) -> None:
    difference = check(zoo.load(name), tmp_path / "a.onnx")
    print(f"{name}: {difference:.1e}")
    assert difference <= 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    notes = session.get_modelmeta().custom_metadata_map
    assert notes["classes"].split("\n")[3] == "cat"
    assert notes["licence"].startswith("BSD")


def test_what_was_exported_can_be_imported(tmp_path: Path) -> None:
    model = zoo.load("cifar-small")
    export_onnx(model, tmp_path / "again.onnx")
    # Its preparation is inside: it wants values of 0 to 1.
    again = import_network(
        [tmp_path / "again.onnx"], None, Wishes(classes="cifar10", mean=(0, 0, 0), std=(255, 255, 255))
    )
    pictures = torch.rand(2, 3, 32, 32)
    assert torch.allclose(again(pictures), model(pictures), atol=1e-4)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(zoo.ZooError, match="cannot be written"):
        export_onnx(zoo.load("cifar-small"), tmp_path / "missing" / "a.onnx")
