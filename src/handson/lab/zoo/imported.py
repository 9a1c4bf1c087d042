"""Networks of somebody else's, kept in the user's own zoo: a folder each, with the files as they came and a card."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, cast

import torch

from handson.lab.places import cache_dir
from handson.lab.zoo.cards import Card, Kind, Triple, cards
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.graph import Network
from handson.lab.zoo.loading import build
from handson.lab.zoo.model import Model

_CARD = "card.json"
_KINDS: dict[tuple[str, ...], Kind] = {
    (".caffemodel", ".prototxt"): "caffe",
    (".net", ".prototxt"): "compressed",
    (".onnx",): "onnx",
    (".safetensors",): "torchvision",
}
"""What files of these endings together are."""


@dataclass(frozen=True)
class Wishes:
    """What the files do not say and their user may."""

    architecture: str = ""
    classes: str = ""
    logits: str = ""
    order: str | None = None
    mean: Triple | None = None
    std: Triple | None = None


def import_network(files: Sequence[Path], name: str | None, wishes: Wishes, *, replace: bool = False) -> Model:
    """Read a network from `files`, run it on one picture, and keep a copy of the files under `name`.

    Raises ZooError for files that cannot be read or do not fit, and for a name that is taken.
    """
    kind = _kind(files)
    name = name or _name(files[-1].stem)
    folder = _folder() / name
    if not re.fullmatch(r"[a-z0-9]+([-._][a-z0-9]+)*", name):
        raise ZooError(f"A network cannot be called {name!r}.", "Use a-z, 0-9, '-', '_' and '.'.")
    if name in cards():
        raise ZooError(f"{name} is a network that comes with handson.", "Take another name with --name.")
    if folder.exists() and not replace:
        raise ZooError(f"There is a network {name!r} already.", "Take another name with --name, or --replace it.")
    first = _card(name, kind, wishes, {})
    model = build(first, {path.name: path for path in files})
    card = _measured(first, model, files, wishes)
    model = Model(model.network, card)
    _try(model)
    _keep(card, files, folder)
    return model


def imported() -> dict[str, Card]:
    """The cards of the networks that were imported on this computer, by name."""
    found = {}
    for path in sorted(_folder().glob(f"*/{_CARD}")):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            known = {field.name for field in fields(Card)}
            lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
            card = Card(**{key: value for key, value in {**entry, **lists}.items() if key in known})
        except (OSError, ValueError, TypeError, AttributeError):
            print(f"{path} is damaged: this network is left out. Import it again with --replace.")
            continue
        found[card.name] = card
    return found


def files_of(card: Card) -> dict[str, Path]:
    """The files of an imported network, by file name."""
    folder = Path(card.folder)
    return {path.name: path for path in sorted(folder.iterdir()) if path.name != _CARD} if folder.is_dir() else {}


def _folder() -> Path:
    return cache_dir() / "zoo" / "networks"


def _name(stem: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", stem.lower()).strip("-._") or "network"


def _kind(files: Sequence[Path]) -> Kind:
    endings = tuple(sorted(path.suffix.lower() for path in files))
    if endings not in _KINDS:
        raise ZooError(
            f"{' and '.join(path.name for path in files)}: these endings say no kind of network.",
            "Give a .prototxt with a .caffemodel, or an .onnx or .safetensors file alone.",
        )
    return _KINDS[endings]


def _card(name: str, kind: Kind, wishes: Wishes, known: Mapping[str, int]) -> Card:
    """A card with what is known before the network was read. Caffe's networks saw BGR, others ImageNet's RGB."""
    if kind == "torchvision" and not wishes.architecture:
        raise ZooError(
            "A file of numbers does not say of which network.", "Name it: --architecture resnet-18, for example."
        )
    caffe = kind in ("caffe", "compressed")
    mean: Triple = (104.0, 117.0, 123.0) if caffe else (123.675, 116.28, 103.53)
    std: Triple = (1.0, 1.0, 1.0) if caffe else (58.395, 57.12, 57.375)
    size = known.get("size", 224)
    order, classes = wishes.order or ("BGR" if caffe else "RGB"), wishes.classes
    if order not in ("RGB", "BGR"):
        raise ZooError(f"There is no order {order!r} of channels.", "There are: RGB, BGR.")
    if classes not in ("imagenet", "cifar10", ""):
        raise ZooError(f"There are no classes {classes!r}.", "There are: imagenet, cifar10, and '' for numbers.")
    return Card(
        name=name,
        title=name,
        kind=kind,
        architecture=wishes.architecture,
        licence="not known: ask who made it",
        source="imported",
        parameters=known.get("parameters", 0),
        megabytes=known.get("bytes", 0) / 1e6,
        size=size,
        resize=round(size * 256 / 224),
        order=cast(Literal["RGB", "BGR"], order),
        mean=wishes.mean or mean,
        std=wishes.std or std,
        classes=cast(Literal["imagenet", "cifar10", ""], classes),
        logits=wishes.logits,
        folder=str(_folder() / name),
    )


def _measured(card: Card, model: Model, files: Sequence[Path], wishes: Wishes) -> Card:
    network = model.network
    known = {
        "parameters": sum(value.numel() for value in network.parameters()),
        "bytes": files[-1].stat().st_size,
        "size": 224,
    }
    if isinstance(network, Network):
        channels, height, width = network.input_shape
        if channels != 3:
            raise ZooError(f"It sees {channels} channels.", "The zoo holds networks for photos: 3 channels.")
        known["size"] = min(height, width)
        if not wishes.logits:
            wishes = Wishes(**{**asdict(wishes), "logits": network.scores})
    return _card(card.name, card.kind, wishes, known)


def _try(model: Model) -> None:
    card = model.card
    with torch.no_grad():
        try:
            scores = model(torch.zeros(1, 3, card.size, card.size))
        except RuntimeError as error:
            raise ZooError(f"It cannot be run ({str(error).splitlines()[0]}).", "The file is damaged.") from None
    if not scores.isfinite().all():
        raise ZooError(f"Its scores for a black picture are {scores.flatten()[:3].tolist()}.", "The file is damaged.")


def _keep(card: Card, files: Sequence[Path], folder: Path) -> None:
    """Copy into a folder beside, then put it into place: a copy that breaks off leaves what was there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for path in files:
            shutil.copyfile(path, beside / path.name)
        (beside / _CARD).write_text(json.dumps(asdict(card), indent=2), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    except OSError as error:
        raise ZooError(
            f"{folder} could not be written ({error.strerror or error}).", "Free some space, or set HANDSON_CACHE."
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
