"""Canvases side by side: `python scripts/compare_canvases.py` writes docs/pictures/canvases.jpg.

The same objective, network, units, seed and number of steps; only what is painted on, and what tames it, differ. The
number below a picture is its activation, without any wobble, as a multiple of the winner's. docs/pictures.md says why
each lost.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional as F

from handson.assets import index_for
from handson.lab.canvas import Canvas, Kind
from handson.lab.zoo.loading import build, card, files_of
from handson.lab.zoo.model import Model
from handson.lessons.catalog import read_catalog
from handson.workshop import read_workshop

ROOT = Path(__file__).parents[1]
UNITS = (
    ("fire4/expand3x3", 23),
    ("fire6/expand1x1", 172),
    ("fire8/expand1x1", 96),
    ("fire8/expand1x1", 26),
    ("conv10", 130),
)
"""Layers before their ReLU, as in the lesson: a unit that is silent would have no gradient."""
TILE, GAP, LABEL, LINE = 128, 8, 250, 20
PAPER, INK = (250, 249, 246), (38, 38, 38)


@dataclass(frozen=True)
class Way:
    """What is painted on (kind, decorrelate: see lab.Canvas) and what tames it."""

    kind: Kind = "waves"
    decorrelate: bool = True
    wobble: bool = True
    """The network sees the picture moved, turned and zoomed, each time differently."""
    fading: float = 0.8
    """Weight decay: what does not help goes back to gray."""
    contrast: float = 0.0
    """A penalty on the pixels' variance in place of it."""

    def __str__(self) -> str:
        tamed = {"wobble": self.wobble, "fading": self.fading > 0, "contrast penalty": self.contrast > 0}
        colors = "photo colors" if self.decorrelate else "red, green, blue"
        return f"{self.kind}, {colors}\n{' + '.join(k for k, on in tamed.items() if on) or 'nothing else'}"


WINNER = Way()
WAYS = (
    WINNER,
    Way(decorrelate=False),
    Way(kind="pyramid"),
    Way(kind="pyramid", decorrelate=False),
    Way(kind="pixels"),
    Way(kind="pixels", decorrelate=False),
    Way(wobble=False),
    Way(fading=0),
    Way(fading=0, contrast=8),
    Way(wobble=False, fading=0),
    Way(kind="pixels", decorrelate=False, wobble=False, fading=0),
)


def wobble(pictures: torch.Tensor) -> torch.Tensor:
    """As in the lesson What does it see?"""

    def dice(most: float = 0.1) -> torch.Tensor:
        return (2 * torch.rand(len(pictures)) - 1) * most

    angle, scale = dice(), 1 + dice()
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack([cos, -sin, dice()], dim=1), torch.stack([sin, cos, dice()], dim=1)]
    grid = F.affine_grid(torch.stack(rows, dim=1), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def paint(model: Model, layer: str, unit: int, way: Way, size: int, steps: int) -> tuple[torch.Tensor, float]:
    """The picture (3, size, size) and the unit's mean activation, after the ReLU."""
    torch.manual_seed(0)
    canvas = Canvas(size, size, kind=way.kind, decorrelate=way.decorrelate, noise=0.1)
    optimizer = torch.optim.AdamW(canvas.parameters(), 0.05, weight_decay=way.fading)
    for _ in range(steps):
        picture = canvas()
        excited = model.activation(wobble(picture) if way.wobble else picture, layer)[:, unit].mean()
        loss = -excited + way.contrast * excited.detach() * picture.var(dim=(2, 3)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        picture = canvas()
        return picture[0], float(model.activation(picture, layer)[:, unit].relu().mean())


def sheet(rows: dict[Way, list[tuple[torch.Tensor, float]]]) -> Image.Image:
    """One row for each way, its name at the left; activations as multiples of the winner's."""
    best = [activation for _, activation in rows[WINNER]]
    height = TILE + LINE + GAP
    paper = Image.new("RGB", (LABEL + len(UNITS) * (TILE + GAP) + GAP, len(rows) * height + LINE + 2 * GAP), PAPER)
    draw, font, small = ImageDraw.Draw(paper), ImageFont.load_default(17), ImageFont.load_default(13)
    for column, (layer, unit) in enumerate(UNITS):
        name = f"{layer.partition('/')[0]} · {unit}"
        draw.text((LABEL + column * (TILE + GAP) + TILE / 2, GAP), name, INK, small, "ma")
    for row, (way, painted) in enumerate(rows.items()):
        top = LINE + 2 * GAP + row * height
        draw.multiline_text((GAP, top + TILE / 2 - 30), f"{row + 1}. {way}", INK, font, spacing=6)
        for column, (picture, activation) in enumerate(painted):
            left = LABEL + column * (TILE + GAP)
            values = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous()
            tile = Image.frombytes("RGB", (picture.shape[2], picture.shape[1]), bytes(values.flatten().tolist()))
            paper.paste(tile.resize((TILE, TILE), Image.Resampling.LANCZOS), (left, top))
            draw.text((left + TILE / 2, top + TILE + 2), f"{activation / best[column]:.2f}", INK, small, "ma")
    return paper


def main() -> None:
    """Paint all, write the sheet, print the activations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures" / "canvases.jpg")
    parser.add_argument("--size", type=int, default=128, help="side of a picture in pixels")
    parser.add_argument("--steps", type=int, default=120)
    options = parser.parse_args()
    squeezenet = card("squeezenet-1.1")
    model = build(squeezenet, files_of(squeezenet, index_for(read_catalog(read_workshop(ROOT)).manifest)))
    rows = {}
    for way in WAYS:
        began = time.process_time()
        rows[way] = [paint(model, layer, unit, way, options.size, options.steps) for layer, unit in UNITS]
        seconds = time.process_time() - began
        activations = ", ".join(f"{activation:,.0f}" for _, activation in rows[way])
        print(f"{str(way).replace(chr(10), '; ')}: {activations} in {seconds:.1f} CPU-seconds", flush=True)
    options.to.parent.mkdir(exist_ok=True)
    for quality in (88, 80, 70, 60):
        sheet(rows).save(options.to, quality=quality, optimize=True)
        if options.to.stat().st_size <= 500_000:
            break
    print(f"{options.to}: {options.to.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
