"""A large picture to go into, by wheel, drag or keys; where no script runs it is the picture."""

from __future__ import annotations

import importlib.resources
import itertools
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import torch

from handson.lab import front, style
from handson.lab.png import Pixels, pixels

_HELP = "Click it, then turn the wheel and drag; keys: + and −, arrows, 0 for the whole."
_count = itertools.count(1)


@dataclass(frozen=True)
class Zoomable:
    """What `zoomable` returns: the last line of a cell shows it."""

    picture: Pixels
    names: tuple[str, ...]
    columns: int
    title: str
    alt: str
    width: int

    def __repr__(self) -> str:
        """The text alternative."""
        return f"Zoomable picture: {self.alt}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/html": self.html(), "text/plain": self.alt}

    def html(self) -> str:
        """The picture as an HTML figure, and the script that lets one go into it; nothing is loaded from elsewhere."""
        name = f"handson-zoom-{next(_count)}-{secrets.token_hex(4)}"
        title = f'<figcaption style="{_TITLE_CSS}">{escape(self.title)}</figcaption>' if self.title else ""
        buttons = "".join(
            f'<button type="button" aria-label="{says}" title="{says}" style="{_BUTTON_CSS}">{sign}</button>'
            for sign, says in (("+", "closer"), ("−", "farther"), ("whole", "the whole picture"))
        )
        script = (importlib.resources.files("handson.lab") / "static" / "zoom.js").read_text(encoding="utf-8")
        # "</" would end the script, and "<!--" keep it from ending.
        arguments = json.dumps([list(self.names), self.columns]).replace("<", "\\u003c")[1:-1]
        return (
            f'<figure id="{name}" style="margin:8px 0;max-width:{self.width}px;font-family:{style.FONT}" '
            f'data-lm-suppress-shortcuts="true">{title}'
            f'<div role="group" aria-label="{escape(self.alt)} {_HELP}" style="border-radius:4px">'
            f'<img src="{self.picture.data_url(9)}" alt="{escape(self.alt)}" '
            f'style="display:block;width:100%;height:auto;margin:0"></div>'
            f'<div data-bar style="display:none;gap:8px;align-items:center;margin-top:8px;font-size:{style.SMALL}px">'
            f'{buttons}<span style="opacity:{style.MUTED}">{_HELP}</span></div>'
            f'<div role="status" aria-live="polite" style="min-height:1.5em;font-size:{style.LABEL}px"></div></figure>'
            f"<script>{script.rstrip()}(document.getElementById({json.dumps(name)}), {arguments});</script>"
        )


_TITLE_CSS = f"font-size:{style.TITLE}px;font-weight:600;margin:0 0 12px"
_BUTTON_CSS = (
    "font:inherit;color:inherit;background:none;border:1px solid currentColor;border-radius:4px;"
    "min-width:2.2em;padding:2px 8px;cursor:pointer"
)


def zoomable(
    picture: torch.Tensor,
    names: Sequence[Any] | None = None,
    *,
    columns: int = 1,
    title: str = "",
    alt: str = "A large picture.",
    width: int = 720,
) -> Zoomable:
    """A picture to go into: by wheel, drag and double click, by buttons, by keys (+, −, arrows, 0).

    picture: (H, W), (H, W, 3) or (3, H, W), float 0..1 or uint8. names: where the picture is a grid of `columns`
    columns, the name of each cell, row by row: the one under the pointer is said below. width: on the screen, at most.
    Where no script runs (a notebook that is not trusted, a printed one) it is the plain picture.
    Raises ValueError for columns below 1, or more of them than names.
    """
    said = tuple(str(name) for name in names or ())
    if columns < 1 or (said and columns > len(said)):
        raise ValueError(f"A grid of {len(said)} names cannot have {columns} columns.")
    shown = Zoomable(pixels(picture), said, columns, title, alt, width)
    if not front.connected():
        print(shown.alt)
    return shown
