"""Pictures: shown as a neat grid with captions, and saved to the learner's folder."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from handson.lab import front, style
from handson.lab.decoding import rgb_of
from handson.lab.gif import gif
from handson.lab.palette import fewer_colors
from handson.lab.photos import why
from handson.lab.pillow import pillow
from handson.lab.places import workspace
from handson.lab.png import Pixels, pixels, several
from handson.lab.style import Theme
from handson.lab.vegalite import VEGA_LITE_MIME, Figure, Still, stills_can_be_drawn, vl_convert

_GAP = 14
_LINE = 21
_ALONE = 420
_ACROSS = 700
"""Pixels on the screen: between two pictures, of a caption's line, of a picture that stands alone, of a row of them."""
_PROJECTOR = 1920
_FOLDER = "pictures"
_OURS = ".made.json"
_MIMES = {
    ".gif": "image/gif", ".jpg": "image/jpeg", ".json": VEGA_LITE_MIME, ".png": "image/png", ".svg": "image/svg+xml",
}  # fmt: skip


@dataclass(frozen=True)
class Images(Still):
    """One picture or several, with captions. The last line of a cell shows them; `.save("grid.png")` keeps them."""

    pictures: tuple[Pixels, ...]
    captions: tuple[str, ...]
    alts: tuple[str, ...]
    title: str
    alt: str
    columns: int
    width: int
    pixelated: bool
    highlight: frozenset[int]

    def __repr__(self) -> str:
        """The text alternative."""
        return f"Images: {self.alt}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/html": self.html(), "text/plain": self.alt}

    def html(self) -> str:
        """The grid as an HTML figure; it wraps on narrow screens and takes the colour of the text around it."""
        across = self.columns * self.width + (self.columns - 1) * _GAP
        title = f'<figcaption style="{_TITLE_CSS}">{escape(self.title)}</figcaption>' if self.title else ""
        cells = "".join(self._cell(i) for i in range(len(self.pictures)))
        grid = f"display:flex;flex-wrap:wrap;gap:{_GAP}px;max-width:{across}px"
        return (
            f'<figure style="margin:8px 0;font-family:{style.FONT}" aria-label="{escape(self.alt)}">{title}'
            f'<div style="{grid}">{cells}</div></figure>'
        )

    def _cell(self, index: int) -> str:
        strong = index in self.highlight
        ring = f";outline:3px solid {style.ORANGE};outline-offset:2px" if strong else ""
        drawn = ";image-rendering:pixelated" if self.pixelated else ""
        image = (
            f'<img src="{self.pictures[index].data_url()}" alt="{escape(self.alts[index])}" '
            f'style="display:block;width:100%;height:auto;margin:0;border-radius:4px{drawn}{ring}">'
        )
        look = "font-weight:700" if strong else "opacity:0.85"
        caption = self.captions[index]
        below = (
            f'<figcaption style="margin-top:6px;text-align:center;font-size:{style.LABEL}px;line-height:{_LINE}px;'
            f'font-variant-numeric:tabular-nums;overflow-wrap:anywhere;{look}">{escape(caption)}</figcaption>'
            if caption else ""
        )  # fmt: skip
        return f'<figure style="margin:0;width:{self.width}px;max-width:100%">{image}{below}</figure>'

    def svg(self, theme: Theme = "light") -> str:
        """The grid as SVG text, transparent."""
        rows = range(0, len(self.pictures), self.columns)
        y = 40.0 if self.title else 0.0
        parts = []
        if self.title:
            parts.append(f'<text y="20" font-size="{style.TITLE}" font-weight="600">{escape(self.title)}</text>')
        for first in rows:
            row = range(first, min(first + self.columns, len(self.pictures)))
            tallest = max(self.pictures[i].height / self.pictures[i].width for i in row) * self.width
            lines = max(len(self._wrapped(i)) for i in row)
            for place, i in enumerate(row):
                parts.append(self._svg_cell(i, place * (self.width + _GAP), y))
            y += tallest + (lines * _LINE + 6 if lines else 0) + _GAP
        across, down = min(self.columns, len(self.pictures)) * (self.width + _GAP) - _GAP, y - _GAP
        drawn = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-6 -6 {across + 12} {down + 12:.0f}" '
            f'width="{across + 12}" height="{down + 12:.0f}" font-family="{style.FONT}" fill="{style.INK}" role="img">'
            f"<title>{escape(self.alt)}</title>{''.join(parts)}</svg>"
        )
        return str(style.inked(drawn, theme))

    def _svg_cell(self, index: int, x: float, y: float) -> str:
        picture, strong = self.pictures[index], index in self.highlight
        high = picture.height / picture.width * self.width
        smooth = ' image-rendering="optimizeSpeed"' if self.pixelated else ""
        parts = [
            f'<image x="{x:.1f}" y="{y:.1f}" width="{self.width}" height="{high:.1f}" '
            f'href="{picture.data_url()}"{smooth}/>'
        ]
        if strong:
            parts.append(
                f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="{self.width + 6}" height="{high + 6:.1f}" rx="5" '
                f'fill="none" stroke="{style.ORANGE}" stroke-width="3"/>'
            )
        look = 'font-weight="700"' if strong else 'fill-opacity="0.85"'
        for n, line in enumerate(self._wrapped(index)):
            parts.append(
                f'<text x="{x + self.width / 2:.1f}" y="{y + high + 6 + n * _LINE + 15:.1f}" text-anchor="middle" '
                f'font-size="{style.LABEL}" {look}>{escape(line)}</text>'
            )
        return "".join(parts)

    def _wrapped(self, index: int) -> list[str]:
        """The caption in lines that fit below the picture; a letter takes about half its size."""
        lines: list[str] = []
        for word in self.captions[index].split():
            if lines and (len(lines[-1]) + 1 + len(word)) * style.LABEL * 0.52 <= self.width:
                lines[-1] += " " + word
            else:
                lines.append(word)
        return lines

    def png(self, scale: float = 2, theme: Theme = "light") -> bytes:
        """The grid as a PNG on the background of `theme`, `scale` pixels for each on the screen."""
        paper = f'<rect x="-99" y="-99" width="9999" height="9999" fill="{style.BACKGROUNDS[theme]}"/>'
        drawn = self.svg(theme).replace("</title>", "</title>" + paper, 1)
        return bytes(vl_convert().svg_to_png(drawn, scale=scale))


