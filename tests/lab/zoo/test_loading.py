"""Networks by name: cards, files, the embedded one in place of one that was not fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from handson.lab import AssetMissing, zoo
from handson.lab.zoo.cards import cards
from handson.lab.zoo.imported import Wishes, import_network
from handson.lab.zoo.loading import build
from handson.lab.zoo.timing import side_by_side, write_down, written_down
from tests.lab.zoo.caffe_files import random_blobs, write_caffemodel
from tests.lab.zoo.test_caffe import SMALL, read


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> list[Path]:
    """A deploy file and its caffemodel."""
    files = [tmp_path / "deploy.prototxt", tmp_path / "small.caffemodel"]
    files[0].write_text(SMALL, encoding="utf-8")
    write_caffemodel(files[1], random_blobs(read(files[0])))
    return files


def squeezenet(name: str, mirror: Path) -> zoo.Model:
    folder = {
        "squeezenet-1.0": "SqueezeNet_v1.0",
        "squeezenet-1.1": "SqueezeNet_v1.1",
        "squeezenet-compressed": "SqueezeNet-Deep-Compression",
    }[name]
    files = {path.name: path for path in (mirror / "caffe" / folder).iterdir() if "train" not in path.name}
    return build(zoo.card(name), files)


@pytest.mark.parametrize("name", ["squeezenet-1.0", "squeezenet-1.1", "squeezenet-compressed"])
def test_the_card_says_what_the_files_hold(name: str, mirror: Path) -> None:
    model, card = squeezenet(name, mirror), zoo.card(name)
    assert sum(value.numel() for value in model.network.parameters()) == card.parameters
    folder = {"0": "SqueezeNet_v1.0", "1": "SqueezeNet_v1.1", "d": "SqueezeNet-Deep-Compression"}[name[-1]]
    size = max(path.stat().st_size for path in (mirror / "caffe" / folder).iterdir())
    assert card.megabytes == pytest.approx(size / 1e6, abs=0.01)
    assert set(card.good_layers) <= set(model.layers)


def test_a_photo_is_recognized(mirror: Path) -> None:
    from handson.lab import sample_photo

    guesses = squeezenet("squeezenet-1.1", mirror).classify(sample_photo("coffee", None), top=3)
    assert len(guesses) == 3
    # The names are an asset of their own, which is not here.
    assert all(guess.name.startswith("class ") for guess in guesses)
    assert guesses[0].name in ("class 967", "class 968")  # espresso, cup
    assert guesses[0].probability > guesses[1].probability > guesses[2].probability > 0


def test_pictures_are_prepared_with_gradients_and_the_wrong_shape_is_explained(mirror: Path) -> None:
    model = squeezenet("squeezenet-1.1", mirror)
    picture = torch.full((1, 3, 64, 80), 0.5, requires_grad=True)
    found = model.activations(picture, ["fire2/concat", "fire5/concat"])
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "fire2/concat": (1, 128, 15, 19),
        "fire5/concat": (1, 256, 7, 9),
    }
    found["fire5/concat"].norm().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert all(value.grad is None and not value.requires_grad for value in model.parameters())
    with pytest.raises(ValueError, match=r"\(N, 3, height, width\); these are \(64, 80, 3\).*photo.permute"):
        model(torch.zeros(64, 80, 3))


def test_what_was_not_fetched_is_named_and_replaced_only_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssetMissing):
        zoo.load("squeezenet-1.1")
    with pytest.raises(zoo.ZooError, match=r"no network 'squeeznet'.*Did you mean squeezenet"):
        zoo.load("squeeznet")
    with pytest.raises(zoo.ZooError, match="no network 'cfar'"):
        zoo.load("squeezenet-1.1", otherwise="cfar")
    assert not capsys.readouterr().out


def test_somebody_elses_network_is_imported_kept_and_loaded_by_name(small: list[Path]) -> None:
    model = import_network(small, None, Wishes())
    assert model.card.name == "small"
    assert (model.card.size, model.card.parameters, model.card.logits) == (8, 402, "score")
    for path in small:
        path.unlink()
    again = zoo.load("small")
    picture = torch.rand(1, 3, 8, 8)
    assert torch.equal(again(picture), model(picture))
    assert "small" in zoo.names()


def test_an_import_takes_no_name_that_is_taken(small: list[Path]) -> None:
    import_network(small, None, Wishes())
    for name, message in [
        (None, "a network 'small' already"),
        ("squeezenet-1.1", "comes with handson"),
        ("../up", "cannot be called"),
    ]:
        with pytest.raises(zoo.ZooError, match=message):
            import_network(small, name, Wishes())
    assert import_network(small, None, Wishes(order="RGB"), replace=True).card.order == "RGB"
    assert zoo.card("small").order == "RGB"


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (Wishes(order="GBR"), "no order 'GBR'"),
        (Wishes(classes="dogs"), "no classes 'dogs'"),
        (Wishes(logits="scor"), "no layer 'scor'"),
    ],
)
def test_a_wish_that_cannot_be(small: list[Path], wishes: Wishes, message: str) -> None:
    with pytest.raises(zoo.ZooError, match=message):
        import_network(small, None, wishes)
    assert "small" not in zoo.names()


def test_an_import_that_cannot_be_run_is_not_kept(small: list[Path]) -> None:
    blobs = random_blobs(read(small[0]))
    blobs["conv"][0][0] = torch.nan
    write_caffemodel(small[1], blobs)
    with pytest.raises(zoo.ZooError, match="Its scores for a black picture are"):
        import_network(small, None, Wishes())
    with pytest.raises(zoo.ZooError, match="these endings say no kind"):
        import_network(small[:1], None, Wishes())
    assert "small" not in zoo.names()


def test_a_damaged_card_is_named_and_left_out(
    small: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_network(small, None, Wishes())
    (tmp_path / "cache" / "zoo" / "networks" / "small" / "card.json").write_text("{")
    assert zoo.names() == tuple(cards())
    assert "is damaged: this network is left out" in capsys.readouterr().out


def test_milliseconds_are_measured_in_turns_and_written_down(small: list[Path]) -> None:
    model = import_network(small, None, Wishes())
    measured = side_by_side({"one": model, "two": model}, seconds=0.01)
    assert set(measured) == {"one", "two"}
    assert all(0 < value < 1000 for value in measured.values())
    assert written_down() == {}
    write_down({"one": 1.5})
    write_down({"two": 2.5})
    assert written_down() == {"one": 1.5, "two": 2.5}


def test_an_untrained_network_has_the_layers_and_the_size_of_the_trained_one() -> None:
    trained, random = zoo.load("cifar-small"), zoo.untrained("cifar-small")
    assert random.layers == trained.layers
    assert random.card == trained.card
    pictures = torch.rand(2, 3, 32, 32)
    assert random(pictures).shape == trained(pictures).shape
    assert not torch.allclose(random(pictures), trained(pictures))
    resnet = zoo.untrained("resnet-18")
    assert sum(p.numel() for p in resnet.parameters()) == resnet.card.parameters
    assert resnet(torch.rand(1, 3, 64, 64)).shape == (1, 1000)


def test_a_network_whose_layers_are_in_its_files_cannot_be_built_without_them() -> None:
    with pytest.raises(zoo.ZooError, match=r"layers of squeezenet-1\.1 are written in its files.*\n?.*cifar-small"):
        zoo.untrained("squeezenet-1.1")


def test_scores_take_what_was_prepared_by_hand() -> None:
    model, pictures = zoo.load("cifar-small"), torch.rand(2, 3, 32, 32)
    assert torch.allclose(model.scores(model.card.prepare(pictures)), model(pictures), atol=1e-5)


def test_a_network_tells_what_its_scores_are_called() -> None:
    assert zoo.load("cifar-small").class_names[3] == "cat"
