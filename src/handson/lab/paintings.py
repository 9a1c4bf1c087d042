"""Paintings drawn by a program, for lessons that need a manner to paint in and may download none."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from typing import Any

import torch

from handson.lab.data import PAINTINGS, asset
from handson.lab.photos import photo
from handson.lab.pillow import pillow

_WORKING = 1024
"""Pixels across while drawing; the painting is then reduced to the size asked for, which smooths its edges."""

Color = tuple[int, int, int]


def painting(name: str, size: int = 384) -> torch.Tensor:
    """A painting drawn by a program, float (size, size, 3) in 0..1; the same at every call.

    name: `night` (thick strokes that swirl around lights), `glass` (a window of colored panes in lead) or `shapes`
    (discs, rings, wedges and lines on paper). All are ours. Pillow draws them; the lesson page carries them ready made.
    Raises KeyError with the right names for another one.
    """
    if name not in _PAINTERS:
        raise KeyError(f"There is no painting {name!r}. There are: {', '.join(_PAINTERS)}.")
    if pillow() is None:
        return photo(asset(PAINTINGS)[f"{name}.jpg"], size)
    from PIL import Image

    drawn = _PAINTERS[name](torch.Generator().manual_seed(_SEEDS[name]))
    reduced = drawn.resize((size, size), Image.Resampling.LANCZOS)
    values = torch.frombuffer(bytearray(reduced.tobytes()), dtype=torch.uint8)
    return values.reshape(size, size, 3).float() / 255


# A night: strokes along a field that turns around lights


_LIGHTS = (  # x, y, radius of the glow, which way the strokes turn around it
    (0.80, 0.17, 0.150, 1.0), (0.46, 0.36, 0.165, 1.0), (0.62, 0.60, 0.130, -1.0), (0.16, 0.15, 0.085, -1.0),
    (0.20, 0.47, 0.080, 1.0), (0.88, 0.48, 0.075, -1.0), (0.36, 0.84, 0.085, 1.0), (0.87, 0.80, 0.100, 1.0),
    (0.10, 0.78, 0.085, -1.0), (0.52, 0.09, 0.055, 1.0), (0.63, 0.90, 0.060, -1.0),
)  # fmt: skip
_SKY = ((18, 28, 84), (26, 62, 142), (46, 104, 178), (104, 160, 206), (18, 84, 122), (150, 196, 210))
_FIRE = ((252, 214, 84), (246, 170, 40), (255, 238, 166), (226, 122, 38))


def _night(dice: torch.Generator) -> Any:
    """Strokes laid from broad to fine; each is a bundle of bristles of slightly different colors."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (_WORKING, _WORKING), _SKY[0])
    pencil = ImageDraw.Draw(image)
    for count, width, steps in ((900, 24, 11), (2600, 15, 9), (3400, 9, 8)):
        start = torch.rand(count, 2, generator=dice) * 1.1 - 0.05
        ways = _follow(start, steps, step=0.011)
        shades = torch.randn(count, 3, generator=dice)
        tones = _tones(start, dice)
        for way, tone, shade in zip(ways, tones, shades.tolist(), strict=True):
            _stroke(pencil, way, tone, shade, width)
    return image


def _follow(places: torch.Tensor, steps: int, step: float) -> torch.Tensor:
    """The ways of strokes that begin at `places` (N, 2): (N, steps, 2)."""
    ways = [places]
    for _ in range(steps - 1):
        ways.append(ways[-1] + step * _direction(ways[-1]))
    return torch.stack(ways, dim=1)


def _direction(places: torch.Tensor) -> torch.Tensor:
    """Which way the strokes go at `places` (N, 2): around each light, and in waves between them."""
    x, y = places[:, 0], places[:, 1]
    along = torch.stack([torch.ones_like(x), 0.7 * torch.cos(7 * x + 3 * torch.sin(4 * y))], dim=1) * 0.6
    for light_x, light_y, radius, turn in _LIGHTS:
        dx, dy = x - light_x, y - light_y
        near = torch.exp(-(dx.square() + dy.square()) / (2.2 * radius**2))
        along = along + (turn * near * 3.2 / radius)[:, None] * torch.stack([-dy, dx], dim=1)
    length: torch.Tensor = along.norm(dim=1, keepdim=True)
    return along / length.clamp_min(1e-6)