_TITLE_CSS = f"font-size:{style.TITLE}px;font-weight:600;margin:0 0 12px"


def images(
    pictures: Any,
    captions: Sequence[Any] | str | None = None,
    *,
    columns: int | None = None,
    title: str | None = None,
    alt: str | None = None,
    width: int | None = None,
    pixelated: bool | None = None,
    highlight: Collection[int] | None = None,
) -> Images:
    """One picture or many as a grid.

    pictures: a picture, a list of them, or a tensor (N, …); a picture is a tensor (H, W), (H, W, 3) or (3, H, W), float
    0..1 or uint8, or a PIL image. captions: one text for each. columns, width (of one picture, pixels on the screen)
    and pixelated (hard edges; for small ones) are chosen where not given. highlight: indices of those to be framed.
    Raises ValueError or TypeError where that does not fit together.
    """
    texts = [captions] if isinstance(captions, str) else None if captions is None else [str(c) for c in captions]
    drawn = tuple(pixels(p) for p in several(pictures, texts))
    if not drawn:
        raise ValueError("There is no picture to show: the list is empty.")
    if texts is not None and len(texts) != len(drawn):
        raise ValueError(f"There are {len(drawn)} pictures but {len(texts)} captions; each picture needs one.")
    framed = frozenset(highlight or ())
    if outside := sorted(i for i in framed if not 0 <= i < len(drawn)):
        raise ValueError(f"highlight names the pictures {outside}; there are {len(drawn)}, counted from 0.")
    said = texts or [""] * len(drawn)
    count = len(drawn)
    what = alt or _alt(title, said, count)
    own = [what] if count == 1 else [text or f"picture {i} of {count}" for i, text in enumerate(said, 1)]
    across = width or _fitting_width(drawn)
    return Images(
        drawn, tuple(said), tuple(own), title or "", what, columns or _fitting_columns(count, across), across,
        drawn[0].width * 2 <= across if pixelated is None else pixelated, framed,
    )  # fmt: skip


