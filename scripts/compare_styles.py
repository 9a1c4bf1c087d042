"""Ways to paint in a manner, side by side: `python scripts/compare_styles.py` writes docs/pictures/styles.jpg.

The first picture is made as the Style lesson makes it, smaller and at two sizes; each of the others differs from it in
what its caption says.
"""

from __future__ import annotations

import argparse
import copy
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn
from torch.nn import functional as F

from handson import lab
from handson.lab import zoo
from handson.lab.canvas import Kind
from handson.lab.zoo.loading import build

ROOT = Path(__file__).parents[1]
LAYERS = ("relu_conv1", *(f"fire{n}/concat" for n in range(2, 8)))
OWN_LAYERS = tuple(f"relu{n}" for n in range(1, 8))
COLUMNS, TILE, GAP, LINE = 4, 300, 18, 30
PAPER, INK = (250, 249, 246), (38, 38, 38)
MOST_BYTES = 500_000

Look = Callable[[Tensor, list[str]], dict[str, Tensor]]


@dataclass(frozen=True)
class Way:
    """How a picture is painted; the defaults are the lesson's, but for the smallest of its three sizes."""

    look: Look
    layers: tuple[str, ...] = LAYERS
    content: str = "fire6/concat"
    kind: Kind = "waves"
    decorrelate: bool = True
    colors_first: bool = True
    shares: tuple[float, ...] = (0.5, 1.0)
    smooth: float = 0.3
    jitter: int = 0
    centered: bool = False


def gram(features: Tensor, centered: bool) -> Tensor:
    """Means over the places of products of channels, (N, C, C)."""
    rows = features.flatten(2)
    if centered:
        rows = rows - rows.mean(2, keepdim=True)
    return rows @ rows.transpose(1, 2) / rows.shape[2]


def apart(found: Tensor, wanted: Tensor) -> Tensor:
    """The squared difference, as a share of what is wanted."""
    return (found - wanted).square().sum() / wanted.square().sum()


def in_colors_of(painting: Tensor, photo: Tensor) -> Tensor:
    """The photo with each color's mean and spread as in the painting."""
    places = (2, 3)
    spread = painting.std(places, keepdim=True) / photo.std(places, keepdim=True)
    return (photo - photo.mean(places, keepdim=True)) * spread + painting.mean(places, keepdim=True)


def shifted(picture: Tensor, by: tuple[int, int], most: int) -> Tensor:
    """The picture moved by less than `most` pixels, its rim mirrored."""
    down, across = by
    return F.pad(picture, (across, most - across, down, most - down), mode="reflect") if most else picture


