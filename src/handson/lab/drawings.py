"""Pictures of our own making, drawn by rule and dice: cats, dogs, sandals and boots, no two alike.

They stand in for photos where none was fetched. Color, size, place, tilt, side, background and grain are thrown for
each picture; kinds of one pair are thrown alike, so that neither color nor place tells them apart, only shape does.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch

from handson.lab.data import READY_MADE, asset
from handson.lab.decoding import decoded
from handson.lab.pillow import pillow

KINDS = ("cats", "dogs", "sandals", "boots")
_GOODS = ("sandals", "boots")
_FINE = 3
"""Drawn this many times too large, then reduced: smooth edges."""

Point = tuple[float, float]
Color = tuple[int, int, int]


def drawings(kind: str, count: int, seed: int, size: int = 128) -> torch.Tensor:
    """`count` drawings of a kind (see KINDS), float (count, 3, size, size) in 0..1; the same for the same seed.

    Raises KeyError for another kind.
    """
    if kind not in _DRAWN:
        raise KeyError(f"There are no drawings of {kind!r}. There are: {', '.join(KINDS)}.")
    if pillow() is None:
        return _ready_made(kind, count, size)
    return torch.stack([_drawing(kind, Random(f"{kind} {seed} {number}"), size) for number in range(count)])


def _ready_made(kind: str, count: int, size: int) -> torch.Tensor:
    """Of the drawings that the lesson page carries, one below the other. Raises AssetMissing where there are none."""
    sheet = decoded(asset(READY_MADE)[f"drawings-{kind}.jpg"].read_bytes())
    values = torch.frombuffer(bytearray(sheet.data), dtype=torch.uint8)
    pictures = values.reshape(-1, sheet.width, sheet.width, 3)[:count].permute(0, 3, 1, 2).float() / 255
    if len(pictures) < count or sheet.width != size:
        found = f"{len(pictures)} of {sheet.width} × {sheet.width} pixels"
        raise ValueError(f"Drawings are made by Pillow, which is not installed here; ready are {found}.")
    return pictures


def _drawing(kind: str, dice: Random, size: int) -> torch.Tensor:
    from PIL import Image

    image = Image.new("RGB", (size * _FINE, size * _FINE))
    goods = kind in _GOODS
    _background(image, dice, plain=goods)
    _DRAWN[kind](_Brush(image, _place(dice, size * _FINE, tilt=8 if goods else 15)), dice)
    small = image.resize((size, size), Image.Resampling.BOX)
    values = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).reshape(size, size, 3).float() / 255
    light = dice.uniform(0.8, 1.08)
    grain = torch.randn(values.shape, generator=torch.Generator().manual_seed(dice.getrandbits(40)))
    return (values * light + grain * dice.uniform(0.005, 0.025)).clamp(0, 1).permute(2, 0, 1)


@dataclass(frozen=True)
class _Place:
    """Where a thing stands: its unit square (-1 to 1, y down), scaled, tilted, mirrored and moved to pixels."""

    x: float
    y: float
    scale: float
    tilt: float
    mirrored: bool

    def __call__(self, x: float, y: float) -> Point:
        x = -x if self.mirrored else x
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        return self.x + self.scale * (x * cos - y * sin), self.y + self.scale * (x * sin + y * cos)


def _place(dice: Random, side: int, tilt: float) -> _Place:
    scale = side * dice.uniform(0.28, 0.42)
    slack = side * 0.5 - scale * 1.12
    return _Place(
        x=side / 2 + dice.uniform(-slack, slack),
        y=side / 2 + dice.uniform(-slack, slack),
        scale=scale,
        tilt=math.radians(dice.uniform(-tilt, tilt)),
        mirrored=dice.random() < 0.5,
    )


class _Brush:
    """Draws shapes given in a thing's own square."""

    def __init__(self, image: Any, place: _Place) -> None:
        from PIL import ImageDraw

        self._pen, self._place = ImageDraw.Draw(image), place

    def shape(self, points: Sequence[Point], color: Color) -> None:
        """A closed curve through `points`, rounded (Catmull and Rom's spline, 1974)."""
        self.corners(_rounded(points), color)

    def corners(self, points: Sequence[Point], color: Color) -> None:
        """A polygon."""
        self._pen.polygon([self._place(*point) for point in points], fill=color)

    def oval(self, x: float, y: float, wide: float, high: float, color: Color, turn: float = 0) -> None:
        """An ellipse around (x, y) with the half axes `wide` and `high`, turned by `turn` radians."""
        cos, sin = math.cos(turn), math.sin(turn)
        around = [math.tau * k / 40 for k in range(40)]
        rim = [(wide * math.cos(a), high * math.sin(a)) for a in around]
        self.corners([(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in rim], color)

    def line(self, points: Sequence[Point], thick: float, color: Color) -> None:
        """A line through `points` with round ends; `thick` in the thing's own units."""
        ends = [self._place(*point) for point in points]
        width = max(1.0, thick * self._place.scale)
        self._pen.line(ends, fill=color, width=round(width), joint="curve")
        for x, y in (ends[0], ends[-1]):
            self._pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=color)