def _tones(places: torch.Tensor, dice: torch.Generator) -> list[Color]:
    """The color of the stroke that begins at each place: fire in the lights, rings of pale and deep blue around."""
    x, y = places[:, 0], places[:, 1]
    waves = 2.4 + 1.9 * torch.sin(6 * x + 9 * y + 2.5 * torch.sin(5 * x - 3 * y))
    tone = (waves + 0.9 * torch.randn(len(x), generator=dice)).round().long() % len(_SKY)
    chosen = [_SKY[i] for i in tone.tolist()]
    chance = torch.rand(len(x), len(_LIGHTS), generator=dice)
    for number, (light_x, light_y, radius, _) in enumerate(_LIGHTS):
        distance = ((x - light_x).square() + (y - light_y).square()).sqrt() / radius
        for index, (far, luck) in enumerate(zip(distance.tolist(), chance[:, number].tolist(), strict=True)):
            if far < 0.34:
                chosen[index] = _FIRE[0] if luck < 0.7 else _FIRE[2]
            elif far < 0.62:
                chosen[index] = _FIRE[1] if luck < 0.6 else _FIRE[3] if luck < 0.8 else _FIRE[0]
            elif far < 0.98 and luck < 0.75:
                chosen[index] = _FIRE[2] if luck < 0.2 else _SKY[5] if luck < 0.5 else _SKY[3]
    return chosen


def _stroke(pencil: Any, way: torch.Tensor, tone: Color, shade: list[float], width: float) -> None:
    """One stroke of `width` along `way` (steps, 2), in five bristles, dark at one edge and light at the other."""
    across = way[-1] - way[0]
    normal = torch.stack([-across[1], across[0]]) / across.norm().clamp_min(1e-6) / _WORKING
    for bristle, light in ((-0.40, -34), (0.42, 26), (-0.18, -6), (0.20, 8), (0.02, 0)):
        points = [(x * _WORKING, y * _WORKING) for x, y in (way + normal * (bristle * width)).tolist()]
        color = tuple(
            max(0, min(255, round(part + light + 9 * wobble))) for part, wobble in zip(tone, shade, strict=True)
        )
        pencil.line(points, fill=color, width=max(2, round(width * 0.34)), joint="curve")


# A window of glass


_PANES = (0.99, 0.05, 0.09, 0.13, 0.58, 0.55, 0.62, 0.36, 0.47, 0.80, 0.02, 0.11)
"""Hues, 0 to 1 around the circle: reds, oranges and yellows, blues, greens, one violet."""


def _glass(dice: torch.Generator) -> Any:
    """Panes are the places nearest to one of many points (Voronoi, 1908); lead where two are equally near."""
    from PIL import Image

    count = 150
    points = torch.rand(count, 2, generator=dice)
    for _ in range(2):  # towards the middle of their panes: panes of about one size (Lloyd, 1982)
        near = _distances(points, 96).argmin(dim=1)
        grid = _grid(96)
        middles = torch.zeros_like(points).index_add(0, near, grid)
        points = middles / torch.bincount(near, minlength=count).clamp_min(1)[:, None]
    distance, index = _distances(points, _WORKING).topk(2, dim=1, largest=False)
    nearest = index[:, 0]
    hue = torch.tensor(_PANES)[torch.randint(len(_PANES), (count,), generator=dice)]
    light = 0.62 + 0.38 * torch.rand(count, generator=dice)
    full = 0.70 + 0.30 * torch.rand(count, generator=dice)
    colors = torch.tensor([colorsys.hsv_to_rgb(*hsv) for hsv in torch.stack([hue, full, light], dim=1).tolist()])
    picture = colors[nearest]
    x, y = _grid(_WORKING).unbind(dim=1)
    turn = 6.28 * torch.rand(count, generator=dice)[nearest]
    streaks = torch.sin(95 * (x * turn.cos() + y * turn.sin()) + 3 * torch.sin(17 * x) + 3 * torch.sin(19 * y))
    glow = 1.12 - 5.0 * distance[:, 0]  # brighter in the middle of a pane
    picture = picture * (glow + 0.07 * streaks)[:, None]
    edge = (distance[:, 1] - distance[:, 0])[:, None]
    lead = ((0.0125 - edge) / 0.002).clamp(0, 1)
    shine = torch.exp(-((edge - 0.003) / 0.0022).square()) * 0.20
    picture = picture * (1 - lead) + lead * (0.07 + shine)
    content = bytes((picture.clamp(0, 1) * 255).round().to(torch.uint8).flatten().tolist())
    return Image.frombytes("RGB", (_WORKING, _WORKING), content)