def show(pictures: Any, captions: Sequence[Any] | str | None = None, **options: Any) -> None:
    """Show pictures, or a figure, now, anywhere in a cell; the options are those of `images`."""
    shown = pictures if isinstance(pictures, (Figure, Images)) else images(pictures, captions, **options)
    if not front.connected():
        print(shown.alt)
        return
    front.show(shown)


def save_picture(
    name: str,
    picture: Any,
    *,
    fps: float = 10,
    alt: str | None = None,
    colors: int | None = None,
    across: int = _PROJECTOR,
) -> None:
    """Save a picture to the folder `pictures`, show it, and say where it is.

    name: `cat.png`, `cat.jpg` for a large photo, or `cat.gif` for an animation. picture: a tensor or PIL image, a list
    of them (frames), or what `plot`, `bars`, `images` … return, which is drawn `across` pixels wide, by default as wide
    as a projector shows. fps: frames per second; the last one is held for 2 s. colors: of a .png, at most so many, 2 to
    256 (256 suits photos side by side, and makes the file a third as large); by default all of them.
    Where neither vl-convert nor Pillow is installed, as on the lesson page, a drawing is written as .svg and a .jpg as
    .png, and said so; the page's browser makes of it what was asked for.
    A rerun replaces the picture that the last run saved; a file that anybody changed or put there stays, and the new
    one gets a number. Where it cannot be saved, it is shown and the reason said.
    Raises ValueError for another ending, and for colors that do not fit.
    """
    frames = isinstance(picture, (list, tuple)) or (hasattr(picture, "dim") and picture.dim() == 4)
    ending = Path(name).suffix.lower() or (".gif" if frames else ".png")
    if Path(name).name != name or ending not in ((".gif",) if frames else (".png", ".jpg")):
        raise ValueError(
            f"{name!r} does not fit: the name is one like 'cat.{'gif' if frames else 'png'}' "
            f"({'frames make a .gif' if frames else 'one picture is a .png, or a .jpg'}), without a folder."
        )
    if colors is not None and (ending != ".png" or not 2 <= colors <= 256):
        raise ValueError(f"colors is for a .png, 2 to 256 of them; {name!r} was asked for with {colors}.")
    if frames:
        shots = [pixels(frame) for frame in picture]
        made = _Made(ending, *gif(shots, fps), shots[0].width)
    elif isinstance(picture, (Figure, Images)):
        made = _drawn(picture, across, ending, colors)
    else:
        made = _photo(pixels(picture), ending, colors)
    if isinstance(picture, (Figure, Images)):
        show(picture)  # in the colors of the page, which a still cannot follow
    else:
        _show_file(made, alt or f"{Path(name).stem.replace('_', ' ')}.")
    try:
        path = _write(workspace() / _FOLDER, Path(name).stem, made.ending, made.content)
    except OSError as error:
        print(f"Not saved: {why(error)}")
        return
    wanted = None
    if made.ending != ending:
        wanted = {"name": f"{path.stem}{ending}", "mime": _MIMES[ending], "width": made.width}
    front.hand_over(path.name, _MIMES[made.ending], made.content, wanted)
    if wanted and front.on_page():
        print(f"Saved {wanted['name']}: your browser makes it. It is among your files.")
        return
    remark = f", {made.remark}" if made.remark else ""
    print(f"Saved {_FOLDER}/{path.name} ({len(made.content) / 1000:,.0f} kB{remark}).")


class _Made(NamedTuple):
    """A file to be saved. `ending` may be another than was asked for; `width` is in pixels, of what was asked for."""

    ending: str
    content: bytes
    remark: str
    width: int