def _rounded(points: Sequence[Point], steps: int = 8) -> list[Point]:
    curve = []
    for k in range(len(points)):
        a, b, c, d = (points[(k + j) % len(points)] for j in (-1, 0, 1, 2))
        for t in (step / steps for step in range(steps)):
            curve.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return curve


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)


def _color(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(1, max(0, saturation)), min(1, max(0, value)))
    return round(red * 255), round(green * 255), round(blue * 255)


def _mixed(a: Color, b: Color, share: float) -> Color:
    red, green, blue = (round(u + (v - u) * share) for u, v in zip(a, b, strict=True))
    return red, green, blue


def _background(image: Any, dice: Random, plain: bool) -> None:
    """A wall and a floor, with a few things on it that mean nothing; or, as in a shop, a plain sheet."""
    from PIL import ImageDraw

    pen, side = ImageDraw.Draw(image), image.width
    hue = dice.random()
    saturation, value = (
        (dice.uniform(0, 0.25), dice.uniform(0.7, 1)) if plain else (dice.uniform(0.1, 0.55), dice.uniform(0.4, 0.97))
    )
    above, below = _color(hue, saturation, value), _color(hue + dice.uniform(-0.1, 0.1), saturation, value * 0.8)
    horizon = round(side * dice.choice((1.0, dice.uniform(0.5, 0.85))))
    for row in range(side):
        color = _mixed(above, below, 0.6 * row / side) if row < horizon else _mixed(below, (30, 30, 40), 0.25)
        pen.line((0, row, side, row), fill=color)
    for _ in range(0 if plain else dice.randrange(0, 7)):
        x, y, r = dice.uniform(0, side), dice.uniform(0, side), side * dice.uniform(0.03, 0.16)
        color = _color(hue + dice.uniform(-0.15, 0.15), saturation + 0.1, value * dice.uniform(0.7, 1.2))
        if dice.random() < 0.5:
            pen.ellipse((x - r, y - r, x + r, y + r), fill=color)
        else:
            pen.rectangle((x - r, y - r / 2, x + r, y + r / 2), fill=color)


_FURS = ((0.07, 0.65, 0.85), (0.06, 0.55, 0.5), (0.09, 0.3, 0.9), (0.6, 0.08, 0.35), (0.1, 0.05, 0.95),
         (0.05, 0.75, 0.65), (0.08, 0.15, 0.6), (0.62, 0.2, 0.22))  # fmt: skip


def _fur(dice: Random) -> tuple[Color, Color, Color]:
    """The fur, a darker and a lighter shade of it."""
    hue, saturation, value = dice.choice(_FURS)
    fur = _color(hue + dice.uniform(-0.02, 0.02), saturation, value * dice.uniform(0.9, 1.05))
    return fur, _mixed(fur, (20, 14, 16), 0.45), _mixed(fur, (255, 250, 240), 0.65)


