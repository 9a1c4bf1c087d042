"""How long a network needs for a picture on this laptop, and where that is written down."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from handson.lab.places import cache_dir
from handson.lab.zoo.model import Model


def milliseconds(model: Model, seconds: float = 1.0) -> float:
    """The median time of a picture of the card's size, in ms, over about `seconds`; the first runs are not counted."""
    return next(iter(side_by_side({"": model}, seconds).values()))


def side_by_side(models: Mapping[str, Model], seconds: float = 1.0) -> dict[str, float]:
    """Milliseconds per picture of each, taken in turns so that a busy moment hits all; about `seconds` each."""
    pictures = {name: torch.rand(1, 3, model.card.size, model.card.size) for name, model in models.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    with torch.no_grad():
        for name, model in models.items():
            for _ in range(2):
                model(pictures[name])
        while any(sum(spent) < seconds or len(spent) < 3 for spent in times.values()):
            for name, model in models.items():
                times[name].append(_once(model, pictures[name]))
    return {name: 1000 * statistics.median(spent) for name, spent in times.items()}


def _once(model: Model, picture: torch.Tensor) -> float:
    start = time.perf_counter()
    model(picture)
    return time.perf_counter() - start


def written_down() -> dict[str, float]:
    """Milliseconds per picture that `handson zoo bench` measured on this laptop, by network."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(_numbers(found))


def write_down(measured: Mapping[str, float]) -> None:
    """Keep milliseconds per picture for `zoo list`; those of other networks stay."""
    _file().parent.mkdir(parents=True, exist_ok=True)
    _file().write_text(json.dumps({**written_down(), **measured}, indent=2), encoding="utf-8")


def _file() -> Path:
    return cache_dir() / "zoo" / "milliseconds.json"


def _numbers(found: object) -> Iterator[tuple[str, float]]:
    if isinstance(found, dict):
        yield from ((str(name), float(value)) for name, value in found.items() if isinstance(value, int | float))
