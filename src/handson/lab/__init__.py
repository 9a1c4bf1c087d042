"""What a lesson imports beside torch: data, figures, live curves, checks. Plumbing only; the ideas stay in the lesson.

Names are loaded when first used, so that `handson` itself starts without PyTorch. Where HANDSON_BACKEND=pocket asks for
handson.pocket, or PyTorch is not installed, `torch` is that to all of lab.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handson.lab.bubble_chart import bubbles
    from handson.lab.canvas import Canvas
    from handson.lab.data import AssetMissing, Digits, asset, cat, cat_photos, digits, sample_photo
    from handson.lab.exercises import NotYet, check, checker, expect, use
    from handson.lab.figure import Figure, bars, heatmap, plot, scatter
    from handson.lab.image import images, save_picture, show
    from handson.lab.live import Live
    from handson.lab.pad import drawing_pad
    from handson.lab.paintings import painting
    from handson.lab.photos import photo, your_painting, your_photo
    from handson.lab.reporting import report
    from handson.lab.session import begin, pace, seed
    from handson.lab.shading import shades
    from handson.lab.things import Things, cifar10
    from handson.lab.two_kinds import Twenty, twenty, your_twenty
    from handson.lab.zooming import zoomable

if os.environ.get("HANDSON_BACKEND", "").strip().lower() == "pocket" or (
    "torch" not in sys.modules and importlib.util.find_spec("torch") is None
):
    # The one thing that lab asks of pocket: before any part of it says `import torch`.
    from handson.pocket import install

    install()

_MODULES = {
    "bubble_chart": ("bubbles",),
    "canvas": ("Canvas",),
    "data": ("AssetMissing", "Digits", "asset", "cat", "cat_photos", "digits", "sample_photo"),
    "exercises": ("NotYet", "check", "checker", "expect", "use"),
    "figure": ("Figure", "bars", "heatmap", "plot", "scatter"),
    "image": ("images", "save_picture", "show"),
    "live": ("Live",),
    "pad": ("drawing_pad",),
    "paintings": ("painting",),
    "photos": ("photo", "your_painting", "your_photo"),
    "reporting": ("report",),
    "session": ("begin", "pace", "seed"),
    "shading": ("shades",),
    "things": ("Things", "cifar10"),
    "two_kinds": ("Twenty", "twenty", "your_twenty"),
    "zooming": ("zoomable",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [  # noqa: RUF022  # grouped as in _MODULES
    "bubbles",
    "Canvas",
    "AssetMissing", "Digits", "asset", "cat", "cat_photos", "digits", "sample_photo",
    "NotYet", "check", "checker", "expect", "use",
    "Figure", "bars", "heatmap", "plot", "scatter",
    "images", "save_picture", "show",
    "Live",
    "drawing_pad",
    "painting",
    "photo", "your_painting", "your_photo",
    "report",
    "begin", "pace", "seed",
    "shades",
    "Things", "cifar10",
    "Twenty", "twenty", "your_twenty",
    "zoomable",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"handson.lab has no {name!r}. It has: {', '.join(sorted(_HOME))}.")
    return getattr(importlib.import_module(f"handson.lab.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