_DARK: Color = (28, 24, 28)
_ROSE: Color = (226, 140, 140)


def _eyes(brush: _Brush, dice: Random, x: float, y: float, slit: bool) -> None:
    iris = _color(dice.choice((0.1, 0.13, 0.25, 0.33, 0.55)), 0.6, 0.85)
    wide = dice.uniform(0.12, 0.16)
    for side in (-1, 1):
        brush.oval(side * x, y, wide * 1.12, wide * 1.05, _DARK)
        brush.oval(side * x, y, wide, wide * 0.93, iris if slit else _mixed(iris, _DARK, 0.55))
        brush.oval(side * x, y, wide * (0.3 if slit else 0.6), wide * (0.85 if slit else 0.6), _DARK)
        brush.oval(side * x + wide * 0.3, y - wide * 0.35, wide * 0.25, wide * 0.25, (255, 255, 255))


def _cat(brush: _Brush, dice: Random) -> None:
    fur, dark, light = _fur(dice)
    tip = dice.uniform(0.9, 1.1)
    for side in (-1, 1):
        brush.corners([(side * 0.2, -0.45), (side * 0.72, -tip), (side * 0.86, -0.1)], fur)
        brush.corners([(side * 0.38, -0.5), (side * 0.68, -tip + 0.2), (side * 0.76, -0.2)], _ROSE)
    wide = dice.uniform(0.82, 0.95)
    brush.shape([(0, -0.62), (0.6 * wide, -0.5), (wide, 0.1), (0.6 * wide, 0.62), (0, 0.76),
                 (-0.6 * wide, 0.62), (-wide, 0.1), (-0.6 * wide, -0.5)], fur)  # fmt: skip
    if dice.random() < 0.5:
        for x in (-0.2, 0, 0.2):
            brush.line([(x, -0.55), (x * 0.8, -0.3)], 0.07, dark)
    if dice.random() < 0.5:
        brush.oval(0, 0.42, 0.36, 0.26, light)
    _eyes(brush, dice, 0.36, -0.02, slit=True)
    brush.corners([(-0.09, 0.24), (0.09, 0.24), (0, 0.35)], _ROSE)
    brush.line([(0, 0.35), (0, 0.43), (0.14, 0.5)], 0.035, _DARK)
    brush.line([(0, 0.43), (-0.14, 0.5)], 0.035, _DARK)
    for side in (-1, 1):
        for up in (-0.08, 0.02, 0.12):
            brush.line([(side * 0.3, 0.38 + up * 0.5), (side * 1.02, 0.36 + up * 1.6)], 0.025, light)


def _dog(brush: _Brush, dice: Random) -> None:
    fur, dark, light = _fur(dice)
    ear = dark if dice.random() < 0.7 else fur
    wide = dice.uniform(0.66, 0.78)
    brush.shape([(0, -0.75), (0.55 * wide, -0.68), (wide, -0.15), (0.75 * wide, 0.5), (0, 0.82),
                 (-0.75 * wide, 0.5), (-wide, -0.15), (-0.55 * wide, -0.68)], fur)  # fmt: skip
    low = dice.uniform(0.45, 0.75)
    for side in (-1, 1):
        brush.shape([(side * 0.38, -0.68), (side * 0.75, -0.62), (side * 0.98, low * 0.4), (side * 0.86, low),
                     (side * 0.66, low * 0.6), (side * 0.58, -0.2)], ear)  # fmt: skip
    if dice.random() < 0.4:
        brush.oval(0, -0.4, 0.11, 0.36, light)
    _eyes(brush, dice, 0.29, -0.2, slit=False)
    if dice.random() < 0.6:
        brush.shape([(-0.12, 0.5), (0.12, 0.5), (0.13, 0.85), (0, 0.98), (-0.13, 0.85)], (222, 92, 104))
    brush.oval(0, 0.34, 0.42, 0.34, light if dice.random() < 0.6 else _mixed(fur, light, 0.4))
    brush.shape([(-0.2, 0.1), (0, 0.05), (0.2, 0.1), (0.12, 0.26), (0, 0.32), (-0.12, 0.26)], _DARK)
    brush.line([(0, 0.3), (0, 0.46), (0.2, 0.52)], 0.04, _DARK)
    brush.line([(0, 0.46), (-0.2, 0.52)], 0.04, _DARK)