def _photo(picture: Pixels, ending: str, colors: int | None) -> _Made:
    if ending != ".jpg":
        return _Made(ending, fewer_colors(picture, colors) if colors else picture.png(9), "", picture.width)
    if pillow() is None:
        return _Made(".png", picture.png(), "for a .jpg is written by Pillow, which is not installed", picture.width)
    return _Made(ending, _jpeg(picture), "", picture.width)


def _drawn(picture: Figure | Images, across: int, ending: str, colors: int | None) -> _Made:
    if stills_can_be_drawn():
        width = int.from_bytes(picture.png(1)[16:20], "big")
        content = picture.png(across / width)
        if ending == ".jpg" or colors:
            return _photo(rgb_of(content), ending, colors)
        return _Made(ending, content, "", across)
    remark = "for stills are drawn by vl-convert, which is not installed"
    if isinstance(picture, Images):
        return _Made(".svg", picture.svg().encode(), remark, across)
    return _Made(".json", json.dumps(picture.spec).encode(), f"a Vega-Lite description, {remark}", across)


def _write(folder: Path, stem: str, ending: str, content: bytes) -> Path:
    """Write to the first of name, name-2, … that is free or holds what we wrote there before."""
    folder.mkdir(exist_ok=True)
    record = folder / _OURS
    made: dict[str, str] = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    for n in range(1, 10_000):
        path = folder / f"{stem}{f'-{n}' if n > 1 else ''}{ending}"
        if not path.exists() or made.get(path.name) == _hash(path.read_bytes()):
            break
    unfinished = folder / f".{path.name}.part"
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    record.write_text(json.dumps({**made, path.name: _hash(content)}, indent=1), encoding="utf-8")
    return path


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _jpeg(picture: Pixels) -> bytes:
    """A picture as a JPEG file, on white where it is transparent."""
    from PIL import Image

    file = io.BytesIO()
    with Image.open(io.BytesIO(picture.png(1))) as opened:
        shown = opened.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
    flat.save(file, "JPEG", quality=90, optimize=True)
    return file.getvalue()


def _show_file(made: _Made, alt: str) -> None:
    """Show a saved file."""
    if not front.connected():
        return
    natural = made.width
    url = f"data:{_MIMES[made.ending]};base64,{base64.b64encode(made.content).decode('ascii')}"
    width = natural * max(1, _ALONE // natural) if natural < _ALONE else min(natural, _ACROSS)
    look = "display:block;max-width:100%;height:auto;margin:6px 0;border-radius:4px"
    image = f'<img src="{url}" alt="{escape(alt)}" width="{width}" style="{look}">'
    front.display({"text/html": image, "text/plain": alt})


def _fitting_width(drawn: Sequence[Pixels]) -> int:
    """The width of one picture on the screen: whole multiples for small ones, so that their pixels are even."""
    count, natural = len(drawn), max(p.width for p in drawn)
    in_one_row = (_ACROSS - (count - 1) * _GAP) // count
    wanted = _ALONE if count == 1 else min(200, in_one_row) if in_one_row >= 84 else 120 if count <= 12 else 96
    if natural * 1.4 <= wanted:
        return natural * max(1, int(wanted / natural + 0.2))
    return min(wanted, max(natural, wanted // 2)) if count == 1 else wanted


def _fitting_columns(count: int, width: int) -> int:
    """As many as fit side by side; fewer if all rows are then equally long."""
    most = max(1, min(count, (_ACROSS + 20 + _GAP) // (width + _GAP)))
    even = max(c for c in range(1, most + 1) if count % c == 0)
    return even if even * 2 > most else most


def _alt(title: str | None, captions: Sequence[str], count: int) -> str:
    named = [c for c in captions if c]
    said = f": {', '.join(named[:12])}{' …' if len(named) > 12 else ''}" if named else ""
    return (title or ("A picture" if count == 1 else f"{count} pictures")) + said + "."
