"""The lessons' final pictures on one sheet: `python scripts/contact_sheet.py` writes docs/pictures/contact_sheet.jpg.

The pictures are those that the last recorded check made (`handson check --record`), animations by their last frame.
"""

from __future__ import annotations

import argparse
import io
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from handson.lessons.catalog import read_catalog
from handson.lessons.records import read_record
from handson.workshop import read_workshop

ROOT = Path(__file__).parents[1]
COLUMNS, TILE, GAP, LINE = 5, 420, 28, 34
PAPER, INK = (250, 249, 246), (38, 38, 38)


def final_picture(content: bytes) -> Image.Image:
    """The picture, or an animation's last frame, to fit a tile; on white where it is transparent."""
    with Image.open(io.BytesIO(content)) as image:
        image.seek(getattr(image, "n_frames", 1) - 1)
        shown = image.convert("RGBA")
    white = Image.new("RGBA", shown.size, (255, 255, 255, 255))
    picture = Image.alpha_composite(white, shown).convert("RGB")
    scale = min(TILE / picture.width, TILE / picture.height)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)


def sheet(pictures: dict[str, bytes]) -> Image.Image:
    """One tile for each title."""
    rows = -(-len(pictures) // COLUMNS)
    height = TILE + LINE
    size = (COLUMNS * (TILE + GAP) + GAP, rows * (height + GAP) + GAP)
    paper = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(24)
    for index, (title, content) in enumerate(pictures.items()):
        left = GAP + index % COLUMNS * (TILE + GAP)
        top = GAP + index // COLUMNS * (height + GAP)
        picture = final_picture(content)
        paper.paste(picture, (left + (TILE - picture.width) // 2, top + (TILE - picture.height) // 2))
        draw.text((left + TILE / 2, top + TILE + 6), textwrap.shorten(title, 34), INK, font, anchor="ma")
    return paper


def main() -> None:
    """Make the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures" / "contact_sheet.jpg")
    to = parser.parse_args().to
    pictures = {}
    for lesson in read_catalog(read_workshop(ROOT)).lessons:
        record = read_record(lesson)
        if record is None or not record.picture:
            raise SystemExit(f"{lesson.name} has no picture yet: handson check {lesson.name} --record")
        pictures[lesson.contract.title] = record.picture
    to.parent.mkdir(parents=True, exist_ok=True)
    sheet(pictures).save(to, quality=82)
    print(f"{to}: {len(pictures)} pictures, {to.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