def _leather(dice: Random) -> tuple[Color, Color, Color]:
    """The upper, a darker shade of it, and the sole."""
    upper = _color(dice.random(), dice.uniform(0.1, 0.75), dice.uniform(0.25, 0.9))
    return upper, _mixed(upper, (10, 10, 14), 0.4), _color(dice.random(), dice.uniform(0, 0.3), dice.uniform(0.15, 0.9))


def _boot(brush: _Brush, dice: Random) -> None:
    upper, dark, sole = _leather(dice)
    top, heel = -dice.uniform(0.7, 0.98), dice.uniform(0.04, 0.24)
    ankle = dice.uniform(-0.02, 0.12)
    brush.shape([(-0.72, top), (0.02 + ankle, top + 0.02), (0.02 + ankle, -0.05), (0.3, 0.2), (0.78, 0.32), (0.93, 0.6),
                 (0.8, 0.68), (-0.6, 0.68), (-0.78, 0.5), (-0.68, 0)], upper)  # fmt: skip
    brush.corners(
        [(-0.72, 0.64), (0.94, 0.64), (0.9, 0.76), (-0.2, 0.76), (-0.26, 0.72 + heel), (-0.74, 0.72 + heel)], sole
    )
    brush.line([(-0.7, top + 0.1), (0.02 + ankle, top + 0.12)], 0.08, dark)
    if dice.random() < 0.5:
        for y in (-0.45, -0.25, -0.05):
            brush.line([(-0.2 + ankle, y), (0.04 + ankle, y + 0.05)], 0.05, sole)
    else:
        brush.line([(-0.66, 0.15), (0.26, 0.2)], 0.1, dark)


def _arch(left: float, right: float, foot: float, high: float) -> list[Point]:
    """A strap from `left` to `right`, `high` above `foot`."""
    middle, half = (left + right) / 2, (right - left) / 2
    turns = [math.pi * k / 10 for k in range(11)]
    return [(middle - half * math.cos(a), foot - high * math.sin(a) ** 0.7) for a in turns]


def _sandal(brush: _Brush, dice: Random) -> None:
    upper, dark, sole = _leather(dice)
    heel, thick = dice.uniform(0.0, 0.5), dice.uniform(0.09, 0.16)
    back = 0.62 - heel
    tread: list[Point] = [(-0.85, back), (-0.45, back + 0.02), (0.1, 0.6), (0.55, 0.66), (0.95, 0.6)]
    wide = dice.uniform(0.1, 0.2)
    rise = dice.uniform(0.28, 0.42)
    brush.line(_arch(-0.78, -0.3, back, 0.5), wide * 0.8, upper)
    for x in dice.choice(((0.3, 0.72), (0.5,), (0.2, 0.48, 0.76))):
        brush.line(_arch(x - 0.16, x + 0.16, 0.62, rise), wide, upper)
    if dice.random() < 0.5:
        brush.line([(-0.4, back - 0.44), (0.3, 0.64 - rise)], wide * 0.6, dark)
    brush.line(tread, thick, sole)
    if heel > 0.2:
        brush.corners([(-0.92, back), (-0.62, back), (-0.72, 0.72), (-0.86, 0.72)], sole)
    else:
        brush.corners([(-0.9, back), (0.98, 0.56), (0.9, 0.74), (-0.85, 0.74)], _mixed(sole, dark, 0.5))


_DRAWN: dict[str, Callable[[_Brush, Random], None]] = {
    "cats": _cat,
    "dogs": _dog,
    "sandals": _sandal,
    "boots": _boot,
}
