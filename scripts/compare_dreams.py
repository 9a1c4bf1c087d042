"""Ways to dream, side by side: `python scripts/compare_dreams.py` writes docs/pictures/dreams.jpg.

Same network, layer, photo and about the same work for all; the winner is what `lessons/vision/06_deepdream.py` does.
Needs SqueezeNet 1.1: `handson fetch squeezenet-1.1`, or HANDSON_MIRROR.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from handson import lab
from handson.assets import fetch, read_manifest
from handson.assets.progress import FetchProgress
from handson.lab import zoo
from handson.lab.canvas import Canvas
from handson.lab.zoo.loading import build

ROOT = Path(__file__).parents[1]
NETWORK, LAYER, SIDE = "squeezenet-1.1", "fire7/concat", 384
COLUMNS, GAP, LINE = 4, 14, 30
PAPER, INK = (250, 249, 246), (38, 38, 38)

Objective = Callable[[Tensor], Tensor]
Finish = Callable[[Tensor], Tensor]
"""What is done to the gradient before it is normalized."""


# --- Gradients, made into steps ---------------------------------------------------------------------------------------


def as_it_is(gradient: Tensor) -> Tensor:
    return gradient


def laplacian(gradient: Tensor, levels: int = 4) -> Tensor:
    """Every band of a Laplacian pyramid (Burt, Adelson, 1983) made equally loud, as in TensorFlow's notebook."""
    bands, low = [], gradient
    for _ in range(levels):
        smaller = F.avg_pool2d(low, 2, ceil_mode=True)
        bands.append(low - F.interpolate(smaller, low.shape[2:], mode="bilinear"))
        low = smaller
    whole = low / low.std()
    for band in reversed(bands):
        whole = F.interpolate(whole, band.shape[2:], mode="bilinear") + band / band.std()
    return whole


def evened(gradient: Tensor) -> Tensor:
    """Three degrees of blur with equal weight, light before color."""
    gradient = gradient + 4 * gradient.mean(1, keepdim=True)
    total = gradient / gradient.std()
    for size in (2, 4):
        small = F.avg_pool2d(gradient, size, ceil_mode=True)
        broad = F.interpolate(small, gradient.shape[2:], mode="bilinear")
        total = total + broad / broad.std()
    return total


# --- Dreams -----------------------------------------------------------------------------------------------------------


def on_pixels(
    photo: Tensor, objective: Objective, octaves: int = 4, steps: int = 10, jitter: int = 32, finish: Finish = as_it_is
) -> Tensor:
    """Steps of equal length on the pixels, small first."""
    height, width = photo.shape[2:]
    base = picture = photo
    for octave in reversed(range(octaves)):
        dreamed = picture - base
        size = (round(height / 1.4**octave), round(width / 1.4**octave))
        base = F.interpolate(photo, size, mode="bilinear", antialias=True)
        picture = base + F.interpolate(dreamed, size, mode="bilinear", antialias=True)
        for _ in range(steps):
            shift = torch.randint(-jitter, jitter + 1, (2,)).tolist()
            shifted = picture.roll(shift, (2, 3)).requires_grad_()
            (gradient,) = torch.autograd.grad(objective(shifted), shifted)
            step = finish(gradient.roll([-places for places in shift], (2, 3)))
            picture = (picture + 0.01 * step / step.abs().mean()).clamp(0, 1)
    return picture


def on_waves(
    photo: Tensor, objective: Objective, decorrelate: bool = True, octaves: int = 4, steps: int = 10
) -> Tensor:
    """As in the lesson: Adam on a canvas of waves that begins as the photo, with jitter, small first."""
    height, width = photo.shape[2:]
    base = picture = photo
    for octave in reversed(range(octaves)):
        dreamed = picture - base
        size = (round(height / 1.4**octave), round(width / 1.4**octave))
        base = F.interpolate(photo, size, mode="bilinear", antialias=True)
        canvas = Canvas(*size, decorrelate=decorrelate)
        canvas.begin_with(base + F.interpolate(dreamed, size, mode="bilinear", antialias=True))
        optimizer = torch.optim.Adam(canvas.parameters(), 0.03)
        for _ in range(steps):
            shift = torch.randint(-32, 33, (2,)).tolist()
            loss = -objective(canvas().roll(shift, (2, 3)))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        picture = canvas().detach()
    return picture


WAYS: dict[str, Callable[[Tensor, Objective], Tensor]] = {
    "pixels, one size": partial(on_pixels, octaves=1, steps=20, jitter=0),
    "octaves, no jitter": partial(on_pixels, jitter=0),
    "octaves and jitter": on_pixels,
    "Laplacian-normalized": partial(on_pixels, finish=laplacian),
    "evened out, light first": partial(on_pixels, finish=evened),
    "waves, red, green, blue": partial(on_waves, decorrelate=False),
    "waves, one size": partial(on_waves, octaves=1, steps=20),
    "waves, own colors, octaves": on_waves,
}


def sheet(pictures: dict[str, Tensor]) -> Image.Image:
    """One tile for each way, its name below."""
    rows = -(-len(pictures) // COLUMNS)
    size = (COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + GAP + LINE) + GAP)
    paper = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(22)
    for index, (name, picture) in enumerate(pictures.items()):
        left, top = GAP + index % COLUMNS * (SIDE + GAP), GAP + index // COLUMNS * (SIDE + GAP + LINE)
        values = (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous()
        paper.paste(Image.frombytes("RGB", (SIDE, SIDE), values.numpy().tobytes()), (left, top))
        draw.text((left + SIDE / 2, top + SIDE + 4), name, INK, font, anchor="ma")
    return paper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures" / "dreams.jpg")
    parser.add_argument("--photo", default="china", help="one of lab.sample_photo")
    options = parser.parse_args()
    with FetchProgress(Console()) as progress:
        fetched = fetch(read_manifest(ROOT / "assets.toml").select([NETWORK]), progress)
    model = build(zoo.card(NETWORK), {Path(file.path).name: Path(file.location) for file in fetched})
    photo = lab.sample_photo(options.photo, SIDE).permute(2, 0, 1)[None].contiguous()

    def objective(picture: Tensor) -> Tensor:
        return model.activation(picture, LAYER).square().mean()

    pictures = {}
    for name, way in WAYS.items():
        torch.manual_seed(0)
        began = time.process_time()
        pictures[name] = way(photo, objective)
        stronger = float(objective(pictures[name]) / objective(photo))
        print(
            f"{name}: {time.process_time() - began:.1f} CPU-seconds, the layer {stronger:.0f} times as strong",
            flush=True,
        )
    options.to.parent.mkdir(parents=True, exist_ok=True)
    sheet(pictures).save(options.to, quality=74, optimize=True)
    print(f"{options.to}: {options.to.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