def _grid(size: int) -> torch.Tensor:
    """Every place of a picture, row by row: x and y in 0..1, (size · size, 2)."""
    line = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], dim=1)


def _distances(points: torch.Tensor, size: int) -> torch.Tensor:
    """How far each place of a picture is from each of `points` (N, 2): (size · size, N)."""
    return torch.cdist(_grid(size), points)


# Shapes on paper


_INKS = (
    (24, 28, 38), (206, 44, 38), (238, 182, 38), (28, 92, 158), (236, 118, 44), (52, 136, 112), (136, 62, 120),
    (126, 186, 214), (244, 206, 188),
)  # fmt: skip
_PAPER = (240, 230, 208)


def _shapes(dice: torch.Generator) -> Any:
    """Washes first, then discs within discs, wedges, grids, arcs and lines over them."""
    from PIL import Image, ImageDraw, ImageFilter

    def chance(low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(torch.rand((), generator=dice))

    def ink(first: int = 0) -> Color:
        return _INKS[first + int(torch.randint(len(_INKS) - first, (), generator=dice))]

    size = _WORKING
    image = Image.new("RGB", (size, size), _PAPER)
    pencil = ImageDraw.Draw(image)
    for _ in range(16):
        x, y, r = chance(0, size), chance(0, size), chance(70, 190)
        tone = tuple((2 * a + b) // 3 for a, b in zip(_PAPER, ink(1), strict=True))
        pencil.ellipse([x - r, y - r, x + r, y + r], fill=tone)
    image = image.filter(ImageFilter.GaussianBlur(36))
    pencil = ImageDraw.Draw(image)
    for _ in range(34):
        _wedge(pencil, chance, ink)
    for _ in range(58):
        x, y, r = chance(0, size), chance(0, size), chance(14, 78)
        while r > 6:
            pencil.ellipse([x - r, y - r, x + r, y + r], fill=ink(), outline=_INKS[0], width=4)
            r *= chance(0.45, 0.8)
    for _ in range(26):
        x, y, r, start = chance(0, size), chance(0, size), chance(40, 210), chance(0, 360)
        pencil.arc([x - r, y - r, x + r, y + r], start, start + chance(50, 170), fill=ink(), width=round(chance(4, 13)))
    for _ in range(58):
        x, y, turn, far = chance(0, size), chance(0, size), chance(0, math.pi), chance(90, 380)
        end = (x + far * math.cos(turn), y + far * math.sin(turn))
        pencil.line([(x, y), end], fill=_INKS[0] if chance() < 0.6 else ink(), width=round(chance(3, 9)))
    for _ in range(9):
        _checks(pencil, chance, ink)
    return image


def _wedge(pencil: Any, chance: Callable[..., float], ink: Callable[..., Color]) -> None:
    """A triangle with a dark edge."""
    x, y, turn, far = chance(0, _WORKING), chance(0, _WORKING), chance(0, 2 * math.pi), chance(70, 260)
    ends = [(x + far * math.cos(turn + side), y + far * math.sin(turn + side)) for side in (-0.22, 0.22)]
    pencil.polygon([(x, y), *ends], fill=ink(1), outline=_INKS[0], width=4)


def _checks(pencil: Any, chance: Callable[..., float], ink: Callable[..., Color]) -> None:
    """A small board of 4 × 4 fields, slanted."""
    x, y, turn, field, tone = chance(0, _WORKING), chance(0, _WORKING), chance(0, 1.5), chance(15, 30), ink(1)
    right = (field * math.cos(turn), field * math.sin(turn))
    down = (-field * math.sin(turn + 0.2), field * math.cos(turn + 0.2))
    for row in range(4):
        for column in range(4):
            corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)]
            places = [(x + a * right[0] + b * down[0], y + a * right[1] + b * down[1]) for a, b in corners]
            pencil.polygon(places, fill=tone if (row + column) % 2 else _INKS[0])


_PAINTERS: dict[str, Callable[[torch.Generator], Any]] = {"night": _night, "glass": _glass, "shapes": _shapes}
_SEEDS = {"night": 3, "glass": 5, "shapes": 11}
PAINTED = tuple(_PAINTERS)
"""The names of all paintings."""
