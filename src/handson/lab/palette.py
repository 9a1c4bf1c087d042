"""A picture in few colors: which ones, and for each pixel the nearest of them. Needs no Pillow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import torch

from handson.lab.png import Pixels, indexed_png

Color = tuple[int, int, int]
Box = list[tuple[Color, int]]
"""Colors and how often each is there."""
_STEPS = 64
"""Of each channel, in the table of nearest colors."""
_MOST_SAMPLES = 30_000


def fewer_colors(picture: Pixels, count: int) -> bytes:
    """A PNG file with at most `count` (2 to 256) colors, chosen for the picture: a photo takes a third of the bytes."""
    colors = palette_of([picture], count)
    numbers = bytes(indexed(picture, colors).flatten().tolist())
    return indexed_png(picture.width, picture.height, numbers, b"".join(bytes(color) for color in colors))


def palette_of(pictures: Sequence[Pixels], count: int) -> list[Color]:
    """At most `count` colors for `pictures`: median cut (Heckbert, 1982), then each the mean of what is nearest."""
    total = sum(p.width * p.height for p in pictures)
    step = max(1, total // _MOST_SAMPLES)
    seen: Counter[Color] = Counter()
    for picture in pictures:
        data = picture.rgb().data
        red, green, blue = (data[channel :: 3 * step] for channel in range(3))
        seen.update(zip(red, green, blue, strict=True))
    return _refined(_median_cut(seen, count), seen)


def indexed(picture: Pixels, colors: Sequence[Color], thresholds: torch.Tensor | None = None) -> torch.Tensor:
    """For each pixel the index of the nearest of at most 256 `colors`, uint8 (H, W).

    thresholds, float (H, W, 1), are added to red, green and blue (0 to 255) before.
    """
    rgb = torch.frombuffer(bytearray(picture.rgb().data), dtype=torch.uint8).reshape(picture.height, picture.width, 3)
    values = rgb.float() if thresholds is None else (rgb.float() + thresholds).clamp(0, 255)
    place = (values * (_STEPS / 256)).long()
    return _nearest_table(tuple(colors))[(place[..., 0] * _STEPS + place[..., 1]) * _STEPS + place[..., 2]]


def _median_cut(seen: Mapping[Color, int], count: int) -> list[Color]:
    """The box that varies most is cut in half along its longest side, until there are `count` of them."""
    boxes = [_measured(list(seen.items()))]
    while len(boxes) < count:
        number = max(range(len(boxes)), key=lambda n: boxes[n][0])
        spread, channel, box = boxes[number]
        if not spread:
            break
        box.sort(key=lambda entry: entry[0][channel])
        half, passed, at = sum(n for _, n in box) / 2, 0, 0
        while at < len(box) - 1 and (passed < half or not at):
            passed += box[at][1]
            at += 1
        boxes[number : number + 1] = [_measured(box[:at]), _measured(box[at:])]
    return [_mean(box) for _, _, box in boxes]


def _measured(box: Box) -> tuple[float, int, Box]:
    """How much there is to be gained from cutting a box, the channel it varies most in, and the box."""
    sides = []
    for channel in range(3):
        values = [color[channel] for color, _ in box]
        sides.append(max(values) - min(values))
    longest = max(range(3), key=sides.__getitem__)
    return sides[longest] * sum(n for _, n in box) ** 0.5, longest, box


def _mean(box: Box) -> Color:
    total = sum(n for _, n in box)
    red, green, blue = (round(sum(color[c] * n for color, n in box) / total) for c in range(3))
    return red, green, blue


def _refined(colors: list[Color], seen: Mapping[Color, int]) -> list[Color]:
    """One step of k-means (Lloyd, 1982)."""
    entries = list(seen.items())
    near = _nearest(torch.tensor([color for color, _ in entries]).float(), colors).tolist()
    boxes: list[Box] = [[] for _ in colors]
    for index, entry in zip(near, entries, strict=True):
        boxes[index].append(entry)
    return [_mean(box) if box else color for box, color in zip(boxes, colors, strict=True)]


def _nearest(values: torch.Tensor, colors: Sequence[Color], at_once: int = 8192) -> torch.Tensor:
    """The index of the color that is nearest to each of `values` (N, 3), (N,)."""
    known = torch.tensor(list(colors)).float()
    squares = known.square().sum(1)
    found = [(squares - 2 * some @ known.T).argmin(1) for some in values.split(at_once)]
    return torch.cat(found)


@cache
def _nearest_table(colors: tuple[Color, ...]) -> torch.Tensor:
    line = torch.arange(_STEPS).float() * (256 / _STEPS) + (256 / _STEPS - 1) / 2
    red, green, blue = torch.meshgrid(line, line, line, indexing="ij")
    places = torch.stack([red.flatten(), green.flatten(), blue.flatten()], dim=1)
    return _nearest(places, colors).to(torch.uint8)
