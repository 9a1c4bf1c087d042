"""Twenty pictures of two kinds, and more that nobody trains on: fetched, drawn, or the learner's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import torch

from handson.lab import front
from handson.lab.data import AssetMissing, asset, read_idx, to_fetch
from handson.lab.drawings import KINDS, drawings
from handson.lab.photos import NoPhoto, newest_first, photo, save_photo
from handson.lab.places import workspace

GOODS = ("t-shirts", "trousers", "pullovers", "dresses", "coats", "sandals", "shirts", "sneakers", "bags", "boots")
"""The kinds of Fashion-MNIST, by their label."""
FOLDER = "photos"
"""Of the learner's photos; a folder in it for each kind."""
_PETS = ("cats", "dogs")
_EACH = 10
_MORE_GOODS = 200
_MORE_DRAWN = 100
_SIDE = 227
"""Pixels of a photo; of drawings and goods fewer."""
_FEWEST, _MOST = 3, 50
"""Of the learner's own photos of one kind."""


class Twenty(NamedTuple):
    """Pictures of two kinds, float (N, 3, side, side) in 0..1; labels: 0 for the first kind, 1 for the second."""

    pictures: torch.Tensor
    labels: torch.Tensor
    more: torch.Tensor
    """Pictures that are not among the twenty; there may be none."""
    more_labels: torch.Tensor
    names: tuple[str, str]
    drawn: bool
    """True for drawings of ours, in place of what was not fetched."""


def twenty(first: str, second: str) -> Twenty:
    """Ten pictures each of two kinds, and more; says which.

    Cats and dogs are photos (assets `cats`, `dogs`: 21 and 11); of GOODS there are 210 small pictures each, on white
    (asset `fashion-mnist`: Xiao, Rasul, Vollgraf, 2017). Where they were not fetched, cats, dogs, sandals and boots are
    drawn. Raises KeyError for other kinds, AssetMissing for those that cannot be drawn.
    """
    names = (first, second)
    wanted = _wanted(names)
    try:
        kinds = [_photos(name) for name in names] if wanted == list(_PETS) else _goods(names)
    except AssetMissing:
        if not set(names) <= set(KINDS):
            raise
        print(
            f"Pictures: {first} and {second} drawn by a small program that comes with handson. "
            + to_fetch(
                f"`handson fetch {' '.join(wanted)}` in a terminal brings photographed ones; then restart this lesson."
            )
        )
        return _together([drawings(name, _EACH + _MORE_DRAWN, seed=0) for name in names], names, drawn=True)
    print(f"Pictures: {first} and {second}, photographed; {_EACH} of each to learn from.")
    return _together(kinds, names, drawn=False)


def your_twenty(first: str, second: str, default: Twenty) -> Twenty:
    """The learner's photos of two kinds, from the folders `photos/<first>` and `photos/<second>`, else `default`.

    Shows a field for each kind that takes several photos at once and saves them to its folder; then the learner runs
    the cell again. Says how many were found, and what is missing. All photos are learned from: `more` is empty.
    Raises ValueError where both kinds would have the same folder.
    """
    names = (_plain(first), _plain(second))
    if names[0].casefold() == names[1].casefold():  # on some systems the same folder
        raise ValueError(f"The two kinds need two names; both are {names[0]!r}.")
    folders = [workspace() / FOLDER / name for name in names]
    if front.connected():
        _show_fields(folders)
    found = [_read_all(folder) for folder in folders]
    counts = " and ".join(f"{len(found[k])} of {names[k]}" for k in (0, 1))
    if min(len(photos) for photos in found) < _FEWEST:
        print(
            f"Your photos: {counts}; at least {_FEWEST} of each are needed, 10 are good. This cell goes on with ours. "
            "For yours, drop photos on both fields, then run this cell again."
        )
        return default
    print(f"Your photos: {counts}. Drop more on the fields and run this cell again.")
    pictures = torch.cat([torch.stack(photos) for photos in found])
    labels = torch.tensor([0.0] * len(found[0]) + [1.0] * len(found[1]))
    return Twenty(pictures, labels, pictures[:0], labels[:0], names, drawn=False)


def _wanted(names: tuple[str, str]) -> list[str]:
    """The assets that hold both kinds."""
    if set(names) == set(_PETS):
        return list(_PETS)
    if names[0] != names[1] and set(names) <= set(GOODS):
        return ["fashion-mnist"]
    raise KeyError(f"{names[0]!r} and {names[1]!r} are no pair: take cats and dogs, or two of {', '.join(GOODS)}.")


def _photos(name: str) -> torch.Tensor:
    """All photos of asset `name`, in the order of assets.toml."""
    return torch.stack([photo(file, _SIDE).permute(2, 0, 1) for file in asset(name).values()])


def _goods(names: tuple[str, str]) -> list[torch.Tensor]:
    files = asset("fashion-mnist")
    images = read_idx(files["t10k-images-idx3-ubyte.gz"])
    labels = read_idx(files["t10k-labels-idx1-ubyte.gz"])
    count = _EACH + _MORE_GOODS
    chosen = [images[labels == GOODS.index(name)][:count] for name in names]
    return [(1 - some[:, None].float() / 255).expand(-1, 3, -1, -1) for some in chosen]


def _together(kinds: list[torch.Tensor], names: tuple[str, str], *, drawn: bool) -> Twenty:
    learned, more = [kind[:_EACH] for kind in kinds], [kind[_EACH:] for kind in kinds]
    return Twenty(torch.cat(learned), _labels(learned), torch.cat(more), _labels(more), names, drawn)


def _labels(kinds: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([torch.full((len(kind),), float(label)) for label, kind in enumerate(kinds)])


def _plain(name: str) -> str:
    """A kind's name as that of a folder."""
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:40] or "kind"


def _read_all(folder: Path) -> list[torch.Tensor]:
    """The newest photos of a folder that can be read, oldest first; says which cannot, and how many are left out."""
    found, there = [], newest_first(folder)
    if len(there) > _MOST:
        print(f"{folder.name} has {len(there)} photos; the newest {_MOST} are used.")
    for path in reversed(there[:_MOST]):
        try:
            found.append(photo(path, _SIDE).permute(2, 0, 1))
        except NoPhoto as reason:
            print(reason)
    return found


def _show_fields(folders: list[Path]) -> None:
    from handson.lab.widgets import drop_zones, missing

    if reason := missing():
        places = " and ".join(f"{FOLDER}/{folder.name}" for folder in folders)
        print(f"{reason} Put photos into the folders {places} and run this cell again.")
        return
    front.show(drop_zones({folder.name: _keeper(folder) for folder in folders}))


def _keeper(folder: Path) -> Any:
    return lambda name, content: save_photo(name, content, folder)