def paint(way: Way, photo: Tensor, painting: Tensor, steps: int) -> Tensor:
    """The photo in the painting's manner; all pictures (1, 3, size, size)."""
    torch.manual_seed(0)
    whole = photo.shape[-1]
    picture = in_colors_of(painting, photo) if way.colors_first else photo
    wanted = [*way.layers, way.content]
    each = -(-steps // len(way.shares))
    for share in way.shares:
        size = round(whole * share)
        picture = F.interpolate(picture, (size, size), mode="bicubic").clamp(0, 1)
        small, manner = (F.interpolate(p, (size, size), mode="area") for p in (photo, painting))
        canvas = lab.Canvas(size, size, kind=way.kind, decorrelate=way.decorrelate)
        canvas.begin_with(picture)
        with torch.no_grad():
            grams = {a: gram(f, way.centered) for a, f in way.look(manner, list(way.layers)).items()}
            content = way.look(small, [way.content])[way.content]
        optimizer = torch.optim.Adam(canvas.parameters(), 0.03, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.03, total_steps=each, pct_start=0.1)
        for _ in range(each):
            shown = canvas()
            down, across = torch.randint(way.jitter + 1, (2,)).tolist()
            seen = way.look(shifted(shown, (down, across), way.jitter), wanted)
            if way.jitter:
                with torch.no_grad():
                    content = way.look(shifted(small, (down, across), way.jitter), [way.content])[way.content]
            style = torch.stack([apart(gram(seen[a], way.centered), grams[a]) for a in way.layers]).mean()
            rough = shown.diff(dim=3).square().mean() + shown.diff(dim=2).square().mean()
            loss = style + 0.1 * apart(seen[way.content], content) + way.smooth * rough
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        picture = canvas().detach()
    return picture


def ways(model: zoo.Model) -> dict[str, Way]:
    """The lesson's way, and the others by what they do otherwise."""

    def softened(picture: Tensor, layers: list[str]) -> dict[str, Tensor]:
        return {a: (f / f.detach().std()).softmax(dim=1) for a, f in model.activations(picture, layers).items()}

    torch.manual_seed(0)
    untrained = copy.deepcopy(model)
    for numbers in untrained.parameters():
        nn.init.kaiming_normal_(numbers) if numbers.dim() > 1 else nn.init.zeros_(numbers)
    ours = Way(model.activations)
    own = replace(ours, look=zoo.load("cifar-robust").activations, layers=OWN_LAYERS, content="relu6")
    return {
        "as in the lesson": ours,
        "pyramid": replace(ours, kind="pyramid"),
        "pixels": replace(ours, kind="pixels"),
        "pixels, red green blue": replace(ours, kind="pixels", decorrelate=False),
        "waves, red green blue": replace(ours, decorrelate=False),
        "not smoothed": replace(ours, smooth=0.0),
        "jitter": replace(ours, jitter=8),
        "the photo's own colors": replace(ours, colors_first=False),
        "one size": replace(ours, shares=(1.0,)),
        "first two layers": replace(ours, layers=LAYERS[:2]),
        "last two layers": replace(ours, layers=LAYERS[-2:]),
        "channel means left out": replace(ours, centered=True),
        "softmax on activations": replace(ours, look=softened),
        "untrained network": replace(ours, look=untrained.activations),
        "no help at all": replace(
            ours, kind="pixels", decorrelate=False, colors_first=False, shares=(1.0,), smooth=0.0
        ),
        "our small robust network": own,
    }


def sheet(pictures: dict[str, Tensor]) -> Image.Image:
    """One tile for each, its caption below."""
    rows = -(-len(pictures) // COLUMNS)
    paper = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, rows * (TILE + LINE + GAP) + GAP), PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(20)
    for index, (caption, picture) in enumerate(pictures.items()):
        left, top = GAP + index % COLUMNS * (TILE + GAP), GAP + index // COLUMNS * (TILE + LINE + GAP)
        values = (picture[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8)
        tile = Image.frombytes("RGB", (values.shape[1], values.shape[0]), bytes(values.flatten().tolist()))
        paper.paste(tile.resize((TILE, TILE), Image.Resampling.LANCZOS), (left, top))
        draw.text((left + TILE / 2, top + TILE + 4), caption, INK, font, anchor="ma")
    return paper


def as_jpeg(image: Image.Image) -> bytes:
    """The best JPEG of at most MOST_BYTES."""
    for quality in range(90, 20, -5):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= MOST_BYTES:
            break
    return file.getvalue()


def squeezenet() -> zoo.Model:
    """SqueezeNet 1.1, fetched as for the lessons (HANDSON_MIRROR first)."""
    from rich.console import Console

    from handson.assets import fetch, read_manifest
    from handson.assets.progress import FetchProgress

    with FetchProgress(Console()) as progress:
        fetched = fetch(read_manifest(ROOT / "assets.toml").select(["squeezenet-1.1"]), progress)
    return build(zoo.card("squeezenet-1.1"), {Path(file.path).name: Path(file.location) for file in fetched})


def the_cat(size: int) -> Tensor:
    """The lesson's photo, (1, 3, size, size)."""
    from rich.console import Console

    from handson.assets import fetch, read_manifest
    from handson.assets.progress import FetchProgress

    with FetchProgress(Console()) as progress:
        (file,) = fetch(read_manifest(ROOT / "assets.toml").select(["cat"]), progress)
    return as_pictures(lab.photo(file.location, size))


def as_pictures(photo: Tensor) -> Tensor:
    """(H, W, 3) → (1, 3, H, W)."""
    return photo.permute(2, 0, 1)[None].contiguous()


def main() -> None:
    """Paint them all and make the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures" / "styles.jpg")
    parser.add_argument("--size", type=int, default=288)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--painting", default="night")
    options = parser.parse_args()
    photo = the_cat(options.size)
    painting = as_pictures(lab.painting(options.painting, options.size))
    pictures = {}
    for name, way in ways(squeezenet()).items():
        began = time.process_time()
        pictures[name] = paint(way, photo, painting, options.steps)
        print(f"{name:28s} {time.process_time() - began:5.1f} CPU seconds", flush=True)
    content = as_jpeg(sheet(pictures))
    options.to.parent.mkdir(parents=True, exist_ok=True)
    options.to.write_bytes(content)
    print(f"{options.to} ({len(content) / 1000:,.0f} kB)")


if __name__ == "__main__":
    main()
